"""When a bot may join."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from bot.domain.join_time import BadJoinTime, join_time, still_in_window

NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)


def test_no_time_means_now_and_another_zones_time_becomes_utc():
    assert join_time(None, NOW) == NOW
    elsewhere = datetime(2026, 11, 21, 12, 0, tzinfo=timezone(timedelta(hours=1)))
    assert join_time(elsewhere, NOW).isoformat() == "2026-11-21T11:00:00+00:00"


@pytest.mark.parametrize(
    "wanted", [NOW - timedelta(minutes=16), NOW + timedelta(days=367), datetime.min.replace(tzinfo=UTC)]
)
def test_a_time_long_past_or_far_off_is_refused(wanted):
    with pytest.raises(BadJoinTime):
        join_time(wanted, NOW)


def test_the_window_closes_a_quarter_of_an_hour_after_the_time():
    assert still_in_window(NOW, NOW + timedelta(minutes=15))
    assert not still_in_window(NOW, NOW + timedelta(minutes=15, seconds=1))
