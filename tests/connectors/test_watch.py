"""From two looks at a page to events."""

from __future__ import annotations

import pytest

from connectors.base import (
    ChatMessage,
    ParticipantJoined,
    ParticipantLeft,
    ParticipantRenamed,
    Speaking,
    UnnamedPeople,
)
from connectors.kit.web.chat import DRAWN_S, EMPTY_S, REMEMBERED, Chat
from connectors.kit.web.classifier import Message, Person, Sighting
from connectors.kit.web.look import sighting_of
from connectors.kit.web.watch import CHAT_BOX, STANDS_S, Watcher

OPEN = Sighting(shown=frozenset({CHAT_BOX}))


def person(name: str, *, is_self: bool = False, speaking: bool = False) -> Person:
    return Person(name=name, is_self=is_self, speaking=speaking)


def caught_up() -> Watcher:
    """With an open chat in which nothing was written before."""
    watcher = Watcher()
    assert not watcher.catches_up(OPEN, 0.0) and watcher.catches_up(OPEN, EMPTY_S)
    return watcher


def written(*numbers: str) -> tuple[Message, ...]:
    return tuple(Message(id=number, sender="Ada", text=number) for number in numbers)


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
    watcher = caught_up()
    said = (Message(id="1", sender="Ada", text="<b>hi</b>"), Message(id="2", sender="", text="ours"))
    look = Sighting(people={"2": person("Ada")}, messages=said)
    told = [*watcher.look(look, 1.0), *watcher.look(look, 2.0)]
    assert [one for one in told if isinstance(one, ChatMessage)] == [
        ChatMessage(at_s=1.0, participant="2", name="Ada", text="<b>hi</b>")
    ]
    assert watcher.last_message == "2"


def test_of_many_messages_the_latest_are_remembered() -> None:
    watcher = caught_up()
    for number in range(REMEMBERED * 2):
        list(watcher.look(Sighting(messages=(Message(id=str(number), sender="Ada", text="hi"),)), 1.0))
    again = Sighting(messages=(Message(id=str(REMEMBERED), sender="Ada", text="hi"),))
    assert not list(watcher.look(again, 2.0)) and len(watcher._chat._known) == REMEMBERED


def test_tiles_that_say_not_whose_they_are_make_nobody_up() -> None:
    tile = {"id": None, "name": "", "is_self": False, "speaking": True, "sharing": False}
    read = {"phrases": [], "title": "", "shown": {}, "people": [tile, tile], "messages": [], "ways": {}}
    seen = sighting_of(read, frozenset())
    assert list(Watcher().look(seen, 1.0)) == [] and seen.has_others
    assert not Sighting(people={"1": person("Iris (AI)", is_self=True)}, tiles=1).has_others


def test_a_name_two_people_share_is_not_attributed() -> None:
    people = {"2": person("Ada"), "3": person("Ada")}
    look = Sighting(people=people, messages=(Message(id="1", sender="Ada", text="hi"),))
    messages = [one for one in caught_up().look(look, 1.0) if isinstance(one, ChatMessage)]
    assert messages[0].participant is None and messages[0].name == "Ada"


@pytest.mark.parametrize(
    ("looks", "told"),
    [
        ([(0.0, "ab"), (0.1, "ab")], ""),
        ([(0.0, ""), (0.5, "a"), (0.6, "ab")], "b"),
        ([(0.0, ""), (EMPTY_S, ""), (1.1, "a"), (1.2, "ab")], "ab"),
        ([(0.0, "ab"), (0.1, "abc")], "c"),
        ([(0.0, "bc"), (9.0, "abc"), (9.1, "abcd")], "d"),
        ([(0.0, "bc"), (9.0, "ab"), (9.1, "abd")], "d"),
        ([(0.0, ""), (EMPTY_S, ""), (2.0, "abc"), (2.1, "abcd")], "d"),
        ([(0.0, "a"), (2.0, "abc"), (2.1, "abcd")], "d"),
        ([(0.0, ""), (EMPTY_S, ""), (DRAWN_S, "abc")], "abc"),
        ([(0.0, "a"), (DRAWN_S, "abc")], "bc"),
    ],
)
def test_what_stands_there_at_first_is_old_and_what_comes_behind_it_is_new(
    looks: list[tuple[float, str]], told: str
) -> None:
    chat = Chat()
    new = [one.id for at_s, numbers in looks for one in chat.take(written(*numbers), at_s, is_open=True)]
    assert "".join(new) == told


def test_a_chat_that_is_not_open_yet_has_not_been_read() -> None:
    chat = Chat()
    assert chat.take((), 0.0, is_open=False) == chat.take((), 60.0, is_open=False) == []
    assert not chat.is_read
    assert chat.take(written("a"), 61.0, is_open=True) == [] and chat.is_read


def test_our_own_message_beside_another_is_no_old_chat_that_is_drawn() -> None:
    watcher, own = caught_up(), Message(id="2", sender="", text="ours")
    both = Sighting(messages=(*written("1"), own), shown=OPEN.shown)
    assert [one.text for one in watcher.look(both, 1.1) if isinstance(one, ChatMessage)] == ["1"]


def test_what_is_written_while_the_bot_is_back_in_the_lobby_is_old() -> None:
    watcher = caught_up()
    list(watcher.look(Sighting(messages=written("1"), shown=OPEN.shown), 1.1))
    list(watcher.out_of_the_call(2.0))
    told = [
        *watcher.look(Sighting(messages=written("1", "2", "3"), shown=OPEN.shown), 60.0),
        *watcher.look(Sighting(messages=written("4"), shown=OPEN.shown), 60.1),
    ]
    assert [one.text for one in told if isinstance(one, ChatMessage)] == ["4"]


def test_a_chat_in_which_nothing_was_written_meanwhile_is_read_on() -> None:
    watcher = Watcher()
    watcher.catches_up(Sighting(messages=written("1"), shown=OPEN.shown), 0.0)
    list(watcher.out_of_the_call(2.0))
    told = [event for at_s in (60.0, 60.5, 61.0) for event in watcher.look(OPEN, at_s)]
    assert told == [] and list(watcher.look(Sighting(messages=written("2")), 61.1))


def tile(participant: str | None, *, own: bool = False) -> dict[str, object]:
    return {"id": participant, "name": "", "is_self": own, "speaking": False, "sharing": False}


@pytest.mark.parametrize(
    ("tiles", "unnamed"),
    [
        ([], 0),
        ([tile(None)], 0),
        ([tile(None)] * 5, 4),
        ([tile(None), tile(None, own=True)], 1),
        ([tile("1", own=True), tile(None)], 1),
        ([tile("1", own=True), tile("2"), tile("2")], 0),
    ],
)
def test_tiles_without_an_id_are_counted_but_for_our_own(tiles: list[dict[str, object]], unnamed: int) -> None:
    read = {"phrases": [], "title": "", "shown": {}, "people": tiles, "messages": [], "ways": {}}
    assert sighting_of(read, frozenset()).unnamed == unnamed


def test_another_number_of_unnamed_people_is_told_when_it_has_stood() -> None:
    watcher = Watcher()
    looks = [(0.0, 1), (0.5, 4), (1.4, 4), (1.5, 4), (2.0, 4), (3.0, 0), (3.5, 4), (4.0, 0), (5.0, 0)]
    told = [event for at_s, unnamed in looks for event in watcher.look(Sighting(unnamed=unnamed), at_s)]
    assert told == [UnnamedPeople(at_s=1.5, others=4), UnnamedPeople(at_s=5.0, others=0)]


def test_out_of_the_call_the_unnamed_are_gone_too() -> None:
    watcher = Watcher()
    for at_s in (0.0, STANDS_S):
        list(watcher.look(Sighting(unnamed=2), at_s))
    assert list(watcher.out_of_the_call(2.0)) == [UnnamedPeople(at_s=2.0, others=0)]
    assert list(watcher.out_of_the_call(3.0)) == []


def test_a_name_that_is_drawn_late_or_changed_is_told_and_one_that_vanishes_stays() -> None:
    watcher = Watcher()
    names = ["", "Ada", "Ada", "", "Ada", "Grace"]
    told = [e for at_s, name in enumerate(names) for e in watcher.look(Sighting(people={"2": person(name)}), at_s)]
    assert told == [
        ParticipantJoined(at_s=0, participant="2", name=""),
        ParticipantRenamed(at_s=1, participant="2", name="Ada"),
        ParticipantRenamed(at_s=5, participant="2", name="Grace"),
    ]


def test_who_has_two_tiles_is_called_by_the_first_that_has_a_name() -> None:
    shared = {**tile("2"), "name": "Ada's screen", "sharing": True}
    tiles = [tile("2"), {**tile("2"), "name": "Ada"}, shared]
    read = {"phrases": [], "title": "", "shown": {}, "people": tiles, "messages": [], "ways": {}}
    seen = sighting_of(read, frozenset())
    assert seen.people == {"2": Person(name="Ada", is_self=False, speaking=False, sharing=True)}
