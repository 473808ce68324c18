"""Sound keeps its time although chunks arrive late."""

from __future__ import annotations

import numpy as np
import pytest

from bot.rehearsal.measure import first_audible_s
from bot.rehearsal.recording import FORGET_S, KEPT_S, Recording

RATE_HZ = 24_000
CHUNK = 480


def recorded(*, seconds: float, beep_at_s: float, lost: range = range(0)) -> Recording:
    """A device that began at 50 s and gives every chunk up to 30 ms late; the chunks in `lost` never come."""
    random = np.random.default_rng(1)
    recording = Recording(RATE_HZ)
    for index in range(int(seconds * RATE_HZ / CHUNK)):
        pcm = np.full(CHUNK, 8000 if index * CHUNK / RATE_HZ >= beep_at_s else 0, np.int16)
        if index not in lost:
            recording.add(pcm, arrived_s=50.0 + (index + 1) * CHUNK / RATE_HZ + random.uniform(0.0, 0.03))
    return recording


def test_late_chunks_do_not_move_the_sound() -> None:
    heard = recorded(seconds=8, beep_at_s=4.0).sound(52.0, 56.0)
    assert first_audible_s(heard, after_s=52.0) == pytest.approx(54.0, abs=0.002)


def test_a_loss_long_before_does_not_move_what_follows() -> None:
    heard = recorded(seconds=30, beep_at_s=25.0, lost=range(10, 60)).sound(73.0, 77.0)
    assert first_audible_s(heard, after_s=73.0) == pytest.approx(75.0, abs=0.002)


def test_nothing_recorded_is_no_sound() -> None:
    assert len(Recording(RATE_HZ).sound(0.0, 10.0).pcm) == 0
    assert Recording(RATE_HZ).end_s is None


def test_what_is_older_than_half_an_hour_is_forgotten_and_the_rest_keeps_its_place() -> None:
    recording = Recording(1000)
    for second in range(2 * int(KEPT_S)):
        recording.add(np.full(1000, second % 100, np.int16), arrived_s=second + 1.0)
    assert len(recording.sound(0.0, 60.0).pcm) == 0
    late = recording.sound(3000.0, 3001.0)
    assert late.start_s == 3000.0 and set(late.pcm.tolist()) == {0}
    assert len(recording.sound(0.0, 4000.0).pcm) <= (KEPT_S + FORGET_S) * 1000
