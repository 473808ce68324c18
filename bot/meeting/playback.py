"""What really left the device: runs of samples with their meaning, and what follows for each epoch. Pure bookkeeping.

Device samples are 48 kHz and count everything ever written; media samples are the same length but count the engine's
stream only; spoken samples are 24 kHz within one epoch's speech. One `Run` ties the three together.
"""

from __future__ import annotations

import statistics
from collections import deque
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

DEVICE_RATE_HZ = 48_000
KEEP_EPOCHS = 16
KEEP_RUNS = 400  # half a minute and more: far longer than any device holds
AUDIBLE = 200  # of 32767, about -44 dBFS: quieter than this nobody hears in a meeting
FADE = DEVICE_RATE_HZ // 50  # the microphone's ramp after a flush
_MOST_OFFSETS = 4096


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """Consecutive device samples that voice consecutive media samples; `media_start` None for filled-in silence."""

    device_start: int
    length: int
    epoch: int
    media_start: int | None
    spoken_from: int  # 24 kHz; equal to spoken_to when the run voices no speech
    spoken_to: int
    audible_at: int | None = None  # device sample of the first audible sample of speech in the run
    audible_to: int | None = None  # and the one after the last

    @property
    def device_end(self) -> int:
        return self.device_start + self.length


@dataclass(slots=True)
class Spoken:
    """One epoch's speech as the device played it. Times are `time.monotonic()` seconds."""

    first_audible_s: float | None = None
    first_frame_s: float | None = None  # the first frame that belongs to audible speech
    last_heard_s: float | None = None
    taken_s: float | None = None  # its first sample was about to be written to the device
    speech_at: int = 0  # that sample
    leading_silence_s: float = 0.0  # from there to the first audible one: the voice's own
    audible_to: int = 0  # device sample after the last audible one written
    silent_s: float | None = None  # when that one, faded, had left the device
    heard_to: int = 0  # spoken samples (24 kHz) that were heard
    offsets_ms: list[float] = field(default_factory=list)  # sound against picture, + = sound early, a value per frame

    @property
    def offset_ms(self) -> float | None:
        return statistics.median(self.offsets_ms) if self.offsets_ms else None


def audible_span(pcm: NDArray[np.int16]) -> tuple[int, int] | None:
    """Index of the first sample anyone can hear and of the one after the last, None in silence."""
    loud = np.flatnonzero(np.abs(pcm.astype(np.int32)) >= AUDIBLE)
    return (int(loud[0]), int(loud[-1]) + 1) if len(loud) else None


class Playback:
    """Single writer (the device thread); readers see consistent numbers under the owner's lock."""

    def __init__(self) -> None:
        self._runs: deque[Run] = deque(maxlen=KEEP_RUNS)
        self._spoken: dict[int, Spoken] = {}
        self.written = 0  # device samples
        self.filled = 0  # device samples of silence written because nothing was ready
        self._reported_to = 0

    def wrote(self, run: Run, *, taken_s: float | None = None) -> None:
        """`taken_s`: when the device was given it; writing waits until there is room."""
        self._runs.append(run)
        if run.spoken_to > run.spoken_from and (spoken := self.of(run.epoch)).taken_s is None:
            spoken.taken_s, spoken.speech_at = taken_s, run.device_start
        self.written = run.device_end
        if run.media_start is None:
            self.filled += run.length
        if run.audible_to is not None:
            spoken = self.of(run.epoch)
            spoken.audible_to, spoken.silent_s = run.audible_to, None

    def of(self, epoch: int) -> Spoken:
        if epoch not in self._spoken and len(self._spoken) >= KEEP_EPOCHS:
            del self._spoken[min(self._spoken)]
        return self._spoken.setdefault(epoch, Spoken())

    def silent_s(self, epoch: int) -> float | None:
        spoken = self._spoken.get(epoch)
        return spoken.silent_s if spoken else None

    def media_at(self, device_sample: int) -> int | None:
        """The media sample that `device_sample` voices; for filled-in silence the end of the media before it."""
        last: int | None = None
        for run in self._runs:
            if run.device_start > device_sample:
                break
            if run.media_start is not None:
                last = run.media_start + min(device_sample - run.device_start, run.length)
        return last

    def heard(self, device_sample: int, now_s: float) -> None:
        """The device now plays `device_sample`: account for every run it passed since the last call."""
        for run in self._runs:
            if run.device_end <= self._reported_to or run.device_start > device_sample:
                continue
            if run.spoken_to > run.spoken_from:
                self._speech_heard(run, device_sample, now_s)
        self._reported_to = max(self._reported_to, device_sample)
        for spoken in self._spoken.values():
            late = device_sample - spoken.audible_to - FADE
            if spoken.silent_s is None and spoken.audible_to and late >= 0:
                spoken.silent_s = now_s - late / DEVICE_RATE_HZ

    def _speech_heard(self, run: Run, device_sample: int, now_s: float) -> None:
        spoken = self.of(run.epoch)
        passed = min(device_sample - run.device_start, run.length)
        share = passed / run.length
        spoken.heard_to = max(spoken.heard_to, run.spoken_from + int((run.spoken_to - run.spoken_from) * share))
        spoken.last_heard_s = now_s
        if spoken.first_audible_s is None and run.audible_at is not None and device_sample >= run.audible_at:
            spoken.first_audible_s = now_s - (device_sample - run.audible_at) / DEVICE_RATE_HZ
            spoken.leading_silence_s = (run.audible_at - spoken.speech_at) / DEVICE_RATE_HZ

    def showed(self, *, epoch: int, media_sample: int, device_sample: int, now_s: float) -> None:
        """A frame whose middle belongs to `media_sample` is on the camera while the device plays `device_sample`."""
        heard = self.media_at(device_sample)
        spoken = self._spoken.get(epoch)
        if heard is None or spoken is None or spoken.first_audible_s is None:
            return
        if spoken.first_frame_s is None:
            spoken.first_frame_s = now_s
        if len(spoken.offsets_ms) < _MOST_OFFSETS:
            spoken.offsets_ms.append((heard - media_sample) / DEVICE_RATE_HZ * 1000.0)
