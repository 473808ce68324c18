"""A person's throat and ears: a voice into its own sound server, and recordings of what that server carried.

Both directions are recorded the same way, the microphone as the meeting gets it and the mix the browser plays, so that
what a recording adds to a time is the same on both and cancels in a difference. On its own a time is early or late by
one piece of 20 ms at most. The microphone is one stream that never stops: silence is written between the lines.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Self

import numpy as np

from bot.rehearsal.measure import Pcm, Span, spans
from bot.rehearsal.recording import Recording
from connectors.base import DeviceFailed
from connectors.kit.pulse import Playback, Record
from connectors.kit.sound import BOT, EARS_SOURCE, SoundServer, sink_of, source_of

RECORDED_HZ = 24_000
PLAYED_HZ = 48_000
PIECE_S = 0.02
LINES_QUEUED = 4
STOP_S = 5.0
THROAT_HOLDS_S = 0.2  # a line must not break off where this process is held up; when it was heard is recorded
TAIL_S = 0.5  # after the last sample of a line was written, until it has been recorded
SPEECH_BRIDGE_S = 1.0  # a pause within one line


class Devices:
    """Open while entered; a device that fails is told at the next `speak`. `microphone` is the sound server's name of
    one; who does not hear leaves `ears` empty."""

    def __init__(self, sound: SoundServer, *, microphone: str = BOT, hears: bool = True) -> None:
        self._sound, self._microphone, self._hears = sound, microphone, hears
        self._stopping = threading.Event()
        self._lines: queue.Queue[tuple[Pcm, threading.Event]] = queue.Queue(LINES_QUEUED)
        self._threads: list[threading.Thread] = []
        self._failure: DeviceFailed | None = None
        self.ears = Recording(RECORDED_HZ)
        self.microphone = Recording(RECORDED_HZ)

    async def __aenter__(self) -> Self:
        """Raises DeviceFailed."""
        playback = await asyncio.to_thread(
            lambda: Playback(self._sound.address, sink_of(self._microphone), rate_hz=PLAYED_HZ, target_s=THROAT_HOLDS_S)
        )
        self._start("throat", lambda: self._play(playback))
        try:
            await self._listen("own", source_of(self._microphone), self.microphone)
            if self._hears:
                await self._listen("ears", EARS_SOURCE, self.ears)
        except DeviceFailed:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            await asyncio.to_thread(thread.join, STOP_S)

    async def speak(self, pcm: Pcm) -> Span | None:
        """Speak s16 mono at 48 kHz. Returns when it is out: when its first and last voiced samples entered the
        meeting's microphone, None where nothing was recorded of it. Raises DeviceFailed."""
        self._raise_failure()
        began_s, out = time.monotonic(), threading.Event()
        self._lines.put_nowait((pcm, out))
        limit_s = 2 * len(pcm) / PLAYED_HZ + STOP_S  # a starved machine plays slowly, which the recording shows
        if not await asyncio.to_thread(out.wait, limit_s):
            self._raise_failure()
            raise DeviceFailed(f"{self._microphone}'s microphone took over {limit_s:.0f} s for a line")
        await asyncio.sleep(TAIL_S)
        self._raise_failure()
        spoken = spans(self.microphone.sound(began_s - PIECE_S, time.monotonic()), bridge_s=SPEECH_BRIDGE_S)
        return Span(start_s=spoken[0].start_s, end_s=spoken[-1].end_s) if spoken else None

    async def _listen(self, name: str, source: str, recording: Recording) -> None:
        record = await asyncio.to_thread(
            lambda: Record(self._sound.address, source, rate_hz=RECORDED_HZ, piece_s=PIECE_S)
        )
        self._start(name, lambda: self._record(record, recording))

    def _start(self, name: str, work: Callable[[], None]) -> None:
        def run() -> None:
            try:
                work()
            except DeviceFailed as failure:
                self._failure = failure

        thread = threading.Thread(target=run, name=f"{self._microphone}-{name}", daemon=True)
        thread.start()
        self._threads.append(thread)

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _play(self, playback: Playback) -> None:
        piece = round(PIECE_S * PLAYED_HZ)
        silence = np.zeros(piece, np.int16)
        try:
            while not self._stopping.is_set():
                line = None
                with suppress(queue.Empty):
                    line = self._lines.get_nowait()
                if line is None:
                    playback.write(silence)
                    continue
                pcm, out = line
                for first in range(0, len(pcm), piece):
                    if not self._stopping.is_set():
                        playback.write(pcm[first : first + piece])
                out.set()
        finally:
            playback.close()

    def _record(self, source: Record, recording: Recording) -> None:
        piece = round(PIECE_S * RECORDED_HZ)
        try:
            while not self._stopping.is_set():
                pcm = source.read(piece)
                recording.add(pcm, arrived_s=time.monotonic())
        finally:
            source.close()
