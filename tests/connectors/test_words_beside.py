"""What a platform's own words mean where others stand beside them: a lobby's that stay, and a meeting's name."""

from __future__ import annotations

import pytest

from connectors.base import Refusal
from connectors.kit.web.classifier import Settled, Sighting, classify, sighting
from connectors.kit.web.screens import Place, Proof, Rule
from tests.connectors.platforms import CONNECTORS

LOOKS = 3  # with the least sure proof an answer has
DOOR = frozenset({"name", "join"})


def rules(name: str, *places: Place) -> list[Rule]:
    return [rule for rule in CONNECTORS[name].ways.screens.rules if rule.place in places]


def answers(name: str) -> list[Rule]:
    """Whatever ends a way in or a call."""
    over = rules(name, Place.REMOVED, Place.ENDED, Place.LEFT, Place.LOST, Place.REFUSED)
    return [rule for rule in over if rule not in questions(name)]


def questions(name: str) -> list[Rule]:
    """What may be asked while one waits."""
    asked = rules(name, Place.REFUSED)
    return [rule for rule in asked if rule.refusal is Refusal.CONSENT_REQUIRED or rule.proof is Proof.HINT]


LOBBIES = [(name, lobby) for name in CONNECTORS for lobby in rules(name, Place.LOBBY)]


def beside(lobby: Rule, other: Rule) -> Sighting:
    told = frozenset({other.told}) - {""}
    shown = frozenset({*lobby.shows, *other.shows, "leave"})
    return Sighting(phrases=(*lobby.says, *other.says), shown=shown, told=told, title=other.title)


@pytest.mark.parametrize(("name", "lobby"), LOBBIES, ids=lambda one: getattr(one, "id", one))
def test_an_answer_counts_though_the_lobbys_words_stay(name: str, lobby: Rule) -> None:
    """In every language each is known in, and in a mix of them."""
    for answer in answers(name):
        settled, seen = Settled(), beside(lobby, answer)
        sure = [settled.take(classify(CONNECTORS[name].ways.screens, seen)) for _ in range(LOOKS)][-1]
        assert sure is not None and (sure.place, sure.refusal) == (answer.place, answer.refusal), answer.id


@pytest.mark.parametrize(("name", "lobby"), LOBBIES, ids=lambda one: getattr(one, "id", one))
def test_what_is_asked_while_one_waits_ends_no_waiting(name: str, lobby: Rule) -> None:
    for question in questions(name):
        verdict = classify(CONNECTORS[name].ways.screens, beside(lobby, question))
        assert verdict is not None and verdict.place is Place.LOBBY, question.id


def test_every_refusal_a_platform_has_a_screen_for_is_tried_beside_its_lobby() -> None:
    for name in {name for name, _ in LOBBIES}:
        tried = {rule.refusal for rule in (*answers(name), *questions(name)) if rule.refusal is not None}
        assert tried == {rule.refusal for rule in rules(name, Place.REFUSED)}


@pytest.mark.parametrize(("name", "lobby"), LOBBIES, ids=lambda one: getattr(one, "id", one))
def test_a_lobby_that_shows_all_controls_of_a_call_and_a_door_is_a_lobby(name: str, lobby: Rule) -> None:
    screens = CONNECTORS[name].ways.screens
    shown = {one for rule in rules(name, Place.CALL, Place.DOOR) for one in rule.shows} | {"captcha"}
    verdict = classify(screens, Sighting(phrases=lobby.says, shown=frozenset(shown)))
    assert verdict is not None and verdict.place is Place.LOBBY


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (name, " ".join(rule.says))
        for name in CONNECTORS
        for rule in rules(name, Place.ENDED, Place.REMOVED, Place.LEFT, Place.LOST, Place.REFUSED)
        if rule.proof is Proof.TEXT and rule.refusal in (None, Refusal.ENDED, Refusal.PLATFORM_ERROR)
    ],
)
def test_who_names_a_meeting_after_its_end_does_not_keep_the_bot_from_knocking(name: str, said: str) -> None:
    for meeting in (said, f"{said}: retro"):
        verdict = classify(CONNECTORS[name].ways.screens, sighting(meeting, shown=DOOR))
        assert verdict is not None and verdict.place is Place.DOOR, meeting


@pytest.mark.parametrize(
    "meeting", ["Unable to connect: incident 4711", "Call ended too early - retro", "Connection lost (postmortem)"]
)
@pytest.mark.parametrize("shown", [DOOR, frozenset({"leave", "more", "tile"})])
def test_a_meetings_name_is_no_screen(meeting: str, shown: frozenset[str]) -> None:
    screens = CONNECTORS["teams"].ways.screens
    assert classify(screens, sighting(meeting, shown=shown)) == classify(screens, Sighting(shown=shown))
    lobby = sighting("Someone will let you in shortly", meeting, shown=shown)
    verdict = classify(screens, lobby)
    assert verdict is not None and verdict.place is Place.LOBBY
