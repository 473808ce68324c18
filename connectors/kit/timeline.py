"""Where sound belongs in time. Pure: knows no clock, no device, no page.

A meeting has one timeline, counted in samples at 16 kHz from its start. A `Lane` carries one stream onto it: sound
comes in pieces, each stamped by the clock of whoever recorded it, and leaves in chunks of 20 ms that never overlap
and never run backwards. A hole in the stamps stays a hole in time.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from connectors.base import CHUNK_SAMPLES, HEARING_RATE_HZ

Pcm = NDArray[np.int16]

GAP_S = 0.030  # stamps further ahead than this are a hole
OVERLAP_S = 0.100  # stamps further behind than this are sound twice: left out


class Lane:
    """One stream. `start_s` is when sample 0 of the timeline was, on the clock of `arrived_s`.

    A stamp is on a clock of its own, so the lane learns the distance: no piece arrives before its sound is over,
    hence the smallest (arrival - end of the piece) seen so far is the best estimate of it, late arrivals never count.
    """

    def __init__(self, start_s: float, rate_hz: int) -> None:
        import soxr

        self._start_s, self._rate_hz = start_s, rate_hz
        self._new_resampler = functools.partial(soxr.ResampleStream, rate_hz, HEARING_RATE_HZ, 1, dtype="int16")
        self._resampler: Any = self._new_resampler()
        self._offset_s = float("inf")
        self._fed = 0  # samples taken since the anchor, at the stream's rate
        self._anchor: int | None = None  # timeline sample of the first of them
        self._pending: Pcm = np.zeros(0, np.int16)
        self._next = 0  # timeline sample of the first pending one

    def place(self, pcm: Pcm, *, stamp_s: float, arrived_s: float) -> Iterator[tuple[int, Pcm]]:
        """Give a piece (mono, at the lane's rate) whose first sample has `stamp_s`; take (start_sample, 20 ms)."""
        duration_s = len(pcm) / self._rate_hz
        self._offset_s = min(self._offset_s, arrived_s - stamp_s - duration_s)
        begins = round((stamp_s + self._offset_s - self._start_s) * HEARING_RATE_HZ)
        if self._anchor is None:
            self._restart(max(begins, 0))
        ahead = begins - self._expected()
        if ahead < -OVERLAP_S * HEARING_RATE_HZ:
            return
        if ahead > GAP_S * HEARING_RATE_HZ:
            self._restart(begins)
        self._fed += len(pcm)
        self._pending = np.concatenate([self._pending, self._resampler.resample_chunk(pcm)])
        while len(self._pending) >= CHUNK_SAMPLES:
            chunk, self._pending = self._pending[:CHUNK_SAMPLES], self._pending[CHUNK_SAMPLES:]
            yield self._next, chunk
            self._next += CHUNK_SAMPLES

    def _expected(self) -> int:
        assert self._anchor is not None
        return self._anchor + self._fed * HEARING_RATE_HZ // self._rate_hz

    def _restart(self, at: int) -> None:
        at = max(at, self._next)
        self._anchor, self._next, self._fed = at, at, 0
        self._pending = np.zeros(0, np.int16)
        self._resampler = self._new_resampler()
