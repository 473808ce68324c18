"""The one timeline through a whole meeting: clocks that run apart, gaps, a late joiner, a page that is loaded anew."""

from __future__ import annotations

import psutil
import pytest

from connectors.kit.stamps import KEPT, StampClock
from tests.connectors.long_meeting import Meeting, Source

LIMIT_MS = 40.0
MINUTE_S = 60.0


def assert_every_mark_stands(meeting: Meeting) -> None:
    for name, marks in meeting.true.items():
        errors, lost = meeting.errors_ms(name)
        assert len(marks) > 50 and not lost, f"{lost} of {len(marks)} marks of {name} were not heard"
        assert max(errors) < LIMIT_MS, f"{name}: {max(errors):.1f} ms"


@pytest.mark.slow
@pytest.mark.parallel
def test_two_minutes_of_clocks_that_run_apart_keep_every_mark_in_its_place() -> None:
    meeting = Meeting(
        sources=(
            Source(name="ada", drift=0.001, gaps=((40.0, 70.0),)),
            Source(name="ben", drift=-0.001, zero_s=7e4, counts=False, joins_s=36.0, reconnects_s=75.0),
            Source(name="mix", drift=0.001),
        )
    )
    meeting.run(2 * MINUTE_S, 2 * MINUTE_S)
    assert_every_mark_stands(meeting)


@pytest.mark.acceptance
@pytest.mark.parallel
@pytest.mark.timeout(300)
def test_forty_minutes_of_clocks_that_run_apart_keep_every_mark_in_its_place_in_the_same_memory() -> None:
    meeting = Meeting(
        sources=(
            Source(name="ada", drift=0.001, gaps=((300.0, 330.0), (1800.0, 1830.0))),
            Source(name="ben", drift=-0.001, zero_s=7e4, counts=False, joins_s=12 * MINUTE_S),
            Source(name="cleo", drift=-0.001, gaps=((900.0, 930.0),), reconnects_s=25 * MINUTE_S),
            Source(name="dan", drift=0.001, counts=False, gaps=((2000.0, 2030.0),)),
            Source(name="mix", drift=0.001),
        )
    )
    memory = psutil.Process().memory_info
    meeting.run(10 * MINUTE_S, 40 * MINUTE_S)
    before = memory().rss
    meeting.run(40 * MINUTE_S, 40 * MINUTE_S)
    assert_every_mark_stands(meeting)
    assert memory().rss - before < 8 * 1024 * 1024


def test_a_clock_is_known_by_its_drift_also_after_a_silence() -> None:
    clock = StampClock()
    for index in range(50 * 20):
        at_s = index * 0.02
        clock.learn(at_s, 500.0 + at_s * 1.001 + (index * 37 % 80) / 1000)
    assert abs(clock.at(50.0) - 500.050) < 0.004
    assert not clock.strange(50.0, 550.05) and clock.strange(10.0, 560.0) and clock.strange(60.0, 558.0)


def test_sound_lost_on_the_way_sets_the_clock_back_within_seconds_and_one_late_second_does_not() -> None:
    clock = StampClock()
    for second in range(KEPT):
        clock.learn(second, 100.0 + second + (0.3 if second == 20 else 0.0))
    assert abs(clock.at(KEPT) - 100.0) < 0.001
    for second in range(KEPT, KEPT + 8):
        clock.learn(second, 100.2 + second)
    assert abs(clock.at(KEPT + 8) - 100.2) < 0.005
