"""Who really spoke when, and how well a transcript tells it. Pure; knows no device and no bot.

The truth is what each person's own microphone carried, at the time of the sound server; the claim is a transcript with
names and times on the bot's timeline. How the two are compared:

- *One clock.* Both count the seconds of one machine from different starts. The distance is the one under which speech
  and transcript cover each other best, whoever is named (`distance_s`): it holds what the meeting's transport adds, and
  can hide no mistake about who spoke. The bot's own voice, said and heard, tells where about that is, so that a
  transcript with much missing is not laid elsewhere.
- *Pauses.* A recogniser ends an utterance after about half a second of silence, so a shorter one lies inside its
  segments. On both sides stretches of one speaker less than `PAUSE_S` apart are one.
- *People only.* The bot's own voice stands on neither side; where it is taken for a person's, that is a false alarm.
- *No collar*, and overlapping speech counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bot.rehearsal.measure import Sound, Span, spans

PAUSE_S = 0.5
GRID_S = 0.01
NEAR_S = 1.0  # more than transport adds, there and back
COLLAR_S = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Spoken:
    """One stretch of one speaker."""

    who: str
    span: Span


@dataclass(frozen=True, kw_only=True, slots=True)
class Diarized:
    """The error rate and its parts in seconds of speech. `rate` None: it could not be had, and `reason` says why."""

    rate: float | None
    missed_s: float | None = None
    false_alarm_s: float | None = None
    confusion_s: float | None = None
    total_s: float | None = None
    reason: str | None = None


def voiced(who: str, microphone: Sound) -> list[Spoken]:
    """When this person's voice was in their microphone."""
    return [Spoken(who=who, span=span) for span in spans(microphone, bridge_s=PAUSE_S)]


def told(transcript: Iterable[Mapping[str, Any]], *, own: bool = False) -> list[Spoken]:
    """What a transcript says of people, on its own timeline, or `own`: of the bot's own voice."""
    claims = [
        Spoken(who=str(one["speaker_name"]), span=Span(start_s=one["start_ms"] / 1000, end_s=one["end_ms"] / 1000))
        for one in transcript
        if bool(one.get("own")) is own and one["end_ms"] > one["start_ms"]
    ]
    return bridged(claims)


def bridged(stretches: Iterable[Spoken]) -> list[Spoken]:
    """Stretches of one speaker less than `PAUSE_S` apart made one, in order of time."""
    whole: list[Spoken] = []
    last: dict[str, int] = {}
    for one in sorted(stretches, key=lambda one: one.span.start_s):
        at = last.get(one.who)
        if at is not None and one.span.start_s - whole[at].span.end_s < PAUSE_S:
            before = whole[at].span
            end_s = max(before.end_s, one.span.end_s)
            whole[at] = Spoken(who=one.who, span=Span(start_s=before.start_s, end_s=end_s))
            continue
        last[one.who] = len(whole)
        whole.append(one)
    return whole


def moved(stretches: Iterable[Spoken], by_s: float) -> list[Spoken]:
    return [
        Spoken(who=one.who, span=Span(start_s=one.span.start_s + by_s, end_s=one.span.end_s + by_s))
        for one in stretches
    ]


def distance_s(truth: Sequence[Spoken], claim: Sequence[Spoken], *, about_s: float | None = None) -> float | None:
    """What is added to the claim's times to lay it over the truth, at most `NEAR_S` from `about_s` where that is given;
    None where one of them is empty."""
    if not truth or not claim:
        return None
    ours, ours_s = _covered(truth)
    theirs, theirs_s = _covered(claim)
    size = len(ours) + len(theirs)
    overlap = np.fft.irfft(np.fft.rfft(ours, size) * np.conj(np.fft.rfft(theirs, size)), size)
    shifts = np.arange(size)
    shifts = np.where(shifts < len(ours), shifts, shifts - size)
    if about_s is not None:
        near_by = np.abs(ours_s - theirs_s + shifts * GRID_S - about_s) <= NEAR_S
        if not near_by.any():
            return about_s
        shifts, overlap = shifts[near_by], overlap[near_by]
    shifts = shifts[overlap > overlap.max() - 0.5]  # a claim shorter than the truth fits in several places
    near = shifts[np.abs(shifts - np.median(shifts)) * GRID_S < PAUSE_S]
    return float(ours_s - theirs_s + np.mean(near) * GRID_S)


def diarization_error(truth: Sequence[Spoken], claim: Sequence[Spoken]) -> Diarized:
    """By pyannote.metrics, speakers mapped as well as they can be; both on one clock."""
    try:
        from pyannote.core import Annotation, Segment, Timeline
        from pyannote.metrics.diarization import DiarizationErrorRate
    except ImportError as error:
        return Diarized(rate=None, reason=f"the package {error.name} is not installed (extra `hearing`)")
    if not truth:
        return Diarized(rate=None, reason="nobody spoke")

    def annotation(stretches: Sequence[Spoken]) -> Any:
        made = Annotation()
        for track, one in enumerate(stretches):
            made[Segment(one.span.start_s, one.span.end_s), track] = one.who
        return made

    times_s = [at_s for one in (*truth, *claim) for at_s in (one.span.start_s, one.span.end_s)]
    metric = DiarizationErrorRate(collar=COLLAR_S, skip_overlap=False)
    everything = Timeline([Segment(min(times_s), max(times_s))])
    parts = metric(annotation(truth), annotation(claim), uem=everything, detailed=True)
    return Diarized(
        rate=float(parts["diarization error rate"]),
        missed_s=float(parts["missed detection"]),
        false_alarm_s=float(parts["false alarm"]),
        confusion_s=float(parts["confusion"]),
        total_s=float(parts["total"]),
    )


def names_right(truth: Sequence[Spoken], claim: Sequence[Spoken]) -> float | None:
    """Share of the transcript's seconds in which the one it names spoke, of those in which anyone did; None of none."""
    right_s = anyone_s = 0.0
    for one in claim:
        by = {who: sum(_common_s(one.span, other.span) for other in truth if other.who == who) for who in _who(truth)}
        right_s += by.get(one.who, 0.0)
        anyone_s += max(by.get(one.who, 0.0), max(by.values(), default=0.0))
    return right_s / anyone_s if anyone_s > 0 else None


def _who(stretches: Iterable[Spoken]) -> set[str]:
    return {one.who for one in stretches}


def _common_s(one: Span, other: Span) -> float:
    return max(0.0, min(one.end_s, other.end_s) - max(one.start_s, other.start_s))


def _covered(stretches: Sequence[Spoken]) -> tuple[NDArray[np.float64], float]:
    """1 where anyone speaks, on a grid from the first stretch on; and when that is."""
    start_s = min(one.span.start_s for one in stretches)
    end_s = max(one.span.end_s for one in stretches)
    grid = np.zeros(round((end_s - start_s) / GRID_S) + 1)
    for one in stretches:
        grid[round((one.span.start_s - start_s) / GRID_S) : round((one.span.end_s - start_s) / GRID_S)] = 1.0
    return grid, start_s
