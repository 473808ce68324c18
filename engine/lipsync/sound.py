"""The mouth from sound alone: loudness opens it, the spectrum's weight widens or rounds it. Knows no words.

A rule, not a recogniser: it tells open from narrow and hissing from voiced. That the lips shut for p, b and m it has
from `closures.py`. Used where nobody knows the phonemes.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from engine.api import SPEECH_RATE_HZ
from engine.lipsync.closures import Closures
from engine.lipsync.mouth import Mouth

WINDOW = 1024  # samples at 24 kHz, 43 ms
_FLOOR_DB = -62.0
_RANGE_DB = 26.0  # below the recent loudest, the mouth is closed
_RELEASE_DB = 0.25  # the recent loudest falls so much a frame
# How sure the network must be: lower finds nearly every closure and shuts vowels of strange voices with them.
_CLOSING_FROM, _SHUT_FROM = 0.75, 0.88
SHUT_MOUTH = Mouth(wide=-0.02, press=0.8)

_HZ = np.fft.rfftfreq(WINDOW, 1 / SPEECH_RATE_HZ)
_BANDS = {"low": (90, 450), "first": (450, 1100), "second": (1500, 2700), "hiss": (3800, 9000)}
_MASKS = {name: (low <= _HZ) & (high > _HZ) for name, (low, high) in _BANDS.items()}
_SHAPE = np.hanning(WINDOW)


class SoundMouth:
    """One window per frame, in order; the mouth depends on what was heard so far and nothing else."""

    def __init__(self) -> None:
        self._loudest_db = -30.0
        self._closures = Closures()

    def step(self, window: NDArray[np.float64], samples: NDArray[np.float64]) -> Mouth:
        """`window`: WINDOW samples in -1..1 around the frame's middle; `samples`: the frame's own."""
        shut = self._closures.step(samples)
        level_db = 10 * math.log10(float((window**2).mean()) + 1e-9)
        self._loudest_db = max(level_db, self._loudest_db - _RELEASE_DB, -45.0)
        if level_db < _FLOOR_DB:
            return Mouth()
        if shut > _SHUT_FROM:
            return SHUT_MOUTH
        loud = min(1.0, max(0.0, (level_db - self._loudest_db + _RANGE_DB) / _RANGE_DB))
        power = np.abs(np.fft.rfft(window * _SHAPE)) ** 2
        energy = {name: float(power[mask].sum()) for name, mask in _MASKS.items()}
        whole = sum(energy.values()) + 1e-12
        hiss, first, second = (energy[name] / whole for name in ("hiss", "first", "second"))
        voiced = 1.0 - min(1.0, 1.6 * hiss)
        parted = 1.0 - min(1.0, max(0.0, (shut - _CLOSING_FROM) / (_SHUT_FROM - _CLOSING_FROM)))
        opening = parted * loud**1.4 * (0.10 + 0.26 * min(1.0, 1.4 * math.sqrt(first)) * voiced)
        spread = min(1.0, 2.2 * math.sqrt(second)) * voiced
        rounding = max(0.0, 0.45 - first - 2.0 * second - hiss) * voiced
        return Mouth(
            open=opening,
            wide=loud * (0.18 * spread - 0.5 * rounding + 0.06 * hiss),
            pucker=loud * 1.1 * rounding,
            upper=loud * 0.02 * min(1.0, 2 * hiss),
            tongue=0.3 * loud * hiss,
        )
