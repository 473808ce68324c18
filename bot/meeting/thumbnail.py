"""What the bot's camera gives the meeting, small, in a file: for who watches the bots. Knows no page and no meeting.

It is the bot's own picture, badge and all; nobody else is in it. The file is replaced as a whole, so that a reader
never finds half of one, and it stays when the bot is gone: how it looked last.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from bot.clock import Clock
from bot.log import get_log

log = get_log(__name__)

Frame = NDArray[np.uint8]

EVERY_S = 5.0
WIDTH = 192  # twice what the page shows, for screens with fine pixels
_QUALITY = 80


def thumbnail(frame: Frame) -> bytes:
    """A frame (I420, see `badge.py`) as a small JPEG."""
    picture = cv2.cvtColor(frame, cv2.COLOR_YUV2BGR_I420)
    height, width = picture.shape[:2]
    size = (WIDTH, max(1, round(height * WIDTH / width)))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    _, encoded = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return bytes(encoded)


async def keep_thumbnail(shown: Callable[[], Frame | None], path: Path, clock: Clock) -> None:
    """For ever, every few seconds. A disk that does not take it is told once and ends nothing."""
    told = False
    while True:
        frame = shown()
        try:
            if frame is not None:
                await asyncio.to_thread(_write, path, frame)
        except OSError as error:
            if not told:
                log.warning("the picture for who watches cannot be kept", error=error.strerror or str(error))
            told = True
        await clock.sleep(EVERY_S)


def _write(path: Path, frame: Frame) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    unfinished = path.with_suffix(".part")
    unfinished.write_bytes(thumbnail(frame))
    unfinished.replace(path)
