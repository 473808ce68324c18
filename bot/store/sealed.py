"""Every sealed column, as a table, so that a change of keys forgets none."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa

from bot.store.calendar_tables import calendars
from bot.store.session import Database
from bot.store.trail_tables import idempotent_requests
from bot.store.webhook_tables import endpoints

COLUMNS: tuple[tuple[sa.Table, str], ...] = (
    (endpoints, "sealed_secret"),
    (endpoints, "sealed_previous"),
    (calendars, "sealed_secret"),
    (idempotent_requests, "sealed_answer"),
)
BATCH = 200


async def reseal(database: Database, seal_again: Callable[[str], str]) -> int:
    """Put what `seal_again` makes of each sealed text in its place; returns of how many. One changed meanwhile is left:
    whoever changed it has sealed it anew."""
    return sum([await _column(database, table, name, seal_again) for table, name in COLUMNS])


async def _column(database: Database, table: sa.Table, name: str, seal_again: Callable[[str], str]) -> int:
    column, last, done = table.c[name], None, 0
    while True:
        query = sa.select(table.c.id, column).where(column.is_not(None)).order_by(table.c.id).limit(BATCH)
        async with database.read() as session:
            rows = (await session.execute(query if last is None else query.where(table.c.id > last))).all()
        async with database.write() as session:
            for row_id, sealed in rows:
                same = sa.update(table).where(table.c.id == row_id, column == sealed)
                done += (await session.execute(same.values({name: seal_again(sealed)}))).rowcount
        if len(rows) < BATCH:
            return done
        last = rows[-1][0]
