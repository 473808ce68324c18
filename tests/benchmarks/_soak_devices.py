"""What a soak reads beside the bot: the pictures its camera is given, and what its processes hold."""

from __future__ import annotations

import re
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

import numpy as np
import psutil

from bot.rehearsal.eyes import Box
from bot.rehearsal.measure import Luma
from bot.rehearsal.reference import crop
from bot.rehearsal.usage import tree
from connectors.kit.camera.file import FRAME_HEAD
from tests.benchmarks._soak_measure import Sample

LOOK_S = 0.004  # a tenth of a frame
WRITTEN_S = 0.001  # it takes a tenth of that to write one
ROWS = 5
KEPT = 24 * 120
PARTS = {  # of a bot's processes, by their command lines; the first that fits
    "driver": r"playwright/driver",
    "page": r"--type=renderer",
    "browser": r"chromium|chrome",
    "sound server": r"pulseaudio",
    "portrait": r"engine\.portrait",
    "recogniser": r"pocketsphinx_process|whisper_process",
    "voice": r"espeak_process",
    "meeting": r"bot\.meeting",
    "parent": r"bot run",
}


class Pictures:
    """The mouth in every new picture of a file camera, with the time at which the file held it: while entered, and
    while it is to look. Looking 250 times a second is work, beside which the bot is measured."""

    def __init__(self, path: Path, box: Box) -> None:
        head = path.open("rb").readline()
        width, height = (int(word[1:]) for word in head.decode().split()[1:3])
        shape = (height * 3 // 2, width)
        skip = len(head) + len(FRAME_HEAD)
        self._picture = np.memmap(path, np.uint8, mode="r", offset=skip, shape=shape)
        self._box = box
        self._seen: deque[tuple[float, Luma]] = deque(maxlen=KEPT)
        self._stop, self._wanted = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._watch, name="pictures", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        self._wanted.set()
        self._thread.join(5.0)

    @contextmanager
    def looking(self) -> Iterator[None]:
        self._wanted.set()
        try:
            yield
        finally:
            self._wanted.clear()

    def between(self, start_s: float, end_s: float) -> tuple[list[float], list[Luma]]:
        found = [(at_s, mouth) for at_s, mouth in tuple(self._seen) if start_s <= at_s < end_s]
        return [at_s for at_s, _ in found], [mouth for _, mouth in found]

    def _watch(self) -> None:
        while not self._stop.is_set():
            self._wanted.wait()
            self._look()

    def _look(self) -> None:
        last = self._rows()
        while self._wanted.is_set() and not self._stop.wait(LOOK_S):
            if not np.array_equal(self._rows(), last):
                at_s = time.monotonic()
                self._stop.wait(WRITTEN_S)
                last = self._rows()
                self._seen.append((at_s, crop(self._picture, self._box)))

    def _rows(self) -> Luma:
        """Enough of the picture to know it from the next: the whole head moves a little in every frame."""
        return self._picture[::ROWS].copy()


class Machine:
    """How busy the machine's processors are from now on, and how much of them its host takes, as the kernel counts."""

    def __init__(self) -> None:
        self._began = psutil.cpu_times()

    def shares(self) -> tuple[float, float]:
        """(busy, stolen), each 0 to 1."""
        now, began = psutil.cpu_times(), self._began
        spent = {name: getattr(now, name) - getattr(began, name) for name in ("user", "nice", "system", "idle")}
        spent |= {name: getattr(now, name) - getattr(began, name) for name in ("iowait", "irq", "softirq", "steal")}
        whole = sum(spent.values()) or 1.0
        worked = whole - sum(spent[name] for name in ("idle", "iowait", "steal"))
        return round(worked / whole, 3), round(spent["steal"] / whole, 3)


def sample_of(pid: int, at_min: float) -> Sample:
    memory_mb: dict[str, float] = {}
    files: dict[str, int] = {}
    for process in tree(pid):
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            part = _part(" ".join(process.cmdline()))
            memory_mb[part] = memory_mb.get(part, 0.0) + process.memory_full_info().pss / 1e6
            files[part] = files.get(part, 0) + process.num_fds()
    return Sample(at_min=at_min, memory_mb={part: round(mb, 2) for part, mb in memory_mb.items()}, files=files)


def _part(command: str) -> str:
    return next((part for part, pattern in PARTS.items() if re.search(pattern, command)), "others")
