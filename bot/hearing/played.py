"""What our own device has played, on the meeting's timeline, for a few seconds: the reference of echo removal. Pure."""

from __future__ import annotations

from collections import deque

import numpy as np

from bot.hearing.base import RATE_HZ, Pcm

KEPT_SAMPLES = 4 * RATE_HZ  # longer than the longest echo and the window it is looked for in
MERGED_SAMPLES = RATE_HZ // 10  # pauses shorter than this belong to what sounds around them
MAX_SOUNDING = 64


class PlayedSound:
    """Positions may jump and come again; what is not known is silence."""

    def __init__(self) -> None:
        self._ring: Pcm = np.zeros(KEPT_SAMPLES, np.int16)
        self._sounding: deque[tuple[int, int]] = deque(maxlen=MAX_SOUNDING)  # (first, end) of what was not silence
        self.end = 0

    def add(self, start_sample: int, pcm: Pcm) -> None:
        end = start_sample + len(pcm)
        start = max(start_sample, end - KEPT_SAMPLES, self.end - KEPT_SAMPLES, 0)
        if end <= start:
            return  # nothing, or from long ago
        self._write(start, np.zeros(min(max(0, start - self.end), KEPT_SAMPLES), np.int16))
        self._write(end, pcm[start - start_sample :])
        if pcm.any():
            self._note(start, end)

    def take(self, start: int, length: int) -> Pcm:
        """The sound at these positions; they may lie before or after what is known."""
        taken: Pcm = np.zeros(length, np.int16)
        first, end = max(start, self.end - KEPT_SAMPLES, 0), min(start + length, self.end)
        if first < end:
            taken[first - start : end - start] = self._ring[np.arange(first, end) % KEPT_SAMPLES]
        return taken

    def sounds_in(self, start: int, end: int) -> bool:
        """Was anything but silence played here?"""
        return any(first < end and start < last for first, last in reversed(self._sounding))

    def _write(self, end: int, pcm: Pcm) -> None:
        """These samples, the last of which is before `end`."""
        if len(pcm):
            self._ring[np.arange(end - len(pcm), end) % KEPT_SAMPLES] = pcm
        self.end = max(self.end, end)

    def _note(self, start: int, end: int) -> None:
        if self._sounding:
            first, last = self._sounding[-1]
            if first <= start <= last + MERGED_SAMPLES:
                self._sounding[-1] = (first, max(last, end))
                return
        self._sounding.append((start, end))
