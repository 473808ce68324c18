"""A bot that hangs on purpose, for the kill switch: its sound goes on while its event loop is blocked.

`python -m tests.journeys.hanging BOT_ID --attempt N --task-id T` is `understudy run` with one more engine, "hanging":
as soon as it is given words it makes one block of four seconds of tone, hands it over, and blocks the loop for a
minute. The device thread has four seconds left to play; nothing but the kill switch can silence it.
"""

from __future__ import annotations

import asyncio
import runpy
import sys
import time
from collections.abc import AsyncIterator
from typing import Self

import numpy as np

from bot.meeting.parent import Parent
from engine.api import ENGINES, AvBlock, CharacterAssets, Pcm, SpeechTiming, VideoFormat

TONE_HZ = 440
TONE_S = 4.0
BLOCKED_S = 60.0
HAND_OVER_S = 0.2  # from making the block to blocking the loop
HANGING = (sys.executable, "-m", "tests.journeys.hanging")
BLOCKED = "the loop is blocked"
LUMA = 180


class HangingEngine:
    name = "hanging"

    async def open(self, character: CharacterAssets, video: VideoFormat) -> HangingSession:
        return HangingSession(VideoFormat(width=video.width, height=video.height, fps=1))


class HangingSession:
    """See `engine.api.Session`. One frame a second, so that a block of four frames is four seconds."""

    def __init__(self, video: VideoFormat) -> None:
        self.video = video
        self._epoch = self._index = 0
        self._spoken = asyncio.Event()

    async def speak(self, pcm: Pcm, *, timing: SpeechTiming | None, epoch: int) -> None:
        self._epoch = max(self._epoch, epoch)
        self._spoken.set()

    def listen(self, pcm: Pcm, *, speaker_id: str | None = None, gaze_xy: tuple[float, float] | None = None) -> None:
        return

    def interrupt(self, epoch: int) -> None:
        self._epoch = max(self._epoch, epoch)

    async def blocks(self) -> AsyncIterator[AvBlock]:
        """Nothing but the tone: a device without blocks plays silence."""
        await self._spoken.wait()
        asyncio.get_running_loop().call_later(HAND_OVER_S, _hang)
        while True:
            yield self._tone()

    def _tone(self) -> AvBlock:
        count = self.video.samples_per_block
        tone = 8000 * np.sin(2 * np.pi * TONE_HZ * np.arange(count) / 24_000)
        index, self._index = self._index, self._index + 1
        return AvBlock(
            epoch=self._epoch,
            index=index,
            frames=np.full((4, *self.video.frame_shape), LUMA, np.uint8),
            sound=tone.astype(np.int16),
            spoken_from=index * count,
            spoken_to=(index + 1) * count,
        )

    async def aclose(self) -> None:
        return

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        return


def _hang() -> None:
    print(BLOCKED, flush=True)
    time.sleep(BLOCKED_S)
    print("the loop goes on", flush=True)


def main(words: list[str]) -> int:
    if "--kill-fd" not in words:  # the parent starts this again as the meeting process
        return Parent([sys.executable, "-m", "tests.journeys.hanging", *words]).run()
    ENGINES["hanging"] = ("tests.journeys.hanging", "HangingEngine")
    sys.argv = ["bot.meeting", *words]
    runpy.run_module("bot.meeting", run_name="__main__", alter_sys=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
