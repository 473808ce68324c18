"""From two looks at a page to events."""

from __future__ import annotations

from connectors.base import ChatMessage, ParticipantJoined, ParticipantLeft, Speaking
from connectors.kit.web.classifier import Message, Person, Sighting
from connectors.kit.web.look import sighting_of
from connectors.kit.web.watch import REMEMBERED, Watcher


def person(name: str, *, is_self: bool = False, speaking: bool = False) -> Person:
    return Person(name=name, is_self=is_self, speaking=speaking)


def test_each_participant_is_told_once_when_seen_and_once_when_gone() -> None:
    watcher = Watcher()
    there = Sighting(people={"1": person("Iris (AI)", is_self=True), "2": person("Ada")})
    first = [*watcher.look(there, 1.0), *watcher.look(there, 2.0)]
    assert [(one.name, one.is_self) for one in first if isinstance(one, ParticipantJoined)] == [
        ("Iris (AI)", True),
        ("Ada", False),
    ]
    gone = list(watcher.look(Sighting(people={"1": there.people["1"]}), 3.0))
    assert gone == [ParticipantLeft(at_s=3.0, participant="2")]


def test_speech_starts_and_stops_even_when_the_speaker_leaves() -> None:
    watcher = Watcher()
    list(watcher.look(Sighting(people={"2": person("Ada")}), 1.0))
    assert list(watcher.look(Sighting(people={"2": person("Ada", speaking=True)}), 2.0)) == [
        Speaking(at_s=2.0, participant="2", active=True)
    ]
    assert list(watcher.look(Sighting(people={}), 3.0)) == [
        Speaking(at_s=3.0, participant="2", active=False),
        ParticipantLeft(at_s=3.0, participant="2"),
    ]


def test_messages_are_told_once_and_our_own_never() -> None:
    watcher = Watcher()
    said = (Message(id="1", sender="Ada", text="<b>hi</b>"), Message(id="2", sender="", text="ours"))
    look = Sighting(people={"2": person("Ada")}, messages=said)
    told = [*watcher.look(look, 1.0), *watcher.look(look, 2.0)]
    assert [one for one in told if isinstance(one, ChatMessage)] == [
        ChatMessage(at_s=1.0, participant="2", name="Ada", text="<b>hi</b>")
    ]
    assert watcher.last_message == "2"


def test_of_many_messages_the_latest_are_remembered() -> None:
    watcher = Watcher()
    for number in range(REMEMBERED * 2):
        list(watcher.look(Sighting(messages=(Message(id=str(number), sender="Ada", text="hi"),)), 1.0))
    again = Sighting(messages=(Message(id=str(REMEMBERED), sender="Ada", text="hi"),))
    assert not list(watcher.look(again, 2.0)) and len(watcher._told) == REMEMBERED


def test_tiles_that_say_not_whose_they_are_make_nobody_up() -> None:
    tile = {"id": None, "name": "", "is_self": False, "speaking": True, "sharing": False}
    read = {"phrases": [], "title": "", "shown": {}, "people": [tile, tile], "messages": [], "ways": {}}
    seen = sighting_of(read, frozenset())
    assert list(Watcher().look(seen, 1.0)) == [] and seen.has_others
    assert not Sighting(people={"1": person("Iris (AI)", is_self=True)}, tiles=1).has_others


def test_a_name_two_people_share_is_not_attributed() -> None:
    people = {"2": person("Ada"), "3": person("Ada")}
    look = Sighting(people=people, messages=(Message(id="1", sender="Ada", text="hi"),))
    messages = [one for one in Watcher().look(look, 1.0) if isinstance(one, ChatMessage)]
    assert messages[0].participant is None and messages[0].name == "Ada"
