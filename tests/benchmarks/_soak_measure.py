"""What a soak makes of what it saw: a line at the device against its reference, and figures over the whole time.

Pure: times, samples and pictures in, numbers out. The rehearsal's `offset_by_reference` lays the line's sound and its
mouth over the same line as the engine makes it, exactly in time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bot.rehearsal.measure import Luma, Series, Sound, Span, dark_area, offset_by_reference, spans
from bot.rehearsal.reference import Reference

FPS = 24
FRAME_S = 1 / FPS
LONG_FRAME = 1.5  # a picture that stays for so many frames stood in for one that did not come
SPEECH_BRIDGE_S = 1.0  # a pause within one line
FEW = 5  # values, under which nothing is said about a trend
WARM_UP = 0.2  # of the time: caches fill, and whatever loads late has loaded

SKEW_MS = (-125.0, 45.0)  # ITU-R BT.1359-1
DRIFT_MS, GROWTH_SHARE, GROWTH_MB, MORE_FILES = 20.0, 0.05, 20.0, 8
UNLIKE_SHARE = 0.2  # of the lines, that may not resemble their reference: then nothing is known of their skew
LOST_SHARE = 0.05  # of the lines' frames, that may be repeated or missing
GAP_MS = 60.0  # by which the middle line may last longer, or be shorter, than it should
TAKEN_SHARE = 0.1  # of the processors: a line during which the machine's host took as much counts as disturbed
BROKEN_MS, BROKEN_SHARE = 150.0, 0.05  # a line so much too long was heard to break off; and of how many, or apart


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One line as its devices gave it. `skew_ms` + = sound early; None where it did not resemble its reference.
    `repeated`: frames for which the picture before stayed; `dropped`: those that never came; `gap_ms`: silence that got
    into the line; `busy`, `stolen`: the share of the machine's processors that worked meanwhile, and that its host
    took."""

    at_min: float
    skew_ms: float | None
    frames: int
    repeated: int
    dropped: int
    gap_ms: float
    busy: float = 0.0
    stolen: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """The bot's processes at one moment: proportional memory and open files by part."""

    at_min: float
    memory_mb: Mapping[str, float]
    files: Mapping[str, int]


def line_of(at_min: float, sound: Sound, times_s: Sequence[float], crops: Sequence[Luma], ref: Reference) -> Line:
    """`times_s`, `crops`: when the camera was given a new picture, and its mouth. Raises ValueError for silence."""
    said = _whole(sound)
    mouth = Series(times_s=np.array(times_s), values=dark_area(crops))
    skew_s = offset_by_reference(mouth, sound, ref.mouth, ref.sound)
    shown_s = mouth.between(said.start_s, said.end_s).times_s
    stayed = np.diff(shown_s)
    repeated = int(np.sum(np.maximum(0, np.round(stayed[stayed > LONG_FRAME * FRAME_S] / FRAME_S) - 1)))
    frames = round(said.seconds * FPS)
    return Line(
        at_min=at_min,
        skew_ms=None if skew_s is None else round(skew_s * 1000, 1),
        frames=frames,
        repeated=repeated,
        dropped=max(0, frames - len(shown_s) - 1),
        gap_ms=round((said.seconds - _whole(ref.sound).seconds) * 1000, 1),
    )


def _whole(sound: Sound) -> Span:
    found = spans(sound, bridge_s=SPEECH_BRIDGE_S)
    if not found:
        raise ValueError("nothing was heard")
    return Span(start_s=found[0].start_s, end_s=found[-1].end_s)


def trend(points: Sequence[tuple[float, float]], *, minutes: float) -> float | None:
    """By how much the values change over the whole time, by a line that a few outliers do not bend (Theil-Sen); None of
    few."""
    if len(points) < FEW:
        return None
    at, values = np.array(points).T
    first, second = np.triu_indices(len(at), k=1)
    return float(np.median((values[second] - values[first]) / (at[second] - at[first]))) * minutes


def growth(points: Sequence[tuple[float, float]], *, minutes: float) -> tuple[float, float] | None:
    """After the warm-up: the value there, and by how much it had grown at the end; None of few."""
    warm = [(at, value) for at, value in points if at >= WARM_UP * minutes]
    if len(warm) < 2 * FEW:
        return None
    quarter = max(FEW, len(warm) // 4)
    early, late = (float(np.median([value for _, value in part])) for part in (warm[:quarter], warm[-quarter:]))
    return early, late - early


def total(values: Mapping[str, float]) -> float:
    return float(sum(values.values()))


def figures_of(lines: Sequence[Line], samples: Sequence[Sample], *, minutes: float) -> dict[str, object]:
    """Drift and growth are judged where there is enough to judge by: a soak of a minute shows that it works."""
    skews = [(line.at_min, line.skew_ms) for line in lines if line.skew_ms is not None]
    gaps = [(line.at_min, line.gap_ms) for line in lines]
    memory = [(sample.at_min, total(sample.memory_mb)) for sample in samples]
    files = [(sample.at_min, total(sample.files)) for sample in samples]
    drift, grown, opened = (
        trend(skews, minutes=minutes),
        growth(memory, minutes=minutes),
        growth(files, minutes=minutes),
    )
    by_part = _grown_by_part(samples, minutes=minutes)
    frames = sum(line.frames for line in lines)
    return {
        "lines": len(lines),
        "skew_ms": _spread([skew for _, skew in skews]),
        "skew_outside": sum(_is_apart(skew) for _, skew in skews),
        "skew_drift_ms": _rounded(drift),
        "frames": frames,
        "frames_repeated": sum(line.repeated for line in lines),
        "frames_dropped": sum(line.dropped for line in lines),
        "gap_ms": _spread([gap for _, gap in gaps]),
        "machine_busy_percent": _spread([line.busy * 100 for line in lines]),
        "machine_stolen_percent": _spread([line.stolen * 100 for line in lines]),
        "lines_broken": _broken(lines),
        "lines_undisturbed": len(ours := undisturbed(lines)),
        "lines_undisturbed_broken": _broken(ours),
        "memory_mb": _spread([value for _, value in memory]),
        "memory_growth_mb": _rounded(grown and grown[1]),
        "memory_growth_by_part_mb": by_part,
        "open_files": _spread([value for _, value in files]),
        "open_files_growth": _rounded(opened and opened[1]),
        "problems": [
            *problems_of_lines(lines),
            *problems_of(skews, drift, grown, opened),
            *(f"memory of its {part} grows: {mb:+.0f} MB" for part, mb in by_part.items() if mb > GROWTH_MB),
            *(f"from some moment on nothing is known of its {part}" for part in _missing(samples)),
        ],
    }


def undisturbed(lines: Sequence[Line]) -> list[Line]:
    """Those during which the machine was ours."""
    return [line for line in lines if line.stolen < TAKEN_SHARE]


def problems_of_lines(lines: Sequence[Line]) -> list[str]:
    """What was wrong all the time, and so neither drifts nor grows; whoever took the machine, people hear it."""
    found, frames = [], sum(line.frames for line in lines)
    unlike = sum(line.skew_ms is None for line in lines)
    if unlike > UNLIKE_SHARE * len(lines):
        found.append(f"{unlike} of {len(lines)} lines did not resemble their reference")
    lost = max(sum(line.repeated for line in lines), sum(line.dropped for line in lines))
    if lost > LOST_SHARE * frames:
        found.append(f"{lost} of {frames} frames were repeated or did not come")
    if lines and (gap_ms := float(np.median([abs(line.gap_ms) for line in lines]))) > GAP_MS:
        found.append(f"half of the lines are at least {gap_ms:.0f} ms longer or shorter than they should be")
    rows = (
        ("break off", _broken(lines)),
        ("are apart from their picture", sum(_is_apart(line.skew_ms) for line in lines)),
    )
    found += [f"{count} of {len(lines)} lines {what}" for what, count in rows if count > BROKEN_SHARE * len(lines)]
    return found


def _broken(lines: Sequence[Line]) -> int:
    return sum(abs(line.gap_ms) > BROKEN_MS for line in lines)


def _is_apart(skew_ms: float | None) -> bool:
    return skew_ms is not None and not SKEW_MS[0] <= skew_ms <= SKEW_MS[1]


def _missing(samples: Sequence[Sample]) -> list[str]:
    """Parts that were there for most of the time and not at the end."""
    seen = Counter(part for one in samples for part in one.memory_mb)
    at_the_end = set().union(*(one.memory_mb for one in samples[-FEW:]))
    return sorted(part for part, times in seen.items() if 2 * times > len(samples) and part not in at_the_end)


def _grown_by_part(samples: Sequence[Sample], *, minutes: float) -> dict[str, float]:
    parts = sorted(set().union(*(one.memory_mb for one in samples)))
    grown = {
        part: growth([(one.at_min, one.memory_mb.get(part, 0.0)) for one in samples], minutes=minutes) for part in parts
    }
    return {part: round(found[1], 1) for part, found in grown.items() if found is not None}


def problems_of(
    skews: Sequence[tuple[float, float]],
    drift: float | None,
    grown: tuple[float, float] | None,
    opened: tuple[float, float] | None,
) -> list[str]:
    found = []
    if not skews:
        found.append("no line could be laid over its reference")
    if drift is not None and abs(drift) > DRIFT_MS:
        found.append(f"sound and picture drift apart: {drift:+.0f} ms over the whole time")
    if grown is not None and grown[1] > max(GROWTH_MB, GROWTH_SHARE * grown[0]):
        found.append(f"memory grows: {grown[1]:+.0f} MB after {grown[0]:.0f}")
    if opened is not None and opened[1] > MORE_FILES:
        found.append(f"open files grow: {opened[1]:+.0f} after {opened[0]:.0f}")
    return found


def _spread(values: Sequence[float]) -> dict[str, float] | None:
    if not values:
        return None
    low, middle, high = np.percentile(values, (5, 50, 95))
    shown = {"p5": low, "p50": middle, "p95": high, "min": min(values), "max": max(values)}
    return {name: round(float(value), 1) for name, value in shown.items()}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
