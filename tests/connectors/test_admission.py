"""The way in, over pages that are lists of looks: what is told when, and when patience ends."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest
from playwright.async_api import TimeoutError as PageTimeout

from connectors.base import Evidence, JoinRefused, JoinRequest, Refusal
from connectors.kit.web.admission import Way
from connectors.kit.web.classifier import NEEDED, Sighting, sighting
from connectors.kit.web.screens import Proof
from connectors.teams.connector import TeamsConnector

DOOR = Sighting(shown=frozenset({"name", "join"}))
LOBBY = sighting("Someone will let you in shortly")
LOBBY_LIKE_A_CALL = sighting("Someone will let you in shortly", shown=frozenset({"leave", "more", "tile"}))
CALL = Sighting(shown=frozenset({"leave", "more", "tile"}))
STRANGE = sighting("Take the tour")
DENIED = sighting("Sorry, but you were denied access to the meeting.")
WINDOW = Sighting(shown=frozenset({"launcher"}))


class Pages:
    """Shows these looks one after the other, the last one for good; keeps what is done to it."""

    def __init__(self, looks: Iterable[Sighting], *, not_taken: Iterable[Exception | None] = ()) -> None:
        self.looks, self.not_taken = list(looks), list(not_taken)
        self.done: list[str] = []

    async def look(self) -> Sighting:
        return self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]

    async def evidence(self, name: str, rule: str) -> Evidence:
        return Evidence(url="", heading=name, rule=rule)

    async def press_in_page(self, name: str) -> bool:
        self.done.append(name)
        return True

    async def wake(self) -> None:
        self.done.append("wake")

    async def knock(self, hands: object, request: JoinRequest) -> bool:
        self.done.append("knock")
        if not self.not_taken:
            return True
        broken = self.not_taken.pop(0)
        if broken is not None:
            raise broken
        return False

    async def go(self, **patience: float) -> list[str]:
        ways = replace(TeamsConnector.ways, knock=self.knock)
        limits = {"page_timeout_s": 0.05, "lobby_timeout_s": 5.0, **patience}
        request = JoinRequest(meeting_url="", display_name="Iris (AI)", **limits)  # type: ignore[arg-type]
        way = Way(self, self, ways, request, look_s=0.0)  # type: ignore[arg-type]

        async def give_up() -> None:
            self.done.append("gave up")

        await way.go(lambda: self.done.append("lobby"), give_up)
        return self.done


async def test_a_lobby_is_told_once_and_never_taken_for_a_call() -> None:
    pages = Pages([DOOR, STRANGE, LOBBY, *[LOBBY_LIKE_A_CALL] * 20, *[CALL] * NEEDED[Proof.ID]])
    assert await pages.go() == ["knock", "wake", "lobby"]
    assert pages.looks == [CALL], "every look before the last was needed"


async def test_one_look_at_a_call_is_no_call() -> None:
    pages = Pages([DOOR, CALL, STRANGE, STRANGE, STRANGE, CALL, STRANGE])
    with pytest.raises(JoinRefused) as refused:
        await pages.go()
    assert refused.value.refusal is Refusal.PAGE_NOT_UNDERSTOOD


async def test_a_refusal_has_its_rule_and_what_the_host_must_change() -> None:
    with pytest.raises(JoinRefused) as refused:
        await Pages([DOOR, LOBBY, DENIED]).go()
    assert refused.value.refusal is Refusal.DENIED
    assert refused.value.evidence is not None and refused.value.evidence.rule == "denied.text.en.2"
    assert "lobby" in refused.value.advice


async def test_a_lobby_nobody_answers_in_is_left() -> None:
    pages = Pages([DOOR, LOBBY])
    with pytest.raises(JoinRefused) as refused:
        await pages.go(lobby_timeout_s=0.02)
    assert refused.value.refusal is Refusal.LOBBY_TIMEOUT and pages.done[-1] == "gave up"


async def test_what_stands_before_the_door_is_pressed_away() -> None:
    assert (await Pages([WINDOW, DOOR, CALL]).go())[:2] == ["launcher", "knock"]


async def test_a_door_that_did_not_take_a_knock_is_knocked_at_again() -> None:
    pages = Pages([DOOR, DOOR, DOOR, CALL], not_taken=[None, PageTimeout("the button was switched off")])
    assert await pages.go() == ["knock", "knock", "knock"]


async def test_a_door_that_never_takes_a_knock_ends_in_time() -> None:
    pages = Pages([DOOR], not_taken=[None] * 10_000)
    with pytest.raises(JoinRefused) as refused:
        await pages.go()
    assert refused.value.refusal is Refusal.PAGE_NOT_UNDERSTOOD and len(pages.done) > 1


async def test_who_was_removed_before_the_call_was_denied() -> None:
    told = replace(LOBBY, told=frozenset({"removed"}))
    with pytest.raises(JoinRefused) as refused:
        await Pages([DOOR, LOBBY, told]).go()
    assert refused.value.refusal is Refusal.DENIED
