"""Keeps the bot's own voice out of a mixed stream: it knows what was played when. Pure.

Needed only where the platform gives a mix; with one stream per participant the bot's own is simply not fed. The gate
is plain: while own sound was heard at the device, and for the echo tail after it, the mix is silenced, unless someone
is clearly louder than the echo can be.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from bot.hearing.base import RATE_HZ, Pcm


@dataclass(frozen=True, kw_only=True, slots=True)
class Played:
    start_sample: int  # on the meeting's timeline, 16 kHz
    end_sample: int
    rms: float


class PlaybackGate:
    """`tail_s`: how long the echo of the room and the meeting's jitter may outlast the sound; `lead_s`: how far the
    timelines may disagree; `louder_db`: above the playback's level the mix is someone else."""

    def __init__(self, *, tail_s: float = 0.6, lead_s: float = 0.1, louder_db: float = 6.0, kept: int = 512) -> None:
        self._tail, self._lead = round(tail_s * RATE_HZ), round(lead_s * RATE_HZ)
        self._louder = 10 ** (louder_db / 20)
        self._played: deque[Played] = deque(maxlen=kept)

    def played(self, start_sample: int, pcm: Pcm) -> None:
        """Own sound that the device has played (s16 mono 16 kHz), in order."""
        rms = float(np.sqrt((pcm.astype(np.float64) ** 2).mean())) if len(pcm) else 0.0
        if rms > 0.0:
            self._played.append(Played(start_sample=start_sample, end_sample=start_sample + len(pcm), rms=rms))

    def clean(self, start_sample: int, pcm: Pcm) -> Pcm:
        """The mix with own sound silenced. Same length."""
        end = start_sample + len(pcm)
        echoes = [
            one.rms
            for one in self._played
            if one.start_sample - self._lead < end and start_sample < one.end_sample + self._tail
        ]
        if not echoes:
            return pcm
        level = float(np.sqrt((pcm.astype(np.float64) ** 2).mean()))
        return pcm if level > max(echoes) * self._louder else np.zeros_like(pcm)
