"""A clause's sound as every voice here gives it: 24 kHz, no silence before it, its punctuation's pause after it.

Clauses cut like this can follow each other directly, and a soft onset survives.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import soxr

from bot.voice.base import RATE_HZ, Pcm

QUIET = 100  # |sample| below this is silence: -50 dBFS
LEAD_SAMPLES = RATE_HZ // 200  # kept before the first loud sample, so that a soft onset survives
PAUSES_S = {".": 0.28, "!": 0.28, "?": 0.32, "…": 0.32, ":": 0.2, ";": 0.18, ",": 0.12}
PAUSE_S = 0.1  # after a clause without punctuation


@dataclass(frozen=True, kw_only=True, slots=True)
class Trimmed:
    """`pcm` began at sample `begin` of what was given (at 24 kHz); after `voiced` samples only the pause follows."""

    pcm: Pcm = field(repr=False)
    begin: int
    voiced: int


def trimmed(pcm: Pcm, rate_hz: int, text: str) -> Trimmed | None:
    """None: there is nothing to be heard."""
    if not np.any(np.abs(pcm.astype(np.int32)) >= QUIET):
        return None
    resampled = np.asarray(soxr.resample(pcm, rate_hz, RATE_HZ), np.int16)
    loud = np.flatnonzero(np.abs(resampled.astype(np.int32)) >= QUIET)
    if not len(loud):
        return None
    begin, end = max(0, int(loud[0]) - LEAD_SAMPLES), int(loud[-1]) + 1
    pause = int(PAUSES_S.get(text.rstrip("\"'”’)]")[-1:], PAUSE_S) * RATE_HZ)
    sound = np.concatenate([resampled[begin:end], np.zeros(pause, np.int16)])
    return Trimmed(pcm=sound, begin=begin, voiced=end - begin)
