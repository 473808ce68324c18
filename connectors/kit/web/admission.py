"""The way in, the same for every platform: door, lobby, call or refusal. What a page means is said by the classifier;
here is what is done about it, and when patience ends.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Protocol

from connectors.base import Evidence, JoinRefused, JoinRequest, Refusal
from connectors.kit.web.classifier import Settled, Sighting, Verdict, classify
from connectors.kit.web.hands import Hands, Presses, page_errors
from connectors.kit.web.screens import Place, Screens
from connectors.kit.web.ways import Ways

LOOK_S = 0.15  # between two looks at the page

ON_THE_WAY_IN = {  # screens that end a call, seen before there was one
    Place.REMOVED: Refusal.DENIED,
    Place.ENDED: Refusal.ENDED,
    Place.LEFT: Refusal.PLATFORM_ERROR,
    Place.LOST: Refusal.UNREACHABLE,
}


class Page(Protocol):
    """What the way in needs of the connector."""

    async def look(self) -> Sighting: ...

    async def evidence(self, name: str, rule: str) -> Evidence: ...


class Way:
    """One page on its way into one meeting."""

    def __init__(self, page: Page, hands: Hands, ways: Ways, request: JoinRequest, *, look_s: float = LOOK_S) -> None:
        self._page, self._hands, self._ways, self._request = page, hands, ways, request
        self._look_s = look_s
        self._settled = Settled()
        self._presses = Presses()
        self._knocked_at: float | None = None  # the page that was
        self._answers = True
        self._lobby_since_s: float | None = None
        self._rule = ""  # the last that counted
        self._be_patient()

    async def go(self, in_lobby: Callable[[], None], give_up: Callable[[], Awaitable[None]]) -> None:
        """Returns when in the call; `give_up` leaves a lobby nobody answers in. Raises JoinRefused, and TimeoutError
        where a page takes longer to answer than it may."""
        while True:
            seen = await self._look()
            verdict = classify(self._ways.screens, seen)
            sure = self._settled.take(verdict)
            if verdict is not None and verdict.place is Place.DOOR and self._knocked_at != seen.loaded:
                await self._knock(verdict, seen)
            elif verdict is not None and verdict.place is Place.LOBBY:  # at once: it promises nothing
                await self._wait(verdict, in_lobby, give_up)
            elif sure is not None and sure.place is not Place.DOOR:
                self._count(sure)
                if sure.place is Place.CALL:
                    return
                raise await self._refused(refusal_of(sure), sure.rule)
            if verdict is None and self._rule:
                await self._hands.wake()  # a call whose controls are hidden shows nothing that proves it
            if time.monotonic() > self._deadline_s:
                if not self._answers:
                    raise TimeoutError("the meeting's page does not answer")
                raise await self._refused(Refusal.PAGE_NOT_UNDERSTOOD, "")
            await self._pass(seen)
            await asyncio.sleep(self._look_s)

    async def _look(self) -> Sighting:
        """A page that is busy shows nothing, for as long as it may take to answer."""
        self._answers = False
        with suppress(TimeoutError):
            seen = await self._page.look()
            self._answers = True
            return seen
        return Sighting()

    async def _knock(self, door: Verdict, seen: Sighting) -> None:
        """Again at the next look, where the page was not whole yet, its button could not be pressed or another page was
        loaded, now or later: that has a door of its own."""
        self._count(door)
        with suppress(TimeoutError, *page_errors()):
            if await self._ways.knock(self._hands, self._request):
                if self._knocked_at is None:
                    self._be_patient()
                self._knocked_at = seen.loaded

    async def _wait(self, lobby: Verdict, in_lobby: Callable[[], None], give_up: Callable[[], Awaitable[None]]) -> None:
        self._count(lobby)
        if self._lobby_since_s is None:
            self._lobby_since_s = time.monotonic()
            in_lobby()
        if time.monotonic() - self._lobby_since_s > self._request.lobby_timeout_s:
            refused = await self._refused(lobby.refusal or Refusal.LOBBY_TIMEOUT, lobby.rule)
            await give_up()
            raise refused
        self._be_patient()

    async def _pass(self, seen: Sighting) -> None:
        """What stands in the way and may be pressed away."""
        for name in self._presses.due(seen.shown.intersection(self._ways.passes)):
            with suppress(TimeoutError, *page_errors()):  # it may lead to another page at once
                await self._hands.press_in_page(name)

    async def _refused(self, refusal: Refusal, rule: str) -> JoinRefused:
        evidence = await self._page.evidence(refusal.value, rule)
        return JoinRefused(refusal, evidence, advice=advice_for(self._ways.screens, refusal))

    def _be_patient(self) -> None:
        self._deadline_s = time.monotonic() + self._request.page_timeout_s

    def _count(self, verdict: Verdict) -> None:
        if verdict.rule != self._rule:
            self._rule = verdict.rule
            self._ways.screens.hit(verdict.rule)


def longest_s(request: JoinRequest) -> float:
    """No way in takes longer: to the page, from it to its door, from a knock to the lobby, in it, and from it on."""
    return 4 * request.page_timeout_s + request.lobby_timeout_s


def refusal_of(verdict: Verdict) -> Refusal:
    """Why a page that shows this does not let us in."""
    if verdict.refusal is not None:
        return verdict.refusal
    return ON_THE_WAY_IN[verdict.place]


def advice_for(screens: Screens, refusal: Refusal) -> str:
    """What a host has to change: on this platform, else in general."""
    return screens.advice.get(refusal, refusal.advice)
