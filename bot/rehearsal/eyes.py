"""What the asker sees of the bot: a crop around its mouth from each received frame, and when that frame came.

The page hands over luma crops in batches (`eyes.js`); its clock is laid over ours by asking it the time: the quickest
of several answers is off by half its round trip at most. A frame's time is when the page got it decoded: what a screen
adds to that (a refresh at most) is not in it.
"""

from __future__ import annotations

import base64
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bot.rehearsal.measure import Floats, Luma

SCRIPT = Path(__file__).with_name("eyes.js")
FRAMES_KEPT = 30 * 1800
CLOCK_ASKED = 12

Box = tuple[float, float, float, float]  # x, y, width, height as shares of the picture


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """Frames in the order they came: time, size of the whole picture, luma of the crop."""

    times_s: Floats = field(repr=False)
    sizes: tuple[tuple[int, int], ...] = field(repr=False)
    mouths: tuple[Luma, ...] = field(repr=False)

    def size(self) -> tuple[int, int] | None:
        """The size most frames had."""
        return Counter(self.sizes).most_common(1)[0][0] if self.sizes else None


class Eyes:
    """Attached to one page before it opens the meeting; watches from `watch` on."""

    def __init__(self, page: Any) -> None:
        self._page = page
        self._frames: deque[tuple[float, int, int, Luma]] = deque(maxlen=FRAMES_KEPT)
        self._page_starts_s = 0.0

    async def attach(self) -> None:
        await self._page.expose_binding("understudyEyes", self._take)
        await self._page.add_init_script(path=SCRIPT)

    async def watch(self, box: Box, name: str = "") -> bool:
        """Whether there was a picture to watch, of the participant of that name; empty: of the first one."""
        self._page_starts_s = await self._page_clock()
        return bool(await self._page.evaluate("([box, name]) => window.understudyWatch(box, name)", [list(box), name]))

    def seen(self, start_s: float, end_s: float) -> Seen:
        frames = [frame for frame in tuple(self._frames) if start_s <= frame[0] < end_s]
        return Seen(
            times_s=np.array([at_s for at_s, *_ in frames]),
            sizes=tuple((width, height) for _, width, height, _ in frames),
            mouths=tuple(mouth for *_, mouth in frames),
        )

    async def _page_clock(self) -> float:
        """`time.monotonic` at the page's time zero."""
        answers: list[tuple[float, float]] = []
        for _ in range(CLOCK_ASKED):
            asked_s = time.monotonic()
            page_ms: float = await self._page.evaluate("() => performance.now()")
            answered_s = time.monotonic()
            answers.append((answered_s - asked_s, (asked_s + answered_s) / 2 - page_ms / 1000))
        return min(answers)[1]

    def _take(self, source: Any, batch: list[list[Any]]) -> None:
        for page_ms, width, height, crop_width, crop_height, data in batch:
            mouth = np.frombuffer(base64.b64decode(data), np.uint8).reshape(crop_height, crop_width)
            self._frames.append((self._page_starts_s + page_ms / 1000, width, height, mouth))
