"""What the device really played, told to echo removal: 48 kHz of the device in, 16 kHz of the meeting's timeline out.

The device counts its samples without gaps, so its place on the timeline is measured once and then counted on: the
position a sound server reports trembles by some milliseconds, and a canceller follows none of that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bot.hearing.base import RATE_HZ, EchoRemoval, Pcm
from bot.meeting.playback import DEVICE_RATE_HZ
from connectors.kit.resample import Decimator

FACTOR = DEVICE_RATE_HZ // RATE_HZ
SLACK_SAMPLES = RATE_HZ * 40 // 1000
PATIENCE = 10  # pieces that disagree with the count before it is measured anew


@dataclass(frozen=True, kw_only=True, slots=True)
class Sounded:
    """A piece of sound that was written to the device; `heard_s` (time.monotonic()) is when its first sample plays."""

    device_start: int
    sound: NDArray[np.int16]  # 48 kHz
    heard_s: float


class OwnVoice:
    """`take` gives what the device played since it was last asked; `started_s` is the timeline's start."""

    def __init__(
        self, echo: EchoRemoval, take: Callable[[], Iterable[Sounded]], *, started_s: Callable[[], float]
    ) -> None:
        self._echo, self._take, self._started_s = echo, take, started_s
        self._low = Decimator(FACTOR)
        self._next = 0  # device sample expected
        self._offset: int | None = None  # timeline sample of device sample 0
        self._off = 0  # pieces that disagree, one after the other

    def clean(self, stream: str, start_sample: int, pcm: Pcm) -> Pcm:
        """The sound of a stream without our voice."""
        for one in self._take():
            self._tell(one)
        return self._echo.clean(stream, start_sample, pcm)

    def _tell(self, one: Sounded) -> None:
        first = -one.device_start % FACTOR
        if one.device_start != self._next:
            self._low = Decimator(FACTOR, leave_out=first)
        self._next = one.device_start + len(one.sound)
        at = (one.device_start + first) // FACTOR
        self._echo.played(at + self._place(one), self._low.resample_chunk(one.sound))

    def _place(self, one: Sounded) -> int:
        measured = round((one.heard_s - self._started_s()) * RATE_HZ) - one.device_start // FACTOR
        self._off = self._off + 1 if self._offset is None or abs(measured - self._offset) > SLACK_SAMPLES else 0
        if self._offset is None or self._off >= PATIENCE:
            self._offset, self._off = measured, 0
        return self._offset
