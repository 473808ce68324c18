"""The time in the call, the same for every platform: what happens is told, devices are kept on, and how it ends is told
by its cause, with evidence. What a page means is said by the classifier; knows no browser, only a page and hands.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from connectors.base import (
    Admitted,
    ConnectionLost,
    Ended,
    Event,
    Evidence,
    InLobby,
    JoinRefused,
    LeftUnasked,
    Refusal,
    Removed,
)
from connectors.kit.web.admission import LOOK_S, advice_for, refusal_of
from connectors.kit.web.arrival import Arrival, Sent
from connectors.kit.web.classifier import Settled, Sighting, Verdict, classify
from connectors.kit.web.hands import Hands, Presses, page_errors
from connectors.kit.web.screens import Place, Proof
from connectors.kit.web.watch import Watcher
from connectors.kit.web.ways import Ways

HANGING_S = 20.0  # a page that is busy for some seconds is no reason to leave
STRANGE_S = 45.0  # a page that shows neither call nor lobby nor an end for so long has lost it
REFUSED_S = 10.0  # so long stands a screen that ends a call, which a page that mends itself shows for a moment
SETTLING_S = 15.0  # after admission: devices a lobby switched off are switched on again
CATCH_UP_S = 2.0  # with a chat, which a page may not show at all
COUNT_S = 1.0  # between two counts of what left
COUNTED_S = 2.0  # a count that takes longer is given up: an end is not to be told late for it


class Page(Protocol):
    """What the time in the call needs of the connector."""

    async def look(self, after_message: str = "", timeout_s: float = 0.0) -> Sighting: ...

    async def evidence(self, name: str, rule: str = "") -> Evidence: ...

    async def sent(self) -> Sent: ...


class Presence:
    """One page in one call. `leaving`: whether the bot itself has asked to leave; `spoken_s`: how many seconds of voice
    it has given to its microphone."""

    def __init__(
        self,
        page: Page,
        hands: Hands,
        ways: Ways,
        *,
        tell: Callable[[Event], None],
        now_s: Callable[[], float],
        leaving: Callable[[], bool],
        spoken_s: Callable[[], float],
        lobby_timeout_s: float,
        look_s: float = LOOK_S,
    ) -> None:
        self._page, self._hands, self._ways = page, hands, ways
        self._tell, self._now_s, self._leaving, self._spoken_s = tell, now_s, leaving, spoken_s
        self._lobby_timeout_s, self._look_s = lobby_timeout_s, look_s
        self._watcher = Watcher(layout=ways.capabilities.layout)
        self._settled, self._presses = Settled(), Presses(now_s)
        self.arrival = Arrival()
        self._admitted_s = self._known_s = self._counted_s = now_s()
        self._lobby_since_s: float | None = None
        self._refused_since_s: float | None = None

    async def catch_up(self) -> None:
        """Before anything is told: what has been written until now is old. Raises what the page does."""
        begun_s = self._now_s()
        while self._now_s() - begun_s < CATCH_UP_S:
            seen = await self._page.look(after_message=self._watcher.last_message, timeout_s=CATCH_UP_S)
            if self._watcher.catches_up(seen, self._now_s()):
                return
            await asyncio.sleep(self._look_s)

    async def last(self) -> None:
        """Returns when Removed or Ended has been told, or the bot itself has left. Raises ConnectionLost, LeftUnasked,
        JoinRefused, and what the page raises: TimeoutError where it does not answer."""
        while True:
            seen = await self._page.look(after_message=self._watcher.last_message, timeout_s=HANGING_S)
            verdict = classify(self._ways.screens, seen)
            if verdict is not None and verdict.place is Place.CALL:
                await self._attend(seen)
            else:
                await self._hands.wake()  # a call whose controls are hidden shows nothing that proves it
            sure = self._settled.take(verdict)
            if sure is not None and await self._is_over(sure):
                return
            if self._now_s() - self._known_s > STRANGE_S:
                why = f"the meeting's page has shown no call for {STRANGE_S:.0f} s"
                raise ConnectionLost(why, evidence=await self._page.evidence("strange"))
            await asyncio.sleep(self._look_s)

    async def _attend(self, seen: Sighting) -> None:
        now_s = self._known_s = self._now_s()
        self._refused_since_s = None
        for event in self._watcher.look(seen, now_s):
            self._tell(event)
        await self._keep_up(seen)
        if now_s - self._counted_s > COUNT_S:
            self._counted_s = now_s
            await self._count(others=seen.has_others)

    async def _keep_up(self, seen: Sighting) -> None:
        """Windows that come late are pressed away; what a lobby switched off is switched on again."""
        settling = self._now_s() - self._admitted_s < SETTLING_S
        wanted = [*self._ways.passes, *(self._ways.turn_on if settling else ())]
        for name in self._presses.due(seen.shown.intersection(wanted)):
            with suppress(TimeoutError, *page_errors()):  # whether the page answers, the next look tells
                await self._hands.press_in_page(name)

    async def _count(self, *, others: bool) -> None:
        with suppress(TimeoutError, *page_errors()):  # whether the page answers, the next look tells
            async with asyncio.timeout(COUNTED_S):
                sent = await self._page.sent()
            for event in self.arrival.take(sent, others=others, spoken_s=self._spoken_s(), at_s=self._now_s()):
                self._tell(event)

    async def _is_over(self, sure: Verdict) -> bool:
        match sure.place:
            case Place.CALL:
                self._back_in_call()
            case Place.LOBBY:
                await self._wait(sure)
            case Place.REFUSED:
                await self._refuse(sure)
            case Place.REMOVED | Place.ENDED | Place.LEFT | Place.LOST:
                await self._end(sure)
                return True
        return False

    def _back_in_call(self) -> None:
        if self._lobby_since_s is not None:
            self._lobby_since_s = None
            self._admitted_s = self._now_s()
            self._tell(Admitted(at_s=self._admitted_s))

    async def _wait(self, lobby: Verdict) -> None:
        """Sent back to the lobby: nobody of the meeting is there, and patience ends as it does before a call."""
        now_s = self._known_s = self._now_s()
        self._refused_since_s = None
        if self._lobby_since_s is None:
            self._lobby_since_s = now_s
            self._ways.screens.hit(lobby.rule)
            for event in self._watcher.out_of_the_call(now_s):
                self._tell(event)
            self._tell(InLobby(at_s=now_s))
        if now_s - self._lobby_since_s > self._lobby_timeout_s and not self._leaving():
            raise await self._refused(lobby.refusal or Refusal.LOBBY_TIMEOUT, lobby.rule)

    async def _refuse(self, refused: Verdict) -> None:
        now_s = self._now_s()
        if self._refused_since_s is None:
            self._refused_since_s = now_s
        stood = now_s - self._refused_since_s >= REFUSED_S or refused.proof is Proof.NETWORK
        if stood and not self._leaving():
            raise await self._refused(refusal_of(refused), refused.rule)

    async def _refused(self, refusal: Refusal, rule: str) -> JoinRefused:
        self._ways.screens.hit(rule)
        evidence = await self._page.evidence(refusal.value, rule)
        return JoinRefused(refusal, evidence, advice=advice_for(self._ways.screens, refusal))

    async def _end(self, sure: Verdict) -> None:
        if self._leaving() and sure.place in (Place.LEFT, Place.LOST):
            return  # as it was asked to
        self._ways.screens.hit(sure.rule)
        evidence = await self._page.evidence(sure.place.value, sure.rule)
        match sure.place:
            case Place.REMOVED:
                self._tell(Removed(at_s=self._now_s(), evidence=evidence))
            case Place.ENDED:
                self._tell(Ended(at_s=self._now_s(), evidence=evidence))
            case Place.LEFT:
                raise LeftUnasked("the meeting's page says that the bot has left", evidence=evidence)
            case Place.LOST:
                raise ConnectionLost("the meeting's page lost its connection", evidence=evidence)
