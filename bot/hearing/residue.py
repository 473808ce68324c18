"""What a canceller leaves of our voice is quieter than the voice was: below that it is silence, above it is someone.

Pure. Without a canceller the same gate does alone: only someone clearly louder than our echo gets through then.
"""

from __future__ import annotations

import numpy as np

from bot.hearing.base import RATE_HZ, Pcm

FALL_DB_PER_S = 40.0  # how fast a room falls silent after us
HOLD_SAMPLES = RATE_HZ * 12 // 100  # passed after someone was loud enough
RISE = 1.05  # by which an echo may have become louder between two looks


def rms(pcm: Pcm) -> float:
    return float(np.sqrt((pcm.astype(np.float32) ** 2).mean())) if len(pcm) else 0.0


class ResidueGate:
    """`over_db`: how loud, against our echo as it came, what is left must be to be someone else."""

    def __init__(self, *, over_db: float) -> None:
        self._over = 10 ** (over_db / 20)
        self._coupling: float | None = None  # the echo's level against that of the sound played
        self._level = 0.0  # of our voice as played, falling
        self._open = 0

    def learn(self, heard: Pcm, played: Pcm) -> None:
        """An echo of `played` was in `heard`, which others can only have made louder."""
        level = rms(played)
        if level > 0.0:
            coupling = rms(heard) / level
            self._coupling = coupling if self._coupling is None else min(coupling, self._coupling * RISE)

    def let_through(self, cleaned: Pcm, played: Pcm) -> Pcm:
        fall = 10 ** (-FALL_DB_PER_S * len(cleaned) / RATE_HZ / 20)
        self._level = max(self._level * fall, rms(played))
        if rms(cleaned) > self._level * (self._coupling or 0.0) * self._over:
            self._open = HOLD_SAMPLES
        elif self._open <= 0:
            return np.zeros_like(cleaned)
        else:
            self._open -= len(cleaned)
        return cleaned
