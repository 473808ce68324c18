"""What the others say, each kept apart: how loud it is now, and where the loudest is. Knows no face and no meeting.

Where a platform gives a stream for each participant, most of them are silence: one after another in one line they would
be a stutter, and late.
"""

from __future__ import annotations

import math

import numpy as np

from engine.api import LISTEN_RATE_HZ, Pcm

MAX_HEARD_S = 0.5  # of one's sound: older sound says nothing about now
MAX_SPEAKERS = 64  # with sound that waits; the one silent for longest is forgotten

Place = tuple[float, float]


class Heard:
    """`put` as it is heard, `level` once a frame."""

    def __init__(self, fps: int) -> None:
        self._per_frame = LISTEN_RATE_HZ // fps
        self._waiting: dict[str | None, tuple[Pcm, Place | None]] = {}  # who spoke last is last
        self.gaze_xy: Place | None = None  # where the loudest is, -1..1

    def put(self, pcm: Pcm, speaker_id: str | None, gaze_xy: Place | None) -> None:
        before, _ = self._waiting.pop(speaker_id, (pcm[:0], None))
        kept = np.concatenate([before, pcm])[-int(MAX_HEARD_S * LISTEN_RATE_HZ) :]
        self._waiting[speaker_id] = kept, _within(gaze_xy)
        if len(self._waiting) > MAX_SPEAKERS:
            del self._waiting[next(iter(self._waiting))]

    def level(self) -> float:
        """Of one frame's worth of the loudest; what was heard is used up."""
        loudest = -1.0
        for speaker_id, (pcm, gaze_xy) in reversed(list(self._waiting.items())):
            now, rest = pcm[: self._per_frame], pcm[self._per_frame :]
            if (level := rms(now)) > loudest:
                loudest, self.gaze_xy = level, gaze_xy
            if len(rest):
                self._waiting[speaker_id] = rest, gaze_xy
            else:
                del self._waiting[speaker_id]
        return max(loudest, 0.0)


def rms(pcm: Pcm) -> float:
    return math.sqrt(float((pcm.astype(np.float64) ** 2).mean())) / 32768.0 if len(pcm) else 0.0


def _within(gaze_xy: Place | None) -> Place | None:
    """What a face can look at: numbers come from other machines, too."""
    if gaze_xy is None or not all(math.isfinite(at) for at in gaze_xy):
        return None
    x, y = (min(1.0, max(-1.0, at)) for at in gaze_xy)
    return x, y
