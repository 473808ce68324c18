"""An engine for tests of what stands around engines: flat frames at once, no process and no model. It keeps the whole
contract (`test_server.py` runs the suite through a socket), and can be made to die or to hang."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Self

import numpy as np

from engine.api import (
    FRAMES_PER_BLOCK,
    SPEECH_RATE_HZ,
    AvBlock,
    BadFormat,
    CharacterAssets,
    EngineDied,
    Pcm,
    SessionClosed,
    SpeechTiming,
    VideoFormat,
    require_consent,
)
from engine.diffusion.timeline import Timeline

MOST_QUEUED_S = 60


class PaintedSession:
    def __init__(self, video: VideoFormat, seed: int, colour: int) -> None:
        self.video, self._seed, self._colour = video, seed, colour
        self.timeline = Timeline(1)
        self.alive = asyncio.Event()
        self.alive.set()
        self._room = asyncio.Event()
        self.died = self.closed = False
        self.heard: list[str | None] = []

    async def speak(self, pcm: Pcm, *, timing: SpeechTiming | None, epoch: int) -> None:
        self._check()
        timeline = self.timeline
        while timeline.queued_samples >= MOST_QUEUED_S * SPEECH_RATE_HZ and epoch == timeline.epoch:
            self._room.clear()
            await self._room.wait()
            self._check()
        timeline.speak(pcm, epoch)

    def listen(self, pcm: Pcm, *, speaker_id: str | None = None, gaze_xy: tuple[float, float] | None = None) -> None:
        self.heard.append(speaker_id)

    def interrupt(self, epoch: int) -> None:
        self.timeline.interrupt(epoch)
        self._room.set()

    async def blocks(self) -> AsyncIterator[AvBlock]:
        while not self.closed:
            await self.alive.wait()
            if self.closed:
                return
            if self.died:
                raise EngineDied("the painter died")
            yield self._painted()

    def _painted(self) -> AvBlock:
        index = self.timeline.taken_samples // self.video.samples_per_block
        taken = self.timeline.take(self.video.samples_per_block)
        self._room.set()
        level = int(np.abs(taken.pcm).mean()) % 50
        shades = self._colour + (7 * (index * FRAMES_PER_BLOCK + np.arange(FRAMES_PER_BLOCK)) + self._seed) % 23 + level
        frames = np.empty((FRAMES_PER_BLOCK, *self.video.frame_shape), np.uint8)
        frames[:] = shades[:, None, None]
        frames.flags.writeable = taken.pcm.flags.writeable = False
        return AvBlock(
            epoch=taken.epoch,
            index=index,
            frames=frames,
            sound=taken.pcm,
            spoken_from=taken.spoken_from,
            spoken_to=taken.spoken_to,
        )

    def die(self) -> None:
        self.died = True
        self.alive.set()
        self._room.set()

    async def aclose(self) -> None:
        self.closed = True
        self.alive.set()
        self._room.set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()

    def _check(self) -> None:
        if self.closed:
            raise SessionClosed
        if self.died:
            raise EngineDied("the painter died")


def _bytes_of(path: Path) -> bytes:
    return path.read_bytes()


class PaintedEngine:
    """`colour` tells whose frames they are; `refusal` is raised instead of opening."""

    name = "painted"
    capacity = 2

    def __init__(self, *, video: VideoFormat | None = None, colour: int = 20) -> None:
        self._video, self._colour = video, colour
        self.sessions: list[PaintedSession] = []
        self.images: list[bytes] = []
        self.refusal: Exception | None = None
        self.down = asyncio.Event()
        self.warmed = 0

    async def open(self, character: CharacterAssets, video: VideoFormat) -> PaintedSession:
        require_consent(character)
        if self.refusal is not None:
            raise self.refusal
        if video.width < 16 or video.fps < 8:
            raise BadFormat("too small")
        self.images.append(_bytes_of(character.image))
        self.sessions.append(PaintedSession(self._video or video, character.seed, self._colour))
        return self.sessions[-1]

    async def warm_up(self) -> None:
        self.warmed += 1
        self.down.clear()

    async def until_down(self) -> None:
        await self.down.wait()

    def figures(self) -> dict[str, float]:
        return {"painted": float(len(self.sessions))}

    async def aclose(self) -> None:
        for session in self.sessions:
            await session.aclose()

    def die(self) -> None:
        for session in self.sessions:
            session.die()
        self.down.set()
