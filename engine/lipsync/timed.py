"""The mouth from phoneme times: targets blended by dominance, closures always reached. Knows no sound.

Cohen and Massaro's coarticulation: near a moment every phoneme pulls the mouth to its target, the more the closer and
the more dominant it is. The mouth leads the sound a little, as mouths do. A pause pulls, too, or the mouth would stand
in the last sound, and then in the next one, until that comes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.api import SPEECH_RATE_HZ, Phoneme
from engine.lipsync.mouth import Mouth
from engine.lipsync.visemes import DOMINANCE, TARGETS, visemes_of

LEAD_S = 0.030
REACH_S = 0.25  # phonemes farther away do not pull
_FALL_S = 0.062
_SHARP_FALL_S = 0.045  # of closures: lips part quickly
_CLOSING = ("closed",)
PAUSE_S = 0.1  # without a sound
LINGER_S = 0.06  # that lips stay in a sound which has ended


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """One viseme, in seconds from the start of what is spoken."""

    start_s: float
    end_s: float
    viseme: str


def spans_of(phonemes: tuple[Phoneme, ...], start: int, end: int) -> list[Span]:
    """Visemes of phonemes whose PCM is spoken samples `start` to `end`, and the pauses between and after them."""
    spans, said_to_s = [], start / SPEECH_RATE_HZ
    for phoneme in phonemes:
        at = (start + phoneme.start) / SPEECH_RATE_HZ
        length = (phoneme.end - phoneme.start) / SPEECH_RATE_HZ
        spans += _pause(said_to_s, at)
        said_to_s = at + length
        for viseme, share in visemes_of(phoneme.symbol):
            spans.append(Span(start_s=at, end_s=at + length * share, viseme=viseme))
            at += length * share
    return spans + _pause(said_to_s, end / SPEECH_RATE_HZ)


def _pause(start_s: float, end_s: float) -> list[Span]:
    return [Span(start_s=start_s + LINGER_S, end_s=end_s, viseme="silence")] if end_s - start_s >= PAUSE_S else []


def mouth_at(spans: list[Span], second: float) -> Mouth:
    """The mouth at one moment of the speech. `spans` are sorted, and few: those long past are taken out by the track;
    all zero where none is near."""
    moment = second + LEAD_S
    total, pulled = 1e-3, np.zeros(len(Mouth()))
    closure = 0.0
    for span in spans:
        if span.start_s > moment + REACH_S:
            break
        if span.end_s < moment - REACH_S:
            continue
        pull = _pull(span, moment)
        total += pull
        pulled += pull * _target(span.viseme)
        if span.viseme in _CLOSING:
            closure = max(closure, _closure(span, moment))
    blended = pulled / total
    if closure > 0.0:
        blended += (_target("closed") - blended) * closure
    return Mouth(*(float(v) for v in blended))


def _target(viseme: str) -> NDArray[np.float64]:
    return np.array(TARGETS[viseme])


def _pull(span: Span, moment: float) -> float:
    middle, half = (span.start_s + span.end_s) / 2, max(0.02, (span.end_s - span.start_s) / 2)
    away = max(0.0, abs(moment - middle) - max(half * 0.5, half - 0.035))
    fall = _SHARP_FALL_S if span.viseme in ("closed", "lip_teeth") else _FALL_S
    return float(DOMINANCE.get(span.viseme, 1.0) * np.exp(-((away / fall) ** 1.4)))


def _closure(span: Span, moment: float) -> float:
    """1 while the lips must touch: half a frame at least, so that one frame of 24 a second shows it."""
    middle, half = (span.start_s + span.end_s) / 2, max(0.0215, (span.end_s - span.start_s) / 2 * 0.7)
    return 1.0 if abs(moment - middle) <= half else 0.0
