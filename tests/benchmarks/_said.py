"""What a device was given to say, and when each piece had its turn. Pure: it is told the time."""

from __future__ import annotations

import numpy as np

from connectors.base import MICROPHONE_RATE_HZ, Pcm


class Said:
    """One text over and over, in pieces of `step` samples. A piece has its turn behind the one before, or when it is
    handed over where that comes too late: who hands over is held up now and then, and the device runs dry meanwhile."""

    def __init__(self, speech: Pcm, step: int) -> None:
        self._step = step
        self._pieces = speech[: len(speech) // step * step].reshape(-1, step)
        self._turns_s: list[float] = []

    def hand_over(self, now_s: float) -> Pcm:
        """The next piece, handed over now."""
        piece = self._pieces[len(self._turns_s) % len(self._pieces)]
        free_s = self._turns_s[-1] + self._step / MICROPHONE_RATE_HZ if self._turns_s else now_s
        self._turns_s.append(max(now_s, free_s))
        return piece

    def dry_s(self, begin_s: float, end_s: float) -> float:
        """For how long nothing was there to be said between these two moments."""
        spoken_s = sum(begin_s <= turn_s < end_s for turn_s in self._turns_s) * self._step / MICROPHONE_RATE_HZ
        return max(0.0, end_s - begin_s - spoken_s)

    def between(self, begin_s: float, end_s: float) -> Pcm:
        """What had its turn then; pieces that reach over an end are left out."""
        pcm = np.zeros(round((end_s - begin_s) * MICROPHONE_RATE_HZ), np.int16)
        for number, turn_s in enumerate(self._turns_s):
            at = round((turn_s - begin_s) * MICROPHONE_RATE_HZ)
            if 0 <= at <= len(pcm) - self._step:
                pcm[at : at + self._step] = self._pieces[number % len(self._pieces)]
        return pcm
