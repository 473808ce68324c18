"""A bot that is ready early joins on time, also when its time is moved meanwhile."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.meeting.punctual import until_time
from tests.bot.clocks import HandClock
from tests.bot.stores import NOW


class PassingClock(HandClock):
    """Sleeping takes its time."""

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)


@pytest.mark.parametrize("early_s", [-5.0, 0.0, 0.4, 59.7])
async def test_a_bot_joins_at_its_time_and_at_once_when_that_is_past(early_s):
    clock, join_at = PassingClock(), NOW + timedelta(seconds=early_s)

    async def unmoved():
        return join_at

    assert await until_time(join_at, unmoved, clock)
    assert clock.monotonic_s() == pytest.approx(max(0.0, early_s))


@pytest.mark.parametrize(("moved_s", "joins", "at_s"), [(4.0, True, 4.0), (90.0, True, 90.0), (3600.0, False, 2.0)])
async def test_a_time_that_is_moved_while_it_waits_is_obeyed(moved_s, joins, at_s):
    clock = PassingClock()

    async def moved():
        return NOW + timedelta(seconds=moved_s)

    assert await until_time(NOW + timedelta(seconds=30), moved, clock) is joins
    assert clock.monotonic_s() == pytest.approx(at_s)
