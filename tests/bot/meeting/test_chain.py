"""Random histories through the machine and the way to the devices, on a virtual clock. A failure names its seed."""

from __future__ import annotations

import pytest

from tests.bot.meeting.chain import check, play


def run(seeds: range) -> None:
    for seed in seeds:
        try:
            check(play(seed))
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error


def test_forty_random_histories_leave_no_old_sound_and_end() -> None:
    run(range(40))


@pytest.mark.slow
@pytest.mark.parallel
def test_five_hundred_random_histories_leave_no_old_sound_and_end() -> None:
    run(range(1_000, 1_500))


@pytest.mark.acceptance
@pytest.mark.parallel
@pytest.mark.timeout(7200)
def test_a_hundred_thousand_random_histories_leave_no_old_sound_and_end() -> None:
    run(range(100_000, 200_000))
