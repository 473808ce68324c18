"""What becomes of bots when calendars change: the table of changes, and any sequence of them."""

from __future__ import annotations

import pytest

from tests.bot.calendars.changes import CHANGES, MEANWHILE, Change
from tests.bot.calendars.desk import Desk
from tests.bot.stores import Seeded


async def _bots_after(store: Seeded, change: Change) -> list[tuple[int, float]]:
    name, before, meanwhile, after, _ = change
    desk = await Desk.of(store, name)
    await desk.show(before)
    await MEANWHILE[meanwhile](desk)
    await desk.show(after)
    await desk.reconcile()  # a second look finds nothing to do
    return await desk.goes()


def test_the_table_has_a_name_for_each_change() -> None:
    assert len({name for name, *_ in CHANGES}) == len(CHANGES) >= 60


@pytest.mark.slow
@pytest.mark.parallel
async def test_each_change_leaves_exactly_the_right_bots(sqlite_store: Seeded) -> None:
    wrong = [(row[0], found, row[4]) for row in CHANGES if (found := await _bots_after(sqlite_store, row)) != row[4]]
    assert wrong == []
