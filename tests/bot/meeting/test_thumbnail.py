"""The small picture for who watches: it is the camera's, it is replaced as a whole, and it costs no meeting."""

from __future__ import annotations

import asyncio
from pathlib import Path

import cv2
import numpy as np

from bot.meeting.badge import neutral_picture
from bot.meeting.thumbnail import WIDTH, keep_thumbnail, thumbnail
from tests.bot.clocks import HandClock, until


def test_it_is_the_frame_in_its_colours_and_its_shape() -> None:
    red = np.empty((360 * 3 // 2, 640), np.uint8)
    red[:360], red[360:450], red[450:] = 82, 90, 240
    shown = cv2.imdecode(np.frombuffer(thumbnail(red), np.uint8), cv2.IMREAD_COLOR)
    assert shown is not None and shown.shape == (108, WIDTH, 3)
    blue, green, red_seen = shown.reshape(-1, 3).mean(axis=0)
    assert red_seen > 240 and blue < 15 and green < 15


async def test_the_newest_frame_is_kept_and_nothing_before_the_first(tmp_path: Path) -> None:
    path, frames = tmp_path / "evidence" / "camera.jpg", [None, neutral_picture(320, 180)]
    looked = iter([*frames, *(np.full((270, 320), luma, np.uint8) for luma in range(50, 100))])
    keeping = asyncio.create_task(keep_thumbnail(lambda: next(looked), path, HandClock()))
    await until(path.exists)
    first = path.read_bytes()
    await until(lambda: path.read_bytes() != first)
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)
    assert path.read_bytes().startswith(b"\xff\xd8\xff")


async def test_a_disk_that_takes_nothing_ends_nothing(tmp_path: Path) -> None:
    in_the_way, looked = tmp_path / "evidence", []
    in_the_way.write_text("a file where the folder should be")

    def shown() -> np.ndarray:
        looked.append(None)
        return neutral_picture(320, 180)

    keeping = asyncio.create_task(keep_thumbnail(shown, in_the_way / "camera.jpg", HandClock()))
    await until(lambda: len(looked) >= 3)
    in_the_way.unlink()
    await until((in_the_way / "camera.jpg").exists)
    keeping.cancel()
