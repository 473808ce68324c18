"""What a device gave, kept with its times. Knows no device: whoever reads one adds what comes and when it came.

Chunks arrive late, never early; so among the chunks around a moment the one that arrived soonest for its position tells
when the others were sounded. Samples that a device loses shift what follows, not what came before.
"""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right

import numpy as np

from bot.rehearsal.measure import Pcm, Sound

WINDOW_S = 5.0  # around a moment, in which the soonest chunk sets the time
KEPT_S = 1800.0
FORGET_S = 60.0  # at once: what is too old goes in such pieces


class Recording:
    """s16 mono at `rate_hz`. `add` may be called from a device's thread, the rest from any."""

    def __init__(self, rate_hz: int) -> None:
        self.rate_hz = rate_hz
        self._lock = threading.Lock()
        self._chunks: list[tuple[int, float, Pcm]] = []  # first sample, time of arrival, sound
        self._arrived_s: list[float] = []  # of each chunk: who asks again and again is answered from here
        self._count = 0

    def add(self, pcm: Pcm, *, arrived_s: float) -> None:
        """The next samples; the last of them was sounded at or before `arrived_s` (`time.monotonic`)."""
        with self._lock:
            self._chunks.append((self._count, arrived_s, pcm))
            self._arrived_s.append(max([arrived_s, *self._arrived_s[-1:]]))
            self._count += len(pcm)
            if self._count - self._chunks[0][0] > (KEPT_S + FORGET_S) * self.rate_hz:
                old = bisect_left(self._chunks, self._count - KEPT_S * self.rate_hz, key=lambda chunk: chunk[0])
                del self._chunks[:old], self._arrived_s[:old]

    @property
    def end_s(self) -> float | None:
        """Until when there is sound; None before the first chunk."""
        with self._lock:
            return self._chunks[-1][1] if self._chunks else None

    def sound(self, start_s: float, end_s: float) -> Sound:
        """What sounded between these times, as far as it was recorded. The clock is set once for the whole of it."""
        with self._lock:
            first = bisect_left(self._arrived_s, start_s - WINDOW_S)
            near = self._chunks[first : bisect_right(self._arrived_s, end_s + WINDOW_S)]
        if not near:
            return Sound(pcm=np.zeros(0, np.int16), rate_hz=self.rate_hz, start_s=start_s)
        origin_s = min(arrived_s - (first + len(pcm)) / self.rate_hz for first, arrived_s, pcm in near)
        whole = Sound(
            pcm=np.concatenate([pcm for _, _, pcm in near]),
            rate_hz=self.rate_hz,
            start_s=origin_s + near[0][0] / self.rate_hz,
        )
        return whole.between(start_s, end_s)
