"""Where sound belongs in time. Pure: knows no clock, no device, no page.

A meeting has one timeline, counted in samples at 16 kHz from its start. A `Lane` carries one stream onto it: sound
comes in pieces, each stamped by the clock of whoever recorded it, and leaves in chunks of 20 ms that never overlap
and never run backwards. A hole in the stamps stays a hole in time. Clocks that run apart are kept together: one sample
a piece is left out or doubled where it is heard least, more only where it is quiet.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from connectors.base import CHUNK_SAMPLES, HEARING_RATE_HZ
from connectors.kit.resample import resampler
from connectors.kit.stamps import StampClock

Pcm = NDArray[np.int16]

GAP = HEARING_RATE_HZ * 30 // 1000  # stamps further ahead than this are a hole
OVERLAP = HEARING_RATE_HZ * 40 // 1000  # stamps further behind than this are sound twice: left out to the last sample
UNSURE = HEARING_RATE_HZ * 8 // 1000  # the same while the clock is hardly known
SLACK = HEARING_RATE_HZ * 2 // 1000  # nearer than this nothing is moved
QUIET = 300  # the loudest sample of a piece in which 5 ms more or less are not heard
QUIET_MOVE = HEARING_RATE_HZ * 5 // 1000


class Lane:
    """One stream. `start_s` is when sample 0 of the timeline was, on the clock of `arrived_s`. Stamps are on a clock of
    their own, whose distance is learnt (`stamps.py`): the first 0.3 s of a new one are held until it is known."""

    def __init__(self, start_s: float, rate_hz: int) -> None:
        self._start_s, self.rate_hz = start_s, rate_hz
        self._resampler = resampler(rate_hz, HEARING_RATE_HZ)
        self._clock = StampClock()
        self._held: list[tuple[Pcm, float]] = []
        self._fed = 0  # samples taken since the anchor, at the stream's rate
        self._twice = False  # what comes was heard before, until the stamps are where the sound is
        self._moved = 0  # samples added since the anchor, less those left out
        self._anchor: int | None = None  # timeline sample of the first of them
        self._pending: Pcm = np.zeros(0, np.int16)
        self._next = 0  # timeline sample of the first pending one

    def place(self, pcm: Pcm, *, stamp_s: float, arrived_s: float) -> Iterator[tuple[int, Pcm]]:
        """Give a piece (mono, at the lane's rate) whose first sample has `stamp_s`; take (start_sample, 20 ms)."""
        ends_s = stamp_s + len(pcm) / self.rate_hz
        if self._clock.strange(ends_s, arrived_s):
            self._clock, self._held = StampClock(), []
        self._clock.learn(ends_s, arrived_s)
        self._held.append((pcm, stamp_s))
        if not self._clock.settled:
            return
        held, self._held = self._held, []
        for piece, piece_stamp_s in held:
            yield from self._lay(piece, piece_stamp_s)

    def _lay(self, pcm: Pcm, stamp_s: float) -> Iterator[tuple[int, Pcm]]:
        begins = round((stamp_s + self._clock.at(stamp_s) - self._start_s) * HEARING_RATE_HZ)
        if self._anchor is None:
            self._restart(max(begins, 0))
        ahead = begins - self._expected()
        if ahead > GAP:
            self._restart(begins)
            ahead = 0
        self._twice = ahead < -(OVERLAP if self._clock.sure else UNSURE) or (self._twice and ahead < 0)
        if self._twice:
            pcm = pcm[-ahead * self.rate_hz // HEARING_RATE_HZ :]
            ahead = 0
        self._fed += len(pcm)
        sound = self._resampler.resample_chunk(pcm)
        if abs(ahead) > SLACK and len(sound) > 1:
            sound = self._moved_by(sound, ahead)
        self._pending = np.concatenate([self._pending, sound])
        while len(self._pending) >= CHUNK_SAMPLES:
            chunk, self._pending = self._pending[:CHUNK_SAMPLES], self._pending[CHUNK_SAMPLES:]
            yield self._next, chunk
            self._next += CHUNK_SAMPLES

    def _moved_by(self, sound: Pcm, ahead: int) -> Pcm:
        """The sound longer where it stands too early, shorter where too late, by as much as is not heard."""
        quiet = int(np.abs(sound).max()) < QUIET
        count = min(abs(ahead), QUIET_MOVE, len(sound) - 1) if quiet else 1
        at = 0 if quiet else int(np.abs(np.diff(sound.astype(np.int32))).argmin())
        self._moved += count if ahead > 0 else -count
        if ahead > 0:
            return np.concatenate([sound[:at], np.repeat(sound[at : at + 1], count), sound[at:]])
        return np.concatenate([sound[:at], sound[at + count :]])

    def _expected(self) -> int:
        assert self._anchor is not None
        return self._anchor + self._fed * HEARING_RATE_HZ // self.rate_hz + self._moved

    def _restart(self, at: int) -> None:
        at = max(at, self._next)
        self._anchor, self._next, self._fed, self._moved = at, at, 0, 0
        self._pending = np.zeros(0, np.int16)
        self._resampler = resampler(self.rate_hz, HEARING_RATE_HZ)
