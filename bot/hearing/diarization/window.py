"""What a model of voices sees at a time, and what it says of it. Geometry and a port; no model, no meeting.

A window is 5 s of sound, looked at every 0.5 s; what is heard in it is told in cells of 10 ms. A model tells up to
three speakers apart within one window, in any order: the next window may number them otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bot.hearing.base import RATE_HZ, Pcm

CELL = RATE_HZ // 100
WINDOW = 5 * RATE_HZ
HOP = RATE_HZ // 2
CELLS = WINDOW // CELL
CELLS_PER_S = RATE_HZ // CELL
LOCAL_SPEAKERS = 3
QUIET_PEAK = 8  # below this there is digital silence, which no model need look at

Activity = NDArray[np.bool_]  # cells x local speakers
Weights = NDArray[np.float32]  # local speakers x cells
Embeddings = NDArray[np.float64]  # local speakers x size


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    start_sample: int
    pcm: Pcm

    @property
    def cells(self) -> int:
        return len(self.pcm) // CELL

    def cut(self, first_cell: int, end_cell: int) -> Window:
        first, end = first_cell * CELL, end_cell * CELL
        return Window(start_sample=self.start_sample + first, pcm=self.pcm[first:end])

    @property
    def is_silent(self) -> bool:
        return bool(np.abs(self.pcm.astype(np.int32)).max(initial=0) < QUIET_PEAK)


class VoiceModel(Protocol):
    def activity(self, window: Window) -> Activity:
        """Who of the window's own speakers is heard in which cell."""
        ...

    def embeddings(self, window: Window, weights: Weights) -> Embeddings:
        """How each of them sounds where its weights are; a row without weights means nothing. One pass for all."""
        ...


class RollingSound:
    """The last 5 s of a stream. What was not fed is silence."""

    def __init__(self, start_sample: int) -> None:
        self.end_sample = start_sample
        self._pcm: Pcm = np.zeros(WINDOW, np.int16)

    def append(self, pcm: Pcm) -> None:
        self._pcm = np.concatenate([self._pcm, pcm])[-WINDOW:]
        self.end_sample += len(pcm)

    def window(self) -> Window:
        return Window(start_sample=self.end_sample - WINDOW, pcm=self._pcm)
