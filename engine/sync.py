"""Which frame belongs to the sound being heard now. Pure: it is told positions and never looks at a clock.

The microphone's heard position is the only time there is. A block is appended with the device sample at which its
sound begins; asked with the position heard now, `frame_at` answers with the frame of that moment, so pictures follow
the sound whatever the two devices' clocks do. A flush forgets all older epochs; nothing shown ever goes backwards.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from fractions import Fraction

from engine.api import Frames
from engine.output import PUBLISHED_RATE_HZ, PublishedBlock


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """The answer for one tick of the camera. `frame` None: nothing of this epoch has come yet, show the neutral
    picture."""

    frame: Frames | None  # (height * 3 // 2, width) I420
    epoch: int
    number: int | None  # of the published frame
    waiting: bool  # its sound is not heard yet: the first frame after a flush, held until it is due


@dataclass(slots=True)
class Tally:
    """How the frames fared. A frame is shown or dropped; ticks that had no newer frame are repeats."""

    shown: int = 0
    repeated: int = 0
    dropped: int = 0
    flushed: int = 0


@dataclass(frozen=True, slots=True)
class _Due:
    epoch: int
    number: int
    at: int  # device sample from which it belongs to what is heard
    frame: Frames


class FrameSync:
    """Give it every published block in order, and ask at each tick of the camera.

    `device_offset_s`: how much longer the sound's path to the listener is than the picture's; frames wait for it.
    The store is bounded: beyond `capacity_frames` the oldest are dropped.
    """

    def __init__(self, *, fps: int, device_offset_s: float = 0.0, capacity_frames: int = 64) -> None:
        self._samples_per_frame = Fraction(PUBLISHED_RATE_HZ, fps)
        self._offset = round(device_offset_s * PUBLISHED_RATE_HZ)
        self._capacity = capacity_frames
        self._waiting: deque[_Due] = deque()
        self._last: _Due | None = None
        self._epoch = 0
        self.tally = Tally()

    @property
    def epoch(self) -> int:
        return self._epoch

    @property
    def stored(self) -> int:
        return len(self._waiting)

    def append(self, block: PublishedBlock, *, starts_at: int) -> None:
        """The block's sound begins at device sample `starts_at` (48 kHz). Frames are copied. A block of an older epoch
        is ignored, a newer one flushes first."""
        if block.epoch < self._epoch:
            self.tally.flushed += len(block.frames)
            return
        self.flush(block.epoch)
        media_start = block.index * len(block.sound)
        for number, frame in enumerate(block.frames, start=block.first_frame):
            due = starts_at + round(number * self._samples_per_frame) - media_start
            if self._waiting:
                due = max(due, self._waiting[-1].at)
            self._waiting.append(_Due(block.epoch, number, due, frame.copy()))
        while len(self._waiting) > self._capacity:
            self._waiting.popleft()
            self.tally.dropped += 1

    def flush(self, epoch: int) -> None:
        """No frame of an epoch older than `epoch` is returned from now on. Idempotent."""
        if epoch <= self._epoch:
            return
        self._epoch = epoch
        self.tally.flushed += len(self._waiting)
        self._waiting.clear()
        self._last = None

    def frame_at(self, heard: int) -> Shown:
        """The frame that belongs to device sample `heard`. The caller may keep the array; it does not change."""
        moment = heard - self._offset
        newest: _Due | None = None
        while self._waiting and self._waiting[0].at <= moment:
            self.tally.dropped += newest is not None
            newest = self._waiting.popleft()
        if newest is not None:
            self._last = newest
            self.tally.shown += 1
        elif self._last is not None:
            self.tally.repeated += 1
        else:
            return self._before_the_first()
        return Shown(frame=self._last.frame, epoch=self._last.epoch, number=self._last.number, waiting=False)

    def _before_the_first(self) -> Shown:
        """After a flush a first frame that is there is better than the neutral picture, even before its sound."""
        if not self._waiting:
            return Shown(frame=None, epoch=self._epoch, number=None, waiting=True)
        first = self._waiting[0]
        return Shown(frame=first.frame, epoch=first.epoch, number=first.number, waiting=True)
