"""Real bots that are due at one minute: as many as fit are there at a time, and all of them come."""

from __future__ import annotations

import asyncio

import pytest

from tests.benchmarks import minute
from tests.journeys.needs import real_parts

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(1500), *real_parts]
AT_ONCE = 4


def test_twenty_bots_of_one_minute_come_as_there_is_room_and_each_tells_how_late() -> None:
    rows = asyncio.run(minute.play(minute.COUNT, most=AT_ONCE))
    for row in sorted(rows, key=lambda row: row.late_s or 0.0):
        print(f"{row.late_s} s late at the door, in after {row.in_call_s} s, claimed {row.claims} times: {row.end}")
    assert minute.troubles(rows, most=AT_ONCE) == []
