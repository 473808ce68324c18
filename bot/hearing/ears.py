"""Streams of sound in, hearing events out: per stream a voice detector, and one recogniser for all of them.

Who speaks is told at once, however slow the recogniser is (`asking.py`). Knows no meeting: the bot's own participant is
a stream nobody feeds, and its echo is taken out before (`echo.py`).
Sound waits in one bounded queue; when it is full the oldest is dropped, which the stream then hears as silence.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from functools import partial
from typing import Any, Self

import numpy as np

from bot.clock import Clock, RealClock
from bot.hearing.asking import Asking, tell_end
from bot.hearing.base import (
    RATE_HZ,
    HearingError,
    HearingEvent,
    Mortal,
    Pcm,
    Recogniser,
    SpeechEnded,
    SpeechGoesOn,
    SpeechStarted,
)
from bot.hearing.vad import WINDOW, Began, Finished, GateSettings, SpeechGate, SpeechProbability, load_model
from bot.log import get_log

PREROLL_SAMPLES = RATE_HZ * 3 // 10
QUEUE_CHUNKS = 2048  # of 20 ms: 40 s of one stream, 10 s of four
MAX_STREAMS = 32
MAX_EVENTS = 1024
TELL_WINDOWS = 3  # about 100 ms: how often a stretch that goes on is told
LONGEST_GAP_SAMPLES = RATE_HZ  # a longer one ends what was said; no need to hear all of it
TICK_S = 0.1
LATE_S = 0.25  # a stream in speech that sends nothing for so long has fallen silent

log = get_log(__name__)
_Chunk = tuple[str, int, Pcm, float | None]


class _Stream:
    """One stream's detector and the sound not yet in whole windows."""

    def __init__(self, model: Any, settings: GateSettings, position: int) -> None:
        self.probability = SpeechProbability(model)
        self.gate = SpeechGate(settings, position)
        self.pending: Pcm = np.empty(0, np.int16)
        kept = PREROLL_SAMPLES // WINDOW + settings.start_of + 2
        self.history: deque[Pcm] = deque(maxlen=kept)
        self.position = position  # the next sample expected
        self.untold = 0  # windows since the stretch was last told
        self.came_s: float | None = None  # from the network, the sound being heard
        self.arrived_s = 0.0  # here
        self.arrived_position = position

    def jump(self, position: int) -> None:
        self.probability.reset()
        self.gate.jump(position)
        self.pending = np.empty(0, np.int16)
        self.history.clear()
        self.position = position

    @property
    def speaking(self) -> bool:
        return self.gate.start is not None

    def preroll(self, start: int) -> tuple[int, Pcm]:
        """What was kept from 300 ms before `start` on: its first sample's position, and the sound."""
        sound = np.concatenate(list(self.history))
        first = self.gate.position - len(sound)
        begin = max(first, start - PREROLL_SAMPLES)
        return begin, sound[begin - first :]


class RecognisingEars:
    """Satisfies `base.Ears`. Owns the recogniser it is given: opens it, closes it."""

    def __init__(self, recogniser: Recogniser, *, settings: GateSettings | None = None, clock: Clock | None = None):
        self._recogniser = recogniser
        self._settings = settings or GateSettings()
        self._clock = clock or RealClock()
        self._model: Any = None
        self._streams: dict[str, _Stream] = {}
        self._chunks: deque[_Chunk] = deque(maxlen=QUEUE_CHUNKS)
        self.dropped_s = 0.0
        self._arrived = asyncio.Event()
        self._events: asyncio.Queue[HearingEvent | None] = asyncio.Queue(MAX_EVENTS)
        self._asking = Asking(recogniser, tell=self._emit, fail=self._fail, clock=self._clock)
        self._worker: asyncio.Task[None] | None = None
        self._watch: asyncio.Task[None] | None = None
        self._failure: HearingError | None = None

    def feed(self, stream: str, start_sample: int, pcm: Pcm, *, arrived_s: float | None = None) -> None:
        if len(self._chunks) == QUEUE_CHUNKS:
            self.dropped_s += len(self._chunks[0][2]) / RATE_HZ
            log.warning("sound dropped: the ears are behind")
        self._chunks.append((stream, start_sample, pcm, arrived_s))
        self._arrived.set()

    @property
    def streams_kept(self) -> int:
        return len(self._streams)

    async def events(self) -> AsyncIterator[HearingEvent]:
        while (event := await self._events.get()) is not None:
            yield event
        if self._failure is not None:
            raise self._failure

    async def __aenter__(self) -> Self:
        self._model = await asyncio.to_thread(load_model)
        await self._recogniser.__aenter__()
        self._asking.start()
        self._worker = asyncio.create_task(self._work(), name="ears")
        self._worker.add_done_callback(partial(tell_end, fail=self._fail))
        if isinstance(self._recogniser, Mortal):
            self._watch = asyncio.create_task(self._fail_with(self._recogniser), name="recogniser's end")
        return self

    async def __aexit__(self, *exc: object) -> None:
        tasks = [task for task in (self._watch, self._worker) if task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self._asking.aclose()
        await self._recogniser.__aexit__(*exc)
        self._close_events()

    def _close_events(self) -> None:
        if self._events.full():
            self._events.get_nowait()
        self._events.put_nowait(None)

    async def _work(self) -> None:
        try:
            while True:
                if not self._chunks:
                    await self._wait()
                if self._chunks:
                    self._take(*self._chunks.popleft())
                    await asyncio.sleep(0)  # much may be waiting
                if not self._chunks:  # else what seems late may be waiting here
                    self._silence_for_the_late()
        except HearingError as error:
            self._fail(error)

    async def _wait(self) -> None:
        self._arrived.clear()
        try:
            async with asyncio.timeout(TICK_S):
                await self._arrived.wait()
        except TimeoutError:
            return

    def _take(self, name: str, start: int, pcm: Pcm, arrived_s: float | None) -> None:
        stream = self._streams.get(name)
        if stream is None:
            stream = self._add_stream(name, start)
            if stream is None:
                return
        self._fill(name, stream, start)
        stream.arrived_s, stream.arrived_position = self._clock.monotonic_s(), start + len(pcm)
        stream.came_s = arrived_s
        self._hear(name, stream, pcm[max(0, stream.position - start) :])  # what is behind came too late
        stream.came_s = None

    def _add_stream(self, name: str, start: int) -> _Stream | None:
        if len(self._streams) >= MAX_STREAMS:
            quiet = [other for other, stream in self._streams.items() if not stream.speaking]
            if not quiet:
                return None
            del self._streams[min(quiet, key=lambda other: self._streams[other].arrived_s)]
        self._streams[name] = _Stream(self._model, self._settings, start)
        return self._streams[name]

    def _fill(self, name: str, stream: _Stream, until: int) -> None:
        """A gap is silence; after a long one the stream starts anew."""
        gap = until - stream.position
        if gap <= 0:
            return
        if stream.speaking or gap <= LONGEST_GAP_SAMPLES:
            self._hear(name, stream, np.zeros(min(gap, LONGEST_GAP_SAMPLES), np.int16))
        if gap > LONGEST_GAP_SAMPLES:
            stream.jump(until)

    def _silence_for_the_late(self) -> None:
        now_s = self._clock.monotonic_s()
        for name, stream in list(self._streams.items()):
            if stream.speaking and now_s - stream.arrived_s > LATE_S:
                late = stream.arrived_position + round((now_s - stream.arrived_s - LATE_S / 2) * RATE_HZ)
                self._fill(name, stream, late)

    def _hear(self, name: str, stream: _Stream, pcm: Pcm) -> None:
        stream.position += len(pcm)
        sound = np.concatenate([stream.pending, pcm])
        whole = len(sound) // WINDOW * WINDOW
        stream.pending = sound[whole:]
        for begin in range(0, whole, WINDOW):
            self._hear_window(name, stream, sound[begin : begin + WINDOW])

    def _hear_window(self, name: str, stream: _Stream, window: Pcm) -> None:
        stream.history.append(window)
        was_speaking = stream.speaking
        verdict = stream.gate.add(window, stream.probability.of(window))
        if was_speaking:
            self._asking.sound(name, window)
        match verdict:
            case Began(start_sample=start):
                self._emit(SpeechStarted(stream=name, start_sample=start))
                stream.untold = 0
                begin, sound = stream.preroll(start)
                self._asking.begin(name, begin)
                self._asking.sound(name, sound)
            case Finished() as ended:
                self._emit(
                    SpeechEnded(
                        stream=name,
                        start_sample=ended.start_sample,
                        end_sample=ended.end_sample,
                        decided_sample=ended.decided_sample,
                        arrived_s=stream.came_s,
                    )
                )
                self._asking.end(name, ended)
            case None:
                self._tell(name, stream)

    def _tell(self, name: str, stream: _Stream) -> None:
        gate = stream.gate
        if gate.start is None:
            return
        stream.untold += 1
        if stream.untold < TELL_WINDOWS or self._events.qsize() > MAX_EVENTS // 2:
            return  # nobody takes events: what a later one says again must not push out what is said once
        stream.untold = 0
        self._emit(
            SpeechGoesOn(
                stream=name,
                start_sample=gate.start,
                at_sample=gate.position,
                voiced_samples=gate.voiced_samples,
                silent_samples=gate.silent_samples,
                text=self._asking.so_far(name),
            )
        )

    async def _fail_with(self, recogniser: Mortal) -> None:
        """At once, and not with the next who speaks: until then the bot would be deaf and seem to listen."""
        await recogniser.until_died()
        self._fail(HearingError("the recogniser's process ended"))

    def _fail(self, error: HearingError) -> None:
        self._failure = self._failure or error
        if self._worker is not None and self._worker is not asyncio.current_task():
            self._worker.cancel()
        self._close_events()

    def _emit(self, event: HearingEvent) -> None:
        if self._events.full():
            log.warning("hearing event dropped: nobody takes them")
            self._events.get_nowait()
        self._events.put_nowait(event)
