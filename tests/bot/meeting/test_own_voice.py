"""What the device played is told to echo removal, at 16 kHz and where it was played."""

from __future__ import annotations

import numpy as np

from bot.hearing.base import RATE_HZ, Pcm
from bot.meeting.own_voice import OwnVoice, Sounded

STARTED_S = 100.0
TONE = (8000 * np.sin(2 * np.pi * 440 / 48_000 * np.arange(48_000))).astype(np.int16)


class Noting:
    """Echo removal that notes what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[int, Pcm]] = []

    def played(self, start_sample: int, pcm: Pcm) -> None:
        self.told.append((start_sample, pcm))

    def clean(self, stream: str, start_sample: int, pcm: Pcm) -> Pcm:
        return pcm


def told(sounded: list[Sounded]) -> list[tuple[int, Pcm]]:
    echo = Noting()
    OwnVoice(echo, lambda: sounded, started_s=lambda: STARTED_S).clean("mix", 0, np.zeros(320, np.int16))
    return echo.told


def pieces(lengths: list[int], *, trembles_s: float = 0.0, from_s: float = 2.0) -> list[Sounded]:
    found, at = [], 0
    for number, length in enumerate(lengths):
        heard_s = STARTED_S + from_s + at / 48_000 + trembles_s * (-1) ** number
        found.append(Sounded(device_start=4_800 + at, sound=TONE[at : at + length], heard_s=heard_s))
        at += length
    return found


def test_pieces_of_any_length_join_without_gap_where_they_were_played():
    heard = told(pieces([480, 320, 481, 7, 1, 480, 480], trembles_s=0.01))
    ends = [start + len(pcm) for start, pcm in heard]
    assert [start for start, _ in heard[1:]] == ends[:-1]
    assert abs(heard[0][0] - 2 * RATE_HZ) <= 0.01 * RATE_HZ + 1
    joined = np.concatenate([pcm for _, pcm in heard])[50:].astype(float)
    tone = np.exp(-2j * np.pi * 440 / RATE_HZ * np.arange(len(joined)))
    assert abs(np.abs((joined * tone).mean()) * 2 - 8000) < 400


def test_a_device_that_stood_still_is_measured_anew():
    late = pieces([480] * 40)
    moved = [one if n < 20 else Sounded(device_start=one.device_start, sound=one.sound, heard_s=one.heard_s + 0.2)
             for n, one in enumerate(late)]  # fmt: skip
    heard = told(moved)
    assert heard[-1][0] - heard[0][0] == 39 * 160 + RATE_HZ // 5
    assert heard[21][0] - heard[0][0] == 21 * 160, "one reading is no proof"
