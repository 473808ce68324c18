"""A microphone and a camera in memory, obeying the connector's contract; the test moves their time."""

from __future__ import annotations

import threading

import numpy as np

from bot.meeting.devices import STEP

HELD = 3  # steps the device holds before it blocks


class SteppedMicrophone:
    """Blocks a writer while it holds enough; the test moves what is heard, so positions are exact."""

    def __init__(self) -> None:
        self.sound: list[np.ndarray] = []
        self.epochs: list[int] = []
        self.silenced_below = 0
        self.is_neutral = False
        self._changed = threading.Condition()
        self._count = self._heard = 0
        self._full = False
        self._free = False

    def write(self, pcm: np.ndarray, *, epoch: int) -> None:
        with self._changed:
            self._full = self._count - self._heard >= HELD * STEP
            self._changed.notify_all()
            assert self._changed.wait_for(self._has_room, timeout=10), "nobody moved the time"
            self._full = False
            silent = self.is_neutral or epoch < self.silenced_below
            self.sound.append(np.zeros_like(pcm) if silent else pcm.copy())
            self.epochs.append(epoch)
            self._count += len(pcm)

    def _has_room(self) -> bool:
        return self._free or self._count - self._heard < HELD * STEP

    def advance(self, steps: int) -> None:
        """Let that many steps be heard, one by one, each once the device is full again."""
        for _ in range(steps):
            with self._changed:
                assert self._changed.wait_for(lambda: self._full, timeout=10), "the thread stopped"
                self._full = False
                self._heard += STEP
                self._changed.notify_all()

    def release(self) -> None:
        """Let the thread run on without the test."""
        with self._changed:
            self._free = True
            self._changed.notify_all()

    def flush(self, epoch: int) -> None:
        self.silenced_below = max(self.silenced_below, epoch)

    def heard(self) -> tuple[int, int]:
        return (self.epochs[-1] if self.epochs else 0), self._heard

    def neutral(self) -> None:
        self.is_neutral = True


class ListCamera:
    width, height, fps = 32, 16, 24

    def __init__(self) -> None:
        self.shown: list[tuple[int, int]] = []  # (epoch, first pixel)
        self.silenced_below = 0
        self.is_neutral = False

    def show(self, frame: np.ndarray, *, epoch: int) -> None:
        if epoch >= self.silenced_below and not self.is_neutral:
            self.shown.append((epoch, int(frame[0, 0])))

    def flush(self, epoch: int) -> None:
        self.silenced_below = max(self.silenced_below, epoch)

    def set_neutral(self, frame: np.ndarray) -> None: ...

    def neutral(self) -> None:
        self.is_neutral = True
