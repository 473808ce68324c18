"""What was heard and seen, as numbers: pure functions over samples, frames and their times. Knows no device, no clock.

Sound is s16 mono of any rate, as a `Sound` that says when its first sample was. The mouth is a `Series`: one value a
frame, with the time at which the frame was received. All times are seconds on one clock (`time.monotonic`).

How sound against picture is measured. Two ways, both by cross-correlation on a grid of 5 ms with a parabola through
the peak:

- *By reference* (`offset_by_reference`): the answer is rendered once more off-line, which gives the sound and the
  mouth as they leave the engine, exactly aligned. The received sound is laid over the reference sound, the received
  mouth over the reference mouth; the difference of the two shifts is the offset. The engine's own lead of the mouth
  over the sound cancels. Like is matched with like, so a piece of 2 s resolves well under one frame.
- *By speech* (`offset_by_speech`): the received mouth against the received sound's envelope. It needs nothing else,
  but contains the engine's lead and the slackness between loudness and opening: about one frame of 24 fps.

Signs: an offset is positive where the sound is early (ITU-R BT.1359-1), a lag where the second series is late.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Pcm = NDArray[np.int16]
Floats = NDArray[np.float64]
Luma = NDArray[np.uint8]

STEP_S = 0.005  # of envelopes and of the grid of lags
AUDIBLE_DBFS = -48.0  # well above a codec's comfort noise, well below the softest onset of a word
BRIDGE_S = 0.35  # a shorter silence is a pause within speech
SHORTEST_S = 0.03  # a shorter sound is a click
MATCH_MARGIN_S = 0.5  # of silence around speech that takes part in a match
PIECE_S = 1.6  # of an answer, laid over its reference at once
PIECE_EDGE_S = 0.2  # of what is around a piece and helps to place it
HOP_S = 0.4  # from one piece to the next
PIECE_R = 0.75  # below it a piece does not resemble its reference; chance does not reach it
SLIP_S = 1.5  # by which one piece may have moved against the one before


@dataclass(frozen=True, kw_only=True, slots=True)
class Sound:
    """s16 mono at `rate_hz`; sample 0 was at `start_s`."""

    pcm: Pcm = field(repr=False)
    rate_hz: int
    start_s: float

    @property
    def end_s(self) -> float:
        return self.start_s + len(self.pcm) / self.rate_hz

    def between(self, start_s: float, end_s: float) -> Sound:
        """The part within these times; empty where they lie outside."""
        first, last = (round((at_s - self.start_s) * self.rate_hz) for at_s in (start_s, end_s))
        first, last = max(0, first), max(0, last)
        return Sound(pcm=self.pcm[first:last], rate_hz=self.rate_hz, start_s=self.start_s + first / self.rate_hz)


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """A stretch of sound: from its first audible sample to the sample after its last one."""

    start_s: float
    end_s: float

    @property
    def seconds(self) -> float:
        return self.end_s - self.start_s


@dataclass(frozen=True, kw_only=True, slots=True)
class Series:
    """One value per time, times ascending."""

    times_s: Floats = field(repr=False)
    values: Floats = field(repr=False)

    def between(self, start_s: float, end_s: float) -> Series:
        inside = (self.times_s >= start_s) & (self.times_s < end_s)
        return Series(times_s=self.times_s[inside], values=self.values[inside])

    def __len__(self) -> int:
        return len(self.times_s)


@dataclass(frozen=True, kw_only=True, slots=True)
class Match:
    """How alike two series are at the best lag: Pearson's r, and by how much the second is late."""

    r: float
    lag_s: float


def envelope(sound: Sound, *, step_s: float = STEP_S, smooth_s: float = 0.0) -> Series:
    """Root mean square per step, 1.0 = full scale, stamped with the middle of the step; `smooth_s` widens the window
    to a Hann window of that length."""
    size = max(1, round(sound.rate_hz * step_s))
    count = len(sound.pcm) // size
    power = (sound.pcm[: count * size].reshape(count, size).astype(np.float64) / 32768.0) ** 2
    mean = power.mean(axis=1) if count else np.zeros(0)
    if smooth_s > 0 and count:
        window = np.hanning(max(3, round(smooth_s / step_s) | 1) + 2)[1:-1]
        mean = np.convolve(mean, window / window.sum())[len(window) // 2 :][:count]
    times = sound.start_s + (np.arange(count) + 0.5) * size / sound.rate_hz
    return Series(times_s=times, values=np.sqrt(mean))


def spans(
    sound: Sound, *, audible_dbfs: float = AUDIBLE_DBFS, bridge_s: float = BRIDGE_S, shortest_s: float = SHORTEST_S
) -> tuple[Span, ...]:
    """The stretches of sound, exact to the sample at both ends. A step of 5 ms is audible by its root mean square;
    silences under `bridge_s` are part of a stretch; a stretch of less than `shortest_s` of audible steps is a click."""
    level = 10.0 ** (audible_dbfs / 20.0)
    size = max(1, round(sound.rate_hz * STEP_S))
    audible = np.flatnonzero(envelope(sound).values >= level)
    if not len(audible):
        return ()
    breaks = np.flatnonzero(np.diff(audible) * STEP_S > bridge_s) + 1
    found = []
    for group in np.split(audible, breaks):
        if len(group) * STEP_S < shortest_s:
            continue
        first, last = int(group[0]) * size, (int(group[-1]) + 1) * size
        loud = np.abs(sound.pcm[first:last].astype(np.int32)) >= level * 32768.0
        at = np.flatnonzero(loud)
        start, end = first + int(at[0]), first + int(at[-1]) + 1
        found.append(
            Span(start_s=sound.start_s + start / sound.rate_hz, end_s=sound.start_s + end / sound.rate_hz),
        )
    return tuple(found)


def first_audible_s(sound: Sound, *, after_s: float, audible_dbfs: float = AUDIBLE_DBFS) -> float | None:
    """When the first stretch of sound beginning at or after `after_s` begins; None if there is none. Sound that was
    already going on at `after_s` is not a beginning."""
    begun = [span.start_s for span in spans(sound, audible_dbfs=audible_dbfs) if span.start_s >= after_s]
    return begun[0] if begun else None


def last_voiced_s(sound: Sound, *, audible_dbfs: float = AUDIBLE_DBFS) -> float | None:
    """When the last stretch of sound ends; None in silence."""
    found = spans(sound, audible_dbfs=audible_dbfs)
    return found[-1].end_s if found else None


def dark_area(frames: Sequence[Luma]) -> Floats:
    """How much of each frame is dark, 0..1: the open mouth in a crop around it. Frames may differ in size (the same
    box of pictures of different size). What counts as dark is set by the crop itself: half way between its usual
    luma and the darkest it ever gets, with a soft edge, so that codec noise does not flicker."""
    if not len(frames):
        return np.zeros(0)
    usual = float(np.median([np.median(frame) for frame in frames]))
    darkest = float(np.percentile(np.concatenate([np.percentile(frame, [0.5, 1, 2]) for frame in frames]), 5))
    middle, softness = (usual + darkest) / 2, max(2.0, (usual - darkest) / 8)
    return np.array([_share_below(frame, middle, softness) for frame in frames])


def motion(frames: Sequence[Luma]) -> Floats:
    """Mean absolute luma change of each frame from the one before, in grey levels; 0 where the sizes differ."""
    changes = [0.0] if len(frames) else []
    for before, now in pairwise(frames):
        same = before.shape == now.shape
        changes.append(float(np.abs(now.astype(np.int16) - before.astype(np.int16)).mean()) if same else 0.0)
    return np.array(changes)


def match(first: Series, second: Series, *, around_s: float = 0.0, within_s: float = 0.4) -> Match | None:
    """The lag of `second` behind `first` at which they are most alike, sought in `around_s` +/- `within_s`. None where
    they do not overlap by half a second, one of them is constant, or the best lag is at the edge."""
    return match_all([(first, second)], around_s=around_s, within_s=within_s)


def match_all(pairs: Sequence[tuple[Series, Series]], *, around_s: float = 0.0, within_s: float = 0.4) -> Match | None:
    """One lag for several pairs: Pearson's r over all of them together."""
    steps = round(within_s / STEP_S)
    lags = around_s + np.arange(-steps, steps + 1) * STEP_S
    found = np.array([_pearson_at(pairs, float(lag)) for lag in lags])
    if not np.isfinite(found).any():
        return None
    best = int(np.nanargmax(found))
    if best in (0, len(found) - 1):
        return None
    before, peak, after = found[best - 1 : best + 2]
    bend = before - 2 * peak + after
    shift = 0.5 * (before - after) / bend if np.isfinite(bend) and bend < 0 else 0.0
    return Match(r=float(peak), lag_s=float(lags[best] + shift * STEP_S))


def speech_match(pairs: Sequence[tuple[Series, Sound]], *, within_s: float = 0.4) -> Match | None:
    """The mouth against the loudness of speech; a positive lag means that the sound is late. A frame's time is when it
    begins to be shown; it stands for the sound until the next one, so it is compared with the middle of that."""
    return match_all([(_centred(mouth), loudness(sound)) for mouth, sound in pairs], within_s=within_s)


def loudness(sound: Sound) -> Series:
    """The envelope as a mouth would follow it: 80 ms wide, square root (opening grows slower than amplitude)."""
    smooth = envelope(sound, smooth_s=0.08)
    return Series(times_s=smooth.times_s, values=np.sqrt(smooth.values))


def offset_by_speech(mouth: Series, sound: Sound) -> float | None:
    """Seconds by which the sound is early against the mouth; contains the engine's own lead."""
    found = speech_match([(mouth, sound)])
    return None if found is None else -found.lag_s


def offset_by_reference(mouth: Series, sound: Sound, reference_mouth: Series, reference_sound: Sound) -> float | None:
    """Seconds by which the received sound is early against the received mouth, the reference being in time. None where
    they do not resemble their references.

    Both are laid over their references piece by piece, because a starved device or a jitter buffer inserts silence into
    an answer and moves all that follows; the median over the pieces is taken."""
    heard, expected = spans(sound), spans(reference_sound)
    if not heard or not expected:
        return None
    loud, reference_loud = loudness(sound), loudness(reference_sound)
    shift_s = heard[0].start_s - expected[0].start_s
    offsets = []
    for start_s in np.arange(expected[0].start_s, max(expected[-1].end_s - PIECE_S, expected[0].start_s) + 0.01, HOP_S):
        piece = start_s - PIECE_EDGE_S, start_s + PIECE_S + PIECE_EDGE_S
        sounded = match(reference_loud.between(*piece), loud, around_s=shift_s, within_s=SLIP_S)
        if sounded is None or sounded.r < PIECE_R:
            continue
        shift_s = sounded.lag_s
        moved = match(reference_mouth.between(*piece), mouth, around_s=shift_s)
        if moved is not None and moved.r >= PIECE_R:
            offsets.append(moved.lag_s - sounded.lag_s)
    return float(np.median(offsets)) if offsets else None


def frames_per_second(times_s: Floats) -> float | None:
    """The median of the frames received in each whole second; None under two seconds."""
    if len(times_s) < 2:
        return None
    seconds = int(times_s[-1] - times_s[0])
    if seconds < 2:
        return None
    counts, _ = np.histogram(times_s, bins=seconds, range=(float(times_s[0]), float(times_s[0]) + seconds))
    return float(np.median(counts))


REPEATED_CHANGE = 6  # of 255


def new_pictures(times_s: Floats, crops: Sequence[Luma]) -> Floats:
    """Times of the frames that show something new: a frame that repeats the one before, as a camera read faster than
    it is written gives, does not count. Coded anew, a repeated picture changes by up to 4 of 255 somewhere; around a
    mouth that speaks a new one changes by more than 20."""
    changed = [int(np.abs(new.astype(np.int16) - old).max(initial=0)) for old, new in pairwise(crops)]
    new = [True, *(change > REPEATED_CHANGE for change in changed)][: len(crops)]
    return times_s[np.array(new, bool)] if new else times_s


def middle(values: Sequence[float | None]) -> float | None:
    """The median of those that are there; None of none."""
    there = [value for value in values if value is not None]
    return float(np.median(there)) if there else None


def _centred(mouth: Series) -> Series:
    interval_s = float(np.median(np.diff(mouth.times_s))) if len(mouth) > 1 else 0.0
    return Series(times_s=mouth.times_s + interval_s / 2, values=mouth.values)


def _share_below(frame: Luma, level: float, softness: float) -> float:
    return float(np.clip((level - frame.astype(np.float32)) / (2 * softness) + 0.5, 0.0, 1.0).mean())


def _pearson_at(pairs: Sequence[tuple[Series, Series]], lag_s: float) -> float:
    lefts, rights = [], []
    for first, second in pairs:
        if len(first) < 2 or len(second) < 2:
            continue
        start = max(first.times_s[0], second.times_s[0] - lag_s)
        end = min(first.times_s[-1], second.times_s[-1] - lag_s)
        if end - start < 0.5:
            continue
        grid = np.arange(start, end, STEP_S)
        lefts.append(np.interp(grid, first.times_s, first.values))
        rights.append(np.interp(grid + lag_s, second.times_s, second.values))
    if not lefts:
        return float("nan")
    left, right = np.concatenate(lefts), np.concatenate(rights)
    left, right = left - left.mean(), right - right.mean()
    norm = float(np.sqrt((left @ left) * (right @ right)))
    return float(left @ right) / norm if norm > 1e-12 else float("nan")
