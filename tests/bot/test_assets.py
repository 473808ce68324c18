"""A picture is kept once and whole, however often it comes at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

from bot.assets import keep_image

MANY = 8
PNG = b"\x89PNG\r\n\x1a\n" + bytes(2_000_000)


def test_the_same_picture_many_times_at_once_is_kept_once(tmp_path: Path) -> None:
    together = Barrier(MANY)

    def keep(_: int) -> Path:
        together.wait()
        return keep_image(tmp_path, PNG)

    with ThreadPoolExecutor(MANY) as threads:
        (path,) = set(threads.map(keep, range(MANY)))
    assert path.read_bytes() == PNG and list((tmp_path / "characters").iterdir()) == [path]
