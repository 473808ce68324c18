"""A meeting in memory for the talk: devices that play five times as fast, a plain engine, a voice of one tone, scripted
ears, and a mind that says what it is told. Each obeys its port's contract."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bot.conversation.base import Clause, Said
from bot.hearing.base import HearingEvent, SpeechEnded, SpeechGoesOn, SpeechStarted, Utterance
from bot.voice.base import RATE_HZ, Mark, SpokenClause
from connectors.base import Capabilities
from engine.api import AvBlock, Pcm, SpeechTiming, VideoFormat

VIDEO = VideoFormat(width=128, height=72, fps=24)
STEP_S = 0.002  # of real time for ten milliseconds of sound
HELD = 1440


class FastMicrophone:
    def __init__(self) -> None:
        self.sound: list[np.ndarray] = []
        self._count = self._silent_below = 0
        self._epoch = 0
        self._pace = threading.Event()

    def write(self, pcm: np.ndarray, *, epoch: int) -> None:
        self._pace.wait(STEP_S)
        self.sound.append(np.zeros_like(pcm) if epoch < self._silent_below else pcm.copy())
        self._count += len(pcm)
        self._epoch = epoch

    def flush(self, epoch: int) -> None:
        self._silent_below = max(self._silent_below, epoch)

    def heard(self) -> tuple[int, int]:
        return self._epoch, max(0, self._count - HELD)

    def neutral(self) -> None:
        self._silent_below = 1 << 30


class NoCamera:
    width, height, fps = VIDEO.width, VIDEO.height, VIDEO.fps

    def show(self, frame: np.ndarray, *, epoch: int) -> None: ...

    def flush(self, epoch: int) -> None: ...

    def set_neutral(self, frame: np.ndarray) -> None: ...

    def neutral(self) -> None: ...


class PlainSession:
    """An engine's session: on demand, four grey frames with exactly their sound."""

    video = VIDEO

    def __init__(self) -> None:
        self._queued = np.zeros(0, np.int16)
        self._epoch = self._spoken = self._index = 0

    async def speak(self, pcm: Pcm, *, timing: SpeechTiming | None, epoch: int) -> None:
        if epoch > self._epoch:
            self.interrupt(epoch)
        if epoch == self._epoch:
            self._queued = np.concatenate([self._queued, pcm])

    def listen(self, pcm: Pcm, *, speaker_id: str | None = None, gaze_xy: Any = None) -> None: ...

    def interrupt(self, epoch: int) -> None:
        if epoch > self._epoch:
            self._epoch, self._spoken, self._queued = epoch, 0, np.zeros(0, np.int16)

    async def blocks(self) -> AsyncIterator[AvBlock]:
        while True:
            await asyncio.sleep(0)
            size = VIDEO.samples_per_block
            sound, self._queued = self._queued[:size], self._queued[size:]
            start, self._spoken = self._spoken, self._spoken + len(sound)
            yield AvBlock(
                epoch=self._epoch,
                index=self._index,
                frames=np.full((4, *VIDEO.frame_shape), 128, np.uint8),
                sound=np.pad(sound, (0, size - len(sound))),
                spoken_from=start,
                spoken_to=self._spoken,
            )
            self._index += 1


class ToneVoice:
    """A quarter of a second for each word."""

    name = "tone"

    async def say(self, text: str) -> AsyncIterator[SpokenClause]:
        words = text.split()
        step = RATE_HZ // 4
        marks = tuple(Mark(start=n * step, end=(n + 1) * step, text=word) for n, word in enumerate(words))
        yield SpokenClause(text=text, pcm=np.full(step * len(words), 4000, np.int16), phonemes=None, words=marks)


@dataclass
class ScriptedEars:
    queue: asyncio.Queue[HearingEvent] = field(default_factory=asyncio.Queue)

    def feed(self, stream: str, start_sample: int, pcm: np.ndarray, *, arrived_s: float | None = None) -> None: ...

    async def events(self) -> AsyncIterator[HearingEvent]:
        while True:
            yield await self.queue.get()

    def begins(self, stream: str) -> None:
        self.queue.put_nowait(SpeechStarted(stream=stream, start_sample=0))

    def goes_on(self, stream: str, voiced_s: float, silent_s: float = 0.0, text: str = "") -> None:
        told = SpeechGoesOn(
            stream=stream,
            start_sample=0,
            at_sample=round((voiced_s + silent_s) * 16_000),
            voiced_samples=round(voiced_s * 16_000),
            silent_samples=round(silent_s * 16_000),
            text=text,
        )
        self.queue.put_nowait(told)

    def said(self, stream: str, text: str) -> None:
        self.queue.put_nowait(SpeechEnded(stream=stream, start_sample=0, end_sample=16_000, decided_sample=24_000))
        heard = Utterance(
            stream=stream, start_sample=0, end_sample=16_000, text=text, words=(), confidence=0.9, recognised_s=0.1
        )
        self.queue.put_nowait(heard)


@dataclass
class ToldMind:
    answers: list[str]
    asked: list[tuple[str, tuple[Said, ...]]] = field(default_factory=list)

    async def answer(
        self, question: str, *, speaker: str, history: Sequence[Said], readings: Sequence[str] = ()
    ) -> AsyncIterator[Clause]:
        self.asked.append((question, tuple(history)))
        for part in self.answers.pop(0).split("|"):
            yield Clause(text=part, passages=("soil.md#1",))


class MemoryConnector:
    capabilities = Capabilities(chat=True, participant_audio=True, participant_names=True)

    def __init__(self) -> None:
        self.timeline_start_s = asyncio.get_running_loop().time() - 2.0
        self.microphone, self.camera = FastMicrophone(), NoCamera()
        self.written: list[str] = []

    async def say_in_chat(self, text: str) -> None:
        self.written.append(text)


class MemoryRecorder:
    """Keeps what the bot writes down, in order."""

    def __init__(self) -> None:
        self.notes: list[tuple[str, dict[str, Any]]] = []
        self.segments: list[dict[str, Any]] = []
        self.turns: list[dict[str, Any]] = []
        self.remarks: list[dict[str, Any]] = []

    def note(self, kind: str, **data: Any) -> None:
        self.notes.append((kind, data))

    def segment(self, **fields: Any) -> None:
        self.segments.append(fields)

    def turn(self, epoch: int, record: dict[str, Any]) -> None:
        self.turns.append(record)

    def remark(self, record: dict[str, Any]) -> None:
        self.remarks.append(record)
