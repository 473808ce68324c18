"""From a device's rate to the meeting's, piece by piece. Pure.

A rate that is a whole multiple goes through a short filter and loses nothing to waiting: each piece comes out whole,
half a millisecond late. soxr's streams, which take any rate, hold back 6 to 37 ms of 48 kHz and give it in bursts, and
that would be in the way of every answer.
"""

from __future__ import annotations

import functools
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Pcm = NDArray[np.int16]

TAPS_PER_STEP = 16  # of the filter, for each sample left out and the one kept
PASS = 0.9  # of the band that can be kept


class Resampler(Protocol):
    def resample_chunk(self, pcm: Pcm) -> Pcm:
        """The next samples, as far as they are known."""
        ...


def resampler(from_hz: int, to_hz: int) -> Resampler:
    """For s16 mono."""
    if from_hz % to_hz == 0:
        return Decimator(from_hz // to_hz)
    import soxr

    made: Resampler = soxr.ResampleStream(from_hz, to_hz, 1, dtype="int16")
    return made


class Decimator:
    """Keeps every `factor`th sample of what a linear-phase low pass leaves, the first one after `leave_out`."""

    def __init__(self, factor: int, *, leave_out: int = 0) -> None:
        self._factor = factor
        self._filter = _low_pass(factor)
        self._before = np.zeros(len(self._filter) - 1, np.float32)
        self._phase = leave_out  # samples to leave out before the next one that is kept

    def resample_chunk(self, pcm: Pcm) -> Pcm:
        if self._factor == 1:
            return pcm
        sound = np.concatenate([self._before, pcm.astype(np.float32)])
        self._before = sound[-len(self._before) :]
        low = np.convolve(sound, self._filter, "valid")[self._phase :: self._factor]
        self._phase = (self._phase - len(pcm)) % self._factor
        return np.clip(np.rint(low), -32768, 32767).astype(np.int16)


@functools.cache
def _low_pass(factor: int) -> NDArray[np.float32]:
    """A windowed sinc (Oppenheim and Schafer, Discrete-Time Signal Processing, 7.5), with a gain of 1 at 0 Hz."""
    if factor == 1:
        return np.ones(1, np.float32)
    count = TAPS_PER_STEP * factor
    taps = np.sinc(PASS / factor * (np.arange(count) - (count - 1) / 2)) * np.hamming(count)
    whole: NDArray[np.float32] = (taps / taps.sum()).astype(np.float32)
    return whole
