"""How much later does our own voice come back? Correlation of what was heard with what was played. Pure.

Both are whitened first (a generalised cross-correlation with phase transform), so that an echo is one sharp peak
through rooms and codecs, whatever the voice, and also under someone else's speech.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from bot.hearing.base import RATE_HZ, Pcm

MAX_DELAY_SAMPLES = RATE_HZ * 7 // 10
WINDOW_SAMPLES = RATE_HZ  # of the sound heard
BAND_HZ = (200.0, 6000.0)  # codecs for speech keep this
_LENGTH = scipy.fft.next_fast_len(WINDOW_SAMPLES + MAX_DELAY_SAMPLES, real=True)
_HZ = np.arange(_LENGTH // 2 + 1) * (RATE_HZ / _LENGTH)
_BAND: NDArray[np.bool_] = (BAND_HZ[0] < _HZ) & (BAND_HZ[1] > _HZ)


@dataclass(frozen=True, kw_only=True, slots=True)
class Likeness:
    """The likeliest delay, and how far its peak stands out of the correlation's rms: about 5 is chance (8 at most,
    of 4,000 windows of other people's speech and noise), an echo is 15 and more."""

    delay_samples: int
    strength: float


def find_delay(heard: Pcm, played: Pcm) -> Likeness:
    """`heard`: at most WINDOW_SAMPLES; `played`: MAX_DELAY_SAMPLES more, ending at the same position."""
    spectrum = scipy.fft.rfft(heard.astype(np.float32), _LENGTH)
    cross = spectrum * np.conj(scipy.fft.rfft(played.astype(np.float32), _LENGTH))
    cross = np.where(_BAND, cross / (np.abs(cross) + 1e-3), 0.0)
    correlation = np.abs(scipy.fft.irfft(cross, _LENGTH))
    ahead = len(played) - len(heard)  # of the first sample played before the first one heard
    by_delay = correlation[(np.arange(min(ahead, MAX_DELAY_SAMPLES) + 1) - ahead) % _LENGTH]
    rms = float(np.sqrt((by_delay**2).mean()))
    best = int(by_delay.argmax())
    return Likeness(delay_samples=best, strength=float(by_delay[best]) / rms if rms > 0.0 else 0.0)
