"""The time in the call, over pages that are lists of looks: what is told, what is pressed, how each end is known."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace

import pytest

from connectors.base import (
    Admitted,
    ChatMessage,
    ConnectionLost,
    ConnectorError,
    Ended,
    Event,
    Evidence,
    InLobby,
    JoinRefused,
    LeftUnasked,
    ParticipantJoined,
    ParticipantLeft,
    Refusal,
    Removed,
    SoundArrives,
)
from connectors.kit.web.arrival import Sent
from connectors.kit.web.classifier import Message, Person, Sighting, sighting
from connectors.kit.web.hands import AGAIN_S
from connectors.kit.web.presence import CATCH_UP_S, COUNTED_S, REFUSED_S, STRANGE_S, Presence
from connectors.teams.connector import TeamsConnector
from tests.bot.clocks import HurriedLoop

LOOK_S = 0.5
PEOPLE = {
    "1": Person(name="Iris (AI)", is_self=True, speaking=False),
    "2": Person(name="Ada", is_self=False, speaking=False),
}
CALL = Sighting(shown=frozenset({"leave", "more", "tile"}), people=PEOPLE)
LOBBY = sighting("Someone will let you in shortly", shown=frozenset({"leave", "more", "tile"}))
STRANGE = sighting("Take the tour")
LEFT = Sighting(shown=frozenset({"left_screen"}))
SIGN_IN = sighting("You need to be signed in to Teams")
OVER, LOST = sighting("Call ended"), sighting("Connection lost")
REMOVED = replace(CALL, told=frozenset({"removed"}))


class Pages:
    """Shows these looks one after the other, the last one for good, one each half second."""

    def __init__(self, *looks: Sighting, leaving: bool = False, sent: Iterable[Sent] = ()) -> None:
        self.looks, self.counts = list(looks), list(sent)
        self.now_s = self.spoken_s = self.caught_up_s = 0.0
        self.told: list[Event] = []
        self.pressed: list[float] = []
        self._leaving = leaving

    async def look(self, after_message: str = "", timeout_s: float = 0.0) -> Sighting:
        self.now_s += LOOK_S
        return self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]

    async def evidence(self, name: str, rule: str = "") -> Evidence:
        return Evidence(url="", heading=name, rule=rule)

    async def sent(self) -> Sent:
        self.spoken_s += 2.0
        return self.counts.pop(0) if self.counts else Sent(links=1, frames=round(self.now_s * 24), energy=self.now_s)

    async def press_in_page(self, name: str) -> bool:
        self.pressed.append(self.now_s)
        return True

    async def wake(self) -> None:
        """There is nothing to see of it."""

    async def last(self, *, lobby_timeout_s: float = 60.0, catching_up: bool = False) -> list[Event]:
        presence = Presence(
            self,
            self,  # type: ignore[arg-type]
            TeamsConnector.ways,
            tell=self.told.append,
            now_s=lambda: self.now_s,
            leaving=lambda: self._leaving,
            spoken_s=lambda: self.spoken_s,
            lobby_timeout_s=lobby_timeout_s,
            look_s=0.0,
        )
        if catching_up:
            await presence.catch_up()
        self.caught_up_s = self.now_s
        await presence.last()
        return self.told

    async def breaks(self, kind: type[ConnectorError], **patience: float) -> ConnectorError:
        with pytest.raises(kind) as broken:
            await self.last(**patience)
        assert broken.value.evidence is not None
        return broken.value


@pytest.mark.parametrize(("end", "kind"), [(REMOVED, Removed), (OVER, Ended)])
async def test_who_ends_a_call_is_told_with_evidence(end: Sighting, kind: type) -> None:
    last = (await Pages(CALL, end).last())[-1]
    assert isinstance(last, kind)
    assert last.evidence.rule and last.evidence.heading


@pytest.mark.parametrize(
    ("end", "kind"), [(LEFT, LeftUnasked), (LOST, ConnectionLost), (STRANGE, ConnectionLost), (SIGN_IN, JoinRefused)]
)
async def test_a_call_that_is_no_more_ends_by_its_cause_with_evidence(end: Sighting, kind: type) -> None:
    pages = Pages(CALL, end)
    await pages.breaks(kind)
    assert pages.now_s < STRANGE_S + 2.0


@pytest.mark.parametrize("end", [LEFT, LOST])
async def test_a_bot_that_leaves_is_told_nothing_of_it(end: Sighting) -> None:
    told = await Pages(CALL, end, leaving=True).last()
    assert {type(event) for event in told} == {ParticipantJoined}


async def test_a_bot_sent_back_to_the_lobby_is_with_nobody_until_it_is_let_in_again() -> None:
    told = await Pages(*[CALL] * 3, *[LOBBY] * 4, *[CALL] * 3, REMOVED).last()
    kinds = [type(event) for event in told]
    assert kinds == [
        *[ParticipantJoined] * 2,
        *[ParticipantLeft] * 2,
        InLobby,
        *[ParticipantJoined] * 2,
        Admitted,
        Removed,
    ]


async def test_what_was_written_before_the_bot_came_or_came_back_is_not_told() -> None:
    def wrote(*numbers: str) -> Sighting:
        return replace(CALL, messages=tuple(Message(id=number, sender="Ada", text=number) for number in numbers))

    pages = Pages(
        wrote("1", "2"), wrote("1", "2"), wrote("3"), *[LOBBY] * 4, *[wrote("4", "5")] * 3, wrote("6"), REMOVED
    )
    told = await pages.last(catching_up=True)
    assert [event.text for event in told if isinstance(event, ChatMessage)] == ["3", "6"]


async def test_a_page_that_shows_no_chat_is_waited_for_a_moment_alone() -> None:
    pages = Pages(*[CALL] * 20, REMOVED)
    await pages.last(catching_up=True)
    assert CATCH_UP_S <= pages.caught_up_s <= CATCH_UP_S + 2 * LOOK_S


async def test_a_lobby_after_the_call_that_nobody_answers_in_ends_in_time() -> None:
    pages = Pages(CALL, LOBBY)
    refused = await pages.breaks(JoinRefused, lobby_timeout_s=5.0)
    assert isinstance(refused, JoinRefused) and refused.refusal is Refusal.LOBBY_TIMEOUT
    assert pages.now_s < 10.0


async def test_an_end_is_told_though_the_words_of_the_lobby_before_it_stay() -> None:
    both = sighting("Someone will let you in shortly", "You've been removed from this meeting")
    told = await Pages(CALL, *[LOBBY] * 4, both).last()
    assert [type(event) for event in told][-2:] == [InLobby, Removed]


async def test_a_refusal_that_passes_ends_no_call() -> None:
    passing = [SIGN_IN] * round(REFUSED_S / LOOK_S - 1)
    await Pages(CALL, *passing, CALL, *passing, CALL, REMOVED).last()


async def test_a_refusal_that_passes_in_a_lobby_ends_no_waiting() -> None:
    both = sighting("Someone will let you in shortly", "You need to be signed in to Teams")
    passing = [both] * round(REFUSED_S / LOOK_S - 1)
    await Pages(CALL, *passing, *[LOBBY] * 4, *passing, *[CALL] * 4, REMOVED).last()


async def test_a_refusal_that_stands_beside_the_words_of_a_lobby_ends_the_waiting() -> None:
    both = sighting("Someone will let you in shortly", "You need to be signed in to Teams")
    refused = await Pages(CALL, *[LOBBY] * 4, both).breaks(JoinRefused)
    assert isinstance(refused, JoinRefused) and refused.refusal is Refusal.SIGN_IN_REQUIRED


async def test_a_switch_whose_label_lags_is_not_pressed_back() -> None:
    switched_off = replace(CALL, shown=CALL.shown | {"turn_on_camera"})
    pages = Pages(*[switched_off] * 12, CALL, REMOVED)
    await pages.last()
    gaps = [later - earlier for earlier, later in zip(pages.pressed, pages.pressed[1:], strict=False)]
    assert len(pages.pressed) == 3 and min(gaps) >= AGAIN_S


async def test_a_voice_that_does_not_leave_is_told() -> None:
    muted = [Sent(links=1, frames=24 * at, energy=0.5) for at in range(1, 9)]
    told = await Pages(*[CALL] * 20, REMOVED, sent=muted).last()
    assert [event.active for event in told if isinstance(event, SoundArrives)][:1] == [False]


class Uncounted(Pages):
    """Its connections are closing: what they have sent is never answered."""

    async def sent(self) -> Sent:
        await asyncio.Event().wait()
        raise AssertionError("nobody sets that event")


def test_an_end_is_told_though_a_count_of_what_left_is_never_answered() -> None:
    with asyncio.Runner(loop_factory=HurriedLoop) as runner:
        told = runner.run(Uncounted(*[CALL] * 4, OVER).last())
        waited_s = runner.get_loop().time()
    assert isinstance(told[-1], Ended)
    assert waited_s <= 2 * COUNTED_S
