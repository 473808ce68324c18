"""How loud our voice leaves: as it is, or softer while someone else may want to speak. Pure; ramps, so that nothing
clicks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

DUCKED_GAIN = 0.25  # 12 dB softer
DOWN_S = 0.02
UP_S = 0.08


class Loudness:
    """Sample by sample from one gain to the other. Asked for one epoch; a new one begins at full loudness."""

    def __init__(self, rate_hz: int) -> None:
        self._down = (1.0 - DUCKED_GAIN) / (DOWN_S * rate_hz)  # of gain in one sample
        self._up = (1.0 - DUCKED_GAIN) / (UP_S * rate_hz)
        self._softer = -1  # the epoch that is ducked
        self._epoch = -1
        self._gain = 1.0

    def duck(self, epoch: int, *, softer: bool) -> None:
        if softer:
            self._softer = max(self._softer, epoch)
        elif epoch >= self._softer:
            self._softer = -1

    def applied(self, sound: NDArray[np.int16], epoch: int) -> NDArray[np.int16]:
        if epoch != self._epoch:
            self._epoch, self._gain = epoch, 1.0
        target = DUCKED_GAIN if epoch == self._softer else 1.0
        if self._gain == target == 1.0:
            return sound
        steps = np.arange(1, len(sound) + 1)
        if target < self._gain:
            gains = np.maximum(self._gain - steps * self._down, target)
        else:
            gains = np.minimum(self._gain + steps * self._up, target)
        self._gain = float(gains[-1])
        softened: NDArray[np.int16] = np.rint(sound * gains).astype(np.int16)
        return softened
