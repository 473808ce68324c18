"""The sound of one session: what was played, and what is queued behind it. Pure bookkeeping; knows no model.

Positions count samples at 24 kHz from the start of the stream. `read` may look ahead of what was taken: queued speech,
then silence. Called from the event loop and from the worker, so every method holds the lock for a copy at most.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from threading import Lock

import numpy as np

from engine.api import Pcm


@dataclass(frozen=True, kw_only=True, slots=True)
class Taken:
    """Sound that has become part of the stream for good."""

    pcm: Pcm
    epoch: int
    spoken_from: int
    spoken_to: int


class Timeline:
    def __init__(self, history_samples: int) -> None:
        self._lock = Lock()
        self._history = np.zeros(history_samples, np.int16)  # the last samples taken; silence before the stream
        self._queue: deque[Pcm] = deque()
        self._offset = 0  # into the first queued piece
        self._queued = 0
        self._spoken = 0  # of the epoch's sound, taken
        self.epoch = 0
        self.taken_samples = 0

    @property
    def queued_samples(self) -> int:
        return self._queued

    def speak(self, pcm: Pcm, epoch: int) -> None:
        """Queue sound; a newer epoch first drops the older one's, an older one's sound is dropped."""
        with self._lock:
            self._interrupt(epoch)
            if epoch == self.epoch and len(pcm):
                self._queue.append(np.array(pcm, dtype=np.int16, copy=True))
                self._queued += len(pcm)

    def interrupt(self, epoch: int) -> None:
        with self._lock:
            self._interrupt(epoch)

    def _interrupt(self, epoch: int) -> None:
        if epoch > self.epoch:
            self.epoch = epoch
            self._queue.clear()
            self._offset = self._queued = self._spoken = 0

    def take(self, samples: int) -> Taken:
        """The next samples of the stream: queued speech, padded with silence."""
        with self._lock:
            pcm = np.zeros(samples, np.int16)
            voiced = self._copy_queued(pcm, 0)
            self._drop_queued(voiced)
            self._history = np.concatenate((self._history, pcm))[-len(self._history) :]
            self.taken_samples += samples
            spoken_from = self._spoken
            self._spoken += voiced
            return Taken(pcm=pcm, epoch=self.epoch, spoken_from=spoken_from, spoken_to=self._spoken)

    def read(self, start: int, end: int) -> Pcm:
        """Samples start .. end of the stream as it stands now: zeros before it, silence past what is queued. What is
        older than the history cannot be read."""
        with self._lock:
            out = np.zeros(end - start, np.int16)
            oldest = self.taken_samples - len(self._history)
            if max(start, 0) < oldest:
                raise ValueError("that part of the stream is no longer kept")
            known_from, known_to = max(start, oldest), min(end, self.taken_samples)
            if known_to > known_from:
                out[known_from - start : known_to - start] = self._history[known_from - oldest : known_to - oldest]
            if end > self.taken_samples:
                ahead_from = max(start, self.taken_samples)
                self._copy_queued(out[ahead_from - start :], ahead_from - self.taken_samples)
            return out

    def _copy_queued(self, out: Pcm, skip: int) -> int:
        """Fill `out` from the queue without consuming it; the number of samples found."""
        skip += self._offset
        filled = 0
        for piece in self._queue:
            if skip >= len(piece):
                skip -= len(piece)
                continue
            part = piece[skip : skip + len(out) - filled]
            out[filled : filled + len(part)] = part
            filled += len(part)
            skip = 0
            if filled == len(out):
                break
        return filled

    def _drop_queued(self, samples: int) -> None:
        self._queued -= samples
        self._offset += samples
        while self._queue and self._offset >= len(self._queue[0]):
            self._offset -= len(self._queue.popleft())
