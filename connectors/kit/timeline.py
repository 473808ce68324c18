"""Where sound belongs in time. Pure: knows no clock, no device, no page.

A meeting has one timeline, counted in samples at 16 kHz from its start. A `Lane` carries one stream onto it: sound
comes in pieces, each stamped by the clock of whoever recorded it, and leaves in chunks of 20 ms that never overlap
and never run backwards. A hole in the stamps stays a hole in time. Clocks that run apart are kept together: one sample
a piece is left out or doubled where it is heard least, more only where it is quiet.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from connectors.base import CHUNK_SAMPLES, HEARING_RATE_HZ
from connectors.kit.resample import resampler
from connectors.kit.stamps import StampClock

Pcm = NDArray[np.int16]

HELD_UP = 8  # pieces: stamps are late for less than this when a page is held up and catches up
HOLE = HEARING_RATE_HZ * 200 // 1000  # stamps further ahead than any page is held up are a hole at once
FILLED_S = 0.5  # who stamps exactly fills shorter holes: no error of a clock takes what is left for one under HOLE
GAP = HEARING_RATE_HZ * 30 // 1000  # all of the last pieces further ahead than this are a hole too
OVERLAP = HEARING_RATE_HZ * 40 // 1000  # all of them further behind than this: so much is left out
UNSURE = HEARING_RATE_HZ * 8 // 1000  # the same while the clock is hardly known
SLACK = HEARING_RATE_HZ * 2 // 1000  # nearer than this nothing is moved
BACK_S = 0.015  # stamps run further backwards only where sound comes twice
QUIET = 300  # the loudest sample of a piece in which 5 ms more or less are not heard
QUIET_MOVE = HEARING_RATE_HZ * 5 // 1000


class Lane:
    """One stream. `start_s` is when sample 0 of the timeline was, on the clock of `arrived_s`. Stamps are on a clock of
    their own, whose distance is learnt (`stamps.py`): the first 0.3 s of a new one are held until it is known.

    A page stamps sound when it comes to it. Held up for a moment it stamps late, and hands over what has piled up with
    stamps that hardly differ, though no sample is missing; so of the last few pieces the earliest stamp is believed."""

    def __init__(self, start_s: float, rate_hz: int) -> None:
        self._start_s, self.rate_hz = start_s, rate_hz
        self._resampler = resampler(rate_hz, HEARING_RATE_HZ)
        self._clock = StampClock()
        self._held: list[tuple[Pcm, float]] = []
        self._newest_s = float("-inf")  # the latest stamp
        self._last: deque[tuple[float, int]] = deque(maxlen=HELD_UP)  # pieces: stamp, where they were laid
        self._leave_out = 0  # samples to come, at the stream's rate
        self._fed = 0  # samples taken since the anchor, at the stream's rate
        self._moved = 0  # samples added since the anchor, less those left out
        self._anchor: int | None = None  # timeline sample of the first of them
        self._pending: Pcm = np.zeros(0, np.int16)
        self._next = 0  # timeline sample of the first pending one

    def place(self, pcm: Pcm, *, stamp_s: float, arrived_s: float) -> Iterator[tuple[int, Pcm]]:
        """Give a piece (mono, at the lane's rate) whose first sample has `stamp_s`; take (start_sample, 20 ms)."""
        ends_s = stamp_s + len(pcm) / self.rate_hz
        if self._clock.strange(ends_s, arrived_s):
            self._clock, self._held, self._newest_s = StampClock(), [], float("-inf")
        elif stamp_s < self._newest_s - BACK_S:
            return  # sound that was there before
        self._newest_s = max(self._newest_s, stamp_s)
        self._clock.learn(ends_s, arrived_s)
        self._held.append((pcm, stamp_s))
        if not self._clock.settled:
            return
        held, self._held = self._held, []
        if len(held) > 1:
            self._begin(held)
        for piece, piece_stamp_s in held:
            yield from self._lay(piece, piece_stamp_s)

    def _begin(self, held: list[tuple[Pcm, float]]) -> None:
        """Anchor a new clock's first sound by the earliest of its stamps, unless it goes on in what was there."""
        before, firsts = 0, []
        for piece, stamp_s in held:
            firsts.append(self._begins(stamp_s) - before * HEARING_RATE_HZ // self.rate_hz)
            before += len(piece)
        if self._anchor is None or not -OVERLAP <= min(firsts) - self._expected() <= GAP:
            self._restart(max(min(firsts), 0))

    def _lay(self, pcm: Pcm, stamp_s: float) -> Iterator[tuple[int, Pcm]]:
        self._last.append((stamp_s, self._expected()))
        ahead = [self._begins(stamped_s) - laid for stamped_s, laid in self._last]
        whole, earliest = len(ahead) == HELD_UP, min(ahead)
        if ahead[-1] > HOLE or (whole and earliest > GAP):
            begins = self._expected() + (ahead[-1] if ahead[-1] > HOLE else earliest)
            if len(self._pending) and begins >= self._next + CHUNK_SAMPLES:  # the last before a hole, made whole
                yield self._next, np.pad(self._pending, (0, CHUNK_SAMPLES - len(self._pending)))
                self._next += CHUNK_SAMPLES
            self._restart(begins)
            whole = False
        elif whole and -max(ahead) > (OVERLAP if self._clock.sure else UNSURE):
            self._leave_out = -max(ahead) * self.rate_hz // HEARING_RATE_HZ
            whole = False
        pcm = self._left(pcm)
        self._fed += len(pcm)
        sound = self._resampler.resample_chunk(pcm)
        if whole and abs(earliest) > SLACK and len(sound) > 1:
            sound = self._moved_by(sound, earliest)
        self._pending = np.concatenate([self._pending, sound])
        while len(self._pending) >= CHUNK_SAMPLES:
            chunk, self._pending = self._pending[:CHUNK_SAMPLES], self._pending[CHUNK_SAMPLES:]
            yield self._next, chunk
            self._next += CHUNK_SAMPLES

    def _left(self, pcm: Pcm) -> Pcm:
        """What is left of a piece while sound that stands too late is left out."""
        if not self._leave_out:
            return pcm
        left = pcm[self._leave_out :]
        self._leave_out -= len(pcm) - len(left)
        self._last.clear()
        return left

    def _begins(self, stamp_s: float) -> int:
        return round((stamp_s + self._clock.at(stamp_s) - self._start_s) * HEARING_RATE_HZ)

    def _moved_by(self, sound: Pcm, ahead: int) -> Pcm:
        """The sound longer where it stands too early, shorter where too late, by as much as is not heard."""
        quiet = int(np.abs(sound).max()) < QUIET
        count = min(abs(ahead), QUIET_MOVE, len(sound) - 1) if quiet else 1
        at = 0 if quiet else int(np.abs(np.diff(sound.astype(np.int32))).argmin())
        added = count if ahead > 0 else -count
        self._moved += added
        self._last = deque(((stamp_s, laid + added) for stamp_s, laid in self._last), maxlen=HELD_UP)
        if ahead > 0:
            return np.concatenate([sound[:at], np.repeat(sound[at : at + 1], count), sound[at:]])
        return np.concatenate([sound[:at], sound[at + count :]])

    def _expected(self) -> int:
        assert self._anchor is not None
        return self._anchor + self._fed * HEARING_RATE_HZ // self.rate_hz + self._moved

    def _restart(self, at: int) -> None:
        at = max(at, self._next)
        self._anchor, self._next, self._fed, self._moved = at, at, 0, 0
        self._last.clear()
        self._leave_out = 0
        self._pending = np.zeros(0, np.int16)
        self._resampler = resampler(self.rate_hz, HEARING_RATE_HZ)
