"""Blocks of one session's size and rate as blocks of another's: four frames each, with exactly their sound. Pure.

For a face that takes over from one with another rate. Sound is passed on sample by sample; each frame shows the moment
it stands for. What is older than the newest epoch in a block is silent, and its frames are not shown.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from engine.api import FRAMES_PER_BLOCK, AvBlock, Frames, VideoFormat
from engine.output import Output


class Refit:
    """`push` blocks of `source`, `pull` blocks of `target` while there are some. Indices are the target's own."""

    def __init__(self, source: VideoFormat, target: VideoFormat) -> None:
        self._source, self._target = source, target
        self._same = source == target
        self._pictures = Output(source, target)
        self._kept: deque[AvBlock] = deque()
        self._begin = 0  # the source's sample at which the first kept block begins
        self._at = 0  # the sample at which the next target block begins
        self._index = 0

    def push(self, block: AvBlock) -> None:
        self._kept.append(block)

    def pull(self) -> AvBlock | None:
        """The next block, or None until more was pushed."""
        if self._same:
            return self._kept.popleft() if self._kept else None
        ours, theirs = self._source.samples_per_block, self._target.samples_per_block
        if self._begin + len(self._kept) * ours < self._at + theirs:
            return None
        made = self._made(self._at - self._begin, theirs)
        self._at += theirs
        self._index += 1
        while self._kept and self._begin + ours <= self._at:
            self._kept.popleft()
            self._begin += ours
        return made

    def _made(self, start: int, count: int) -> AvBlock:
        """From sample `start` of the first kept block on."""
        ours = self._source.samples_per_block
        newest = self._kept[(start + count - 1) // ours].epoch
        sound = np.zeros(count, np.int16)
        spoken: list[tuple[int, int]] = []
        for number, block in enumerate(self._kept):
            first, last = max(start, number * ours), min(start + count, (number + 1) * ours)
            if first >= last or block.epoch < newest:
                continue
            inside = slice(first - number * ours, last - number * ours)
            sound[first - start : last - start] = block.sound[inside]
            said = block.spoken_from + inside.start, min(block.spoken_from + inside.stop, block.spoken_to)
            if said[0] < said[1]:
                spoken.append(said)
        frames = np.stack(
            [self._frame(start + n * self._target.samples_per_frame, newest) for n in range(FRAMES_PER_BLOCK)]
        )
        frames.flags.writeable = sound.flags.writeable = False
        return AvBlock(
            epoch=newest,
            index=self._index,
            frames=frames,
            sound=sound,
            spoken_from=spoken[0][0] if spoken else 0,
            spoken_to=spoken[-1][1] if spoken else 0,
        )

    def _frame(self, sample: int, newest: int) -> Frames:
        """The picture of that sample; of the newest epoch, even if it is a little early."""
        number, inside = divmod(sample, self._source.samples_per_block)
        picture = inside // self._source.samples_per_frame
        while self._kept[number].epoch < newest:
            number, picture = number + 1, 0
        return self._pictures.picture(self._kept[number].frames[picture])
