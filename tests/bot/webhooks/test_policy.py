"""When the next try is due, and when there is none."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.store.webhook_deliveries import DeliveryState
from bot.webhooks.policy import DEFAULT, error_of, verdict
from tests.bot.stores import NOW


def after(tries: int, *, status: int | None = 500, random: float = 0.5, asked_s: float | None = None):
    arrived = status is not None and error_of(status) is None
    return verdict(status=status, arrived=arrived, tries=tries, now=NOW, policy=DEFAULT, random=random, asked_s=asked_s)


def test_tries_spread_over_about_three_days_whatever_chance_says() -> None:
    for random, low_h, high_h in ((0.0, 66, 69), (0.5, 75, 76), (1.0, 82, 84)):
        waits = [after(tries, random=random).next_at - NOW for tries in range(1, len(DEFAULT.waits_s) + 1)]
        assert waits == sorted(waits) and timedelta(hours=low_h) < sum(waits, timedelta()) < timedelta(hours=high_h)


def test_the_shortest_schedule_is_longer_than_the_silence_that_disables() -> None:
    assert sum(DEFAULT.waits_s) * (1 - DEFAULT.jitter) > DEFAULT.disable_after_s


@pytest.mark.parametrize(("asked_s", "waits_s"), [(None, 5), (1.0, 5), (60.0, 60), (1e9, 86400)])
def test_what_a_receiver_asks_for_lengthens_a_wait_within_limits(asked_s: float | None, waits_s: float) -> None:
    assert after(1, status=503, asked_s=asked_s).next_at == NOW + timedelta(seconds=waits_s)


@pytest.mark.parametrize("status", [100, 199, 300, 301, 307, 308, 400, 404, 429, 500, 599, 999, None])
def test_only_a_2xx_is_an_arrival(status: int | None) -> None:
    assert after(1, status=status).state is DeliveryState.WAITING


def test_the_last_try_gives_up_and_gone_does_at_once() -> None:
    assert after(10).state is DeliveryState.FAILED and after(9).state is DeliveryState.WAITING
    gone = after(1, status=410)
    assert (gone.state, gone.disable, gone.disable_if_failing_since) == (DeliveryState.FAILED, "gone", None)
    assert after(10).disable_if_failing_since == NOW - timedelta(hours=60)
    assert {after(1, status=status).state for status in (200, 202, 204, 299)} == {DeliveryState.DELIVERED}
