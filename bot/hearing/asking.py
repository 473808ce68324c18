"""Stretches of speech to the recogniser and its words back, without holding up who hears.

Who hears tells what begins, sounds and ends, and never waits: it goes to the recogniser in that order from a bounded
queue. Words come back per stream in the order in which their stretches ended.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from bot.clock import Clock
from bot.hearing.base import (
    RATE_HZ,
    EarlyWords,
    HearingError,
    Pcm,
    Recognised,
    Recogniser,
    RecogniserSlow,
    Utterance,
)
from bot.hearing.vad import Finished
from bot.log import get_log

LONGEST_QUEUE_SAMPLES = 60 * RATE_HZ
TAKES_TIMEOUT_S = 30.0  # a recogniser that takes no sound for so long has failed
SLOW_IN_A_ROW = 3  # stretches without an answer: it hears nothing any more

log = get_log(__name__)


@dataclass(frozen=True, slots=True)
class _Begin:
    stream: str
    start_sample: int


@dataclass(frozen=True, slots=True)
class _Sound:
    stream: str
    pcm: Pcm


@dataclass(frozen=True, slots=True)
class _End:
    stream: str
    ended: Finished


class Asking:
    """`tell` is given each utterance, `fail` what ends the hearing. The recogniser is entered and left by its owner."""

    def __init__(
        self,
        recogniser: Recogniser,
        *,
        tell: Callable[[Utterance], None],
        fail: Callable[[HearingError], None],
        clock: Clock,
    ) -> None:
        self._recogniser, self._tell, self._fail, self._clock = recogniser, tell, fail, clock
        self._early = recogniser if isinstance(recogniser, EarlyWords) else None
        self._queue: deque[_Begin | _Sound | _End] = deque()
        self._queued_samples = 0
        self._to_begin: Counter[str] = Counter()  # stretches of each stream the recogniser does not know of yet
        self._more = asyncio.Event()
        self._last: dict[str, asyncio.Task[None]] = {}  # of each stream the latest words asked for
        self._tasks: set[asyncio.Task[None]] = set()
        self._slow_in_a_row = 0
        self.lost_s = 0.0  # sound the recogniser was never given because it was behind

    def start(self) -> None:
        self._own(asyncio.create_task(self._send(), name="sound to the recogniser"))

    def begin(self, stream: str, start_sample: int) -> None:
        self._to_begin[stream] += 1
        self._put(_Begin(stream, start_sample))

    def sound(self, stream: str, pcm: Pcm) -> None:
        if self._queued_samples + len(pcm) > LONGEST_QUEUE_SAMPLES:
            if not self.lost_s:
                log.warning("sound kept from the recogniser: it is behind")
            self.lost_s += len(pcm) / RATE_HZ
            return
        self._queued_samples += len(pcm)
        self._put(_Sound(stream, pcm))

    def end(self, stream: str, ended: Finished) -> None:
        self._put(_End(stream, ended))

    def so_far(self, stream: str) -> str:
        """The words of the stretch going on, as far as they are known; "" where none are told early."""
        return self._early.partial(stream) if self._early and stream not in self._to_begin else ""

    async def aclose(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _put(self, errand: _Begin | _Sound | _End) -> None:
        self._queue.append(errand)
        self._more.set()

    async def _send(self) -> None:
        try:
            while True:
                while self._queue:
                    async with asyncio.timeout(TAKES_TIMEOUT_S):
                        await self._carry(self._queue.popleft())
                self._more.clear()
                await self._more.wait()
        except TimeoutError:
            self._fail(HearingError(f"the recogniser took no sound for {TAKES_TIMEOUT_S:g} s"))
        except HearingError as error:
            self._fail(error)

    async def _carry(self, errand: _Begin | _Sound | _End) -> None:
        match errand:
            case _Begin():
                self._to_begin -= Counter([errand.stream])
                await self._recogniser.start(errand.stream, errand.start_sample)
            case _Sound():
                self._queued_samples -= len(errand.pcm)
                await self._recogniser.feed(errand.stream, errand.pcm)
            case _End():
                self._ask(errand.stream, errand.ended)
                await asyncio.sleep(0)  # the question leaves before any later sound of this stream

    def _ask(self, stream: str, ended: Finished) -> None:
        words = asyncio.create_task(
            self._words(stream, ended, self._last.get(stream)), name=f"words of {ended.end_sample}"
        )
        self._last[stream] = words
        words.add_done_callback(lambda task: self._last.get(stream) is task and self._last.pop(stream))
        self._own(words)

    async def _words(self, stream: str, ended: Finished, before: asyncio.Task[None] | None) -> None:
        began_s = self._clock.monotonic_s()
        try:
            recognised = await self._recogniser.finish(stream)
            self._slow_in_a_row = 0
        except RecogniserSlow as error:
            self._slow_in_a_row += 1
            if self._slow_in_a_row >= SLOW_IN_A_ROW:
                failure = HearingError(f"the recogniser answered none of {SLOW_IN_A_ROW} stretches in a row")
                failure.__cause__ = error
                self._fail(failure)
                return
            log.warning("a stretch of speech has no words: the recogniser was too slow")
            recognised = Recognised(text="", words=(), confidence=0.0)
        except HearingError as error:
            self._fail(error)
            return
        recognised_s = self._clock.monotonic_s() - began_s
        if before is not None:
            await asyncio.wait([before])
        self._tell(
            Utterance(
                stream=stream,
                start_sample=ended.start_sample,
                end_sample=ended.end_sample,
                text=recognised.text,
                words=recognised.words,
                confidence=recognised.confidence,
                recognised_s=recognised_s,
                alternatives=recognised.alternatives,
            )
        )

    def _own(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(partial(tell_end, fail=self._fail))


def tell_end(task: asyncio.Task[None], *, fail: Callable[[HearingError], None]) -> None:
    """Whatever breaks a part of the hearing is told: deaf ears seem to listen."""
    error = None if task.cancelled() else task.exception()
    if error is not None:
        failure = HearingError(f"the ears failed: {type(error).__name__}")
        failure.__cause__ = error
        fail(failure)
