"""Says what is to be said, one epoch after the other, and tells when it is audible and when it is over.

What is cut falls silent at the device first. For a moment its words stay at hand, in case the cut was for nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from functools import partial

from bot.conversation import turns
from bot.conversation.base import Clause, ConversationError
from bot.log import get_log
from bot.meeting.bridge import Bridge, Heard
from bot.meeting.minutes import Minutes
from bot.meeting.script import Script
from bot.meeting.turn_record import Interruption, Turn
from bot.voice.base import RATE_HZ, SpokenClause, Voice, VoiceError

log = get_log(__name__)

KEPT_S = turns.RESUME_S + 0.5
NEARLY = RATE_HZ // 20  # a clause heard up to here from its end was heard
_POLL_S = 0.02
_SETTLES_S = 0.12  # longer than the device holds sound
_SETTLED_BY_S = 0.6


class Speaking:
    """`on_audible` and `on_over` are told the epoch; `on_over` only when nothing cut it."""

    def __init__(
        self,
        bridge: Bridge,
        voice: Voice,
        minutes: Minutes,
        *,
        on_audible: Callable[[int], None],
        on_over: Callable[[int], None],
    ) -> None:
        self._bridge, self._voice, self._minutes = bridge, voice, minutes
        self._on_audible, self._on_over = on_audible, on_over
        self._now: dict[int, tuple[Turn, Script, asyncio.Task[None]]] = {}
        self._kept: tuple[Turn, Script] | None = None  # the last that was cut
        self._settling: set[asyncio.Task[None]] = set()

    def start(self, turn: Turn, source: AsyncGenerator[Clause, None]) -> None:
        self._drop_kept()
        self._begin(turn, Script(source))

    def resume(self, epoch: int, resumes: int) -> None:
        """Say under `epoch` what was not heard of the turn that was cut."""
        if self._kept is None or self._kept[0].epoch != resumes:
            self._begin(Turn(epoch=epoch, kind="line", resumes=resumes), Script(_nothing()))
            return
        cut, script = self._kept
        self._kept = None
        turn = Turn(
            epoch=epoch, kind=cut.kind, speaker=cut.speaker, question=cut.question, because=cut.because, resumes=resumes
        )
        turn.first_clause = cut.first_clause + self._heard_whole(cut)
        self._begin(turn, script)

    def _heard_whole(self, turn: Turn) -> int:
        heard_to = self._bridge.heard_to(turn.epoch) + NEARLY
        return next((n for n, end in enumerate(turn.clause_ends) if end > heard_to), len(turn.clause_ends))

    def _begin(self, turn: Turn, script: Script) -> None:
        if any(epoch < turn.epoch for epoch in self._now):
            self.interrupt(turn.epoch)
        turn.began_s = time.monotonic()
        task = asyncio.create_task(self._speak(turn, script), name=f"turn {turn.epoch}")
        task.add_done_callback(partial(self._spoken, turn, script))
        self._now[turn.epoch] = (turn, script, task)

    def interrupt(self, epoch: int, *, by: str = "", onset_s: float | None = None) -> None:
        """What is older than `epoch` falls silent and is recorded as far as it was heard."""
        decided_s = time.monotonic()
        self._bridge.interrupt(epoch)
        for older, (turn, script, task) in self._now.items():
            if older < epoch:
                if by and turn.cut is None:
                    turn.cut = Interruption(by=by, decided_s=decided_s, onset_s=onset_s)
                    self._keep(turn, script)
                task.cancel()

    async def until_over(self, epoch: int, *, timeout_s: float) -> None:
        if epoch in self._now:
            await asyncio.wait({self._now[epoch][2]}, timeout=timeout_s)

    async def close(self) -> None:
        """Fall silent; what was being said is recorded as far as it was heard."""
        tasks = [task for _, _, task in self._now.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._drop_kept()
        await asyncio.gather(*self._settling, return_exceptions=True)

    async def _speak(self, turn: Turn, script: Script) -> None:
        """Say it and wait until it was heard."""
        watching = asyncio.create_task(self._tell_when_audible(turn.epoch))
        try:
            await self._bridge.say(turn.epoch, self._sounding(turn, script))
            await self._bridge.until_heard(turn.epoch)
        except (VoiceError, ConversationError) as error:
            log.error("an answer failed", code=error.code, epoch=turn.epoch)
        finally:
            watching.cancel()

    def _spoken(self, turn: Turn, script: Script, task: asyncio.Task[None]) -> None:
        """Whatever ended it, were it before it began: what was heard is recorded."""
        self._now.pop(turn.epoch, None)
        cut = task.cancelled()
        if not cut and (error := task.exception()) is not None:
            log.error("an answer broke", error=type(error).__name__, epoch=turn.epoch)
        self._end(turn, script, self._bridge.heard(turn.epoch), over=not cut)
        if not cut:
            self._on_over(turn.epoch)

    async def _tell_when_audible(self, epoch: int) -> None:
        while self._bridge.heard(epoch).first_audible_s is None:  # noqa: ASYNC110  the device thread has no loop
            await asyncio.sleep(_POLL_S)
        self._on_audible(epoch)

    async def _sounding(self, turn: Turn, script: Script) -> AsyncGenerator[SpokenClause, None]:
        answer = self._bridge.answer(turn.epoch)
        async with aclosing(script.clauses(turn.first_clause)) as clauses:
            async for clause in clauses:
                if turn.first_clause_s is None:
                    turn.first_token_s, turn.first_clause_s = clause.first_token_s, time.monotonic()
                turn.generated.append(clause.text)
                turn.passages += [one for one in clause.passages if one not in turn.passages]
                async for spoken in self._voice.say(clause.text):
                    yield spoken
                turn.clause_ends.append(answer.samples)

    def _end(self, turn: Turn, script: Script, heard: Heard, *, over: bool) -> None:
        self._minutes.we_said(turn, heard)
        if over or turn.cut is None:
            script.close()
        if over or turn.cut is None or heard.first_audible_s is None:
            self._minutes.turn_over(turn, heard, self._bridge.answer(turn.epoch))
            return
        settling = asyncio.create_task(self._settle(turn, heard), name=f"silence of turn {turn.epoch}")
        self._settling.add(settling)
        settling.add_done_callback(self._settling.discard)

    def _keep(self, turn: Turn, script: Script) -> None:
        self._drop_kept()
        self._kept = (turn, script)
        asyncio.get_running_loop().call_later(KEPT_S, self._forget, turn)

    def _forget(self, turn: Turn) -> None:
        if self._kept is not None and self._kept[0] is turn:
            self._drop_kept()

    def _drop_kept(self) -> None:
        if self._kept is not None:
            self._kept[1].close()
            self._kept = None

    async def _settle(self, turn: Turn, heard: Heard) -> None:
        """The record of a cut turn also says when the device fell silent."""
        assert turn.cut is not None
        await asyncio.sleep(_SETTLES_S)
        while time.monotonic() - turn.cut.decided_s < _SETTLED_BY_S:
            turn.cut.silent_s = self._bridge.silent_s(turn.epoch)
            if turn.cut.silent_s is not None:
                break
            await asyncio.sleep(_POLL_S)
        self._minutes.turn_over(turn, heard, self._bridge.answer(turn.epoch))


async def _nothing() -> AsyncGenerator[Clause, None]:
    return
    yield Clause(text="")
