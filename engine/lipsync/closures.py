"""Are the lips shut? A small network on the sound of the last tenth of a second. Knows no words and no picture.

p, b and m are what viewers notice, and loudness alone does not tell them. `closures.npz` is made by
`python -m tests.benchmarks.lips --calibrate` from synthetic voices.
"""

from __future__ import annotations

from collections import deque
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.api import SPEECH_RATE_HZ

HOP, WINDOW = 250, 512  # samples at 24 kHz
BANDS = 18
CONTEXT = 9  # windows, the oldest first: 94 ms
_RELEASE = 0.03  # of the recent loudest, in nepers a window
_SHAPE = np.hanning(WINDOW)
_QUIET = -14.0  # nepers of power: silence

Numbers = NDArray[np.float64]


def _mel_bands() -> Numbers:
    """Triangles from 80 to 9000 Hz, (bins, BANDS)."""
    hertz = np.fft.rfftfreq(WINDOW, 1 / SPEECH_RATE_HZ)
    low, high = (2595 * np.log10(1 + edge / 700) for edge in (80.0, 9000.0))
    edges = 700 * (10 ** (np.linspace(low, high, BANDS + 2) / 2595) - 1)
    rising = (hertz[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - hertz[:, None]) / (edges[2:] - edges[1:-1])
    return np.asarray(np.clip(np.minimum(rising, falling), 0, None))


_MEL = _mel_bands()


class Windows:
    """What the network sees of each window, from samples in order."""

    def __init__(self) -> None:
        self._tail = np.zeros(WINDOW - HOP)
        self._loudest = -6.0
        self._recent: deque[Numbers] = deque([self._seen(np.zeros(WINDOW))] * CONTEXT, maxlen=CONTEXT)

    def step(self, samples: Numbers) -> Numbers:
        """HOP new samples in -1..1; returns CONTEXT windows in a row."""
        heard = np.concatenate([self._tail, samples])
        self._tail = heard[HOP:]
        self._recent.append(self._seen(heard))
        return np.concatenate(self._recent)

    def _seen(self, window: Numbers) -> Numbers:
        power = np.abs(np.fft.rfft(window * _SHAPE)) ** 2
        level = float(np.log((window**2).mean() + 1e-8))
        self._loudest = max(level, self._loudest - _RELEASE, -9.0)
        bands = np.log(power @ _MEL + 1e-5) - self._loudest
        crossings = float((np.diff(np.signbit(window))).mean())
        return np.concatenate([bands, [level - self._loudest, 4 * crossings]])


@cache
def _network() -> tuple[Numbers, ...]:
    with np.load(Path(__file__).with_name("closures.npz")) as kept:
        return tuple(kept[name].astype(np.float64) for name in ("mean", "spread", "w1", "b1", "w2", "b2"))


class Closures:
    """How sure it is that the lips are shut now, 0..1, for samples in order."""

    def __init__(self) -> None:
        self._windows = Windows()

    def step(self, samples: Numbers) -> float:
        """The samples of a frame, a multiple of HOP; the surest of its windows counts."""
        mean, spread, w1, b1, w2, b2 = _network()
        surest = 0.0
        for at in range(0, len(samples) - HOP + 1, HOP):
            seen = (self._windows.step(samples[at : at + HOP]) - mean) / spread
            hidden = np.maximum(seen @ w1 + b1, 0.0)
            surest = max(surest, float(1 / (1 + np.exp(-(hidden @ w2 + b2)[0]))))
        return surest
