"""Rows for whatever tables a database has, made from the tables themselves: live data of any version, past ones too."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import uuid4

import sqlalchemy as sa

from bot.store.session import Database

AHEAD = datetime(2030, 1, 1, tzinfo=UTC)
NOT_OURS = ("alembic_version", "passages_fts")  # the second is the index of SQLite, with tables of its own

# What a value must be for a row to be one of a live bot; any other column takes what its type allows.
VALUES: dict[tuple[str, str], Any] = {
    ("bots", "state"): "in_call",
    ("bots", "attempt"): 1,
    ("occurrences", "disposition"): "open",
    ("bots", "bot_name"): "Iris (AI)",
    ("bots", "meeting_url"): "https://meet.google.com/abc-defg-hij",
    ("characters", "aliases"): ["Irene"],
    ("characters", "deleted_at"): None,
    ("api_keys", "scopes"): ["bots:read"],
    ("leases", "attempt"): 1,
    ("heartbeats", "attempt"): 1,
    ("heartbeats", "command"): None,
    ("outbox", "sent_at"): None,
    ("outbox", "available_at"): datetime(2020, 1, 1, tzinfo=UTC),
    ("transcript_segments", "supersedes"): None,
}
_numbers = count(1)


async def reflected(database: Database) -> sa.MetaData:
    """The tables as they are in the database now, parents first."""
    found = sa.MetaData()
    async with database.read() as session:
        await session.run_sync(found.reflect)
    for table in list(found.tables.values()):
        if table.name.startswith(NOT_OURS):
            found.remove(table)
    return found


async def fill(database: Database, tables: sa.MetaData) -> None:
    """One more row in every table, all of them of one bot."""
    keys: dict[tuple[str, str], Any] = {}
    async with database.write() as session:
        for table in tables.sorted_tables:
            row = {column.name: _value(column, keys) for column in _given(table)}
            await session.execute(sa.insert(table).values(**row))
            keys |= {(table.name, name): value for name, value in row.items()}


async def rows(database: Database, tables: sa.MetaData) -> dict[str, list[str]]:
    """Every row as those tables show it, in an order of its own."""
    found = {}
    async with database.read() as session:
        for table in tables.sorted_tables:
            read = await session.execute(sa.select(*_given(table)))
            found[table.name] = sorted(repr([_plain(value) for value in row]) for row in read)
    return found


def _given(table: sa.Table) -> list[sa.Column[Any]]:
    """The columns that whoever writes gives; the database makes the others."""
    return [one for one in table.columns if one.computed is None and one is not table.autoincrement_column]


def _value(column: sa.Column[Any], keys: Mapping[tuple[str, str], Any]) -> Any:
    for key in column.foreign_keys:
        return keys[key.column.table.name, key.column.name]
    table = column.table.name
    if (table, column.name) in VALUES:
        value = VALUES[table, column.name]
        return _moment(column, value) if isinstance(value, datetime) else value
    number = next(_numbers)
    made = (  # by type, the first that fits; on SQLite an id is kept as CHAR
        (sa.JSON, {"pii_text": f"words {number}", "nested": [number, None]}),
        (sa.Uuid, uuid4()),
        (sa.CHAR, uuid4().hex),
        (sa.Boolean, True),
        (sa.Integer, number),
        (sa.Float, number / 8),
        (sa.DateTime, _moment(column, AHEAD + timedelta(seconds=number))),
        (sa.String, f"{column.name} {number} \u00e9\u202e<b>"),
    )
    return next(value for kind, value in made if isinstance(column.type, kind))


def _moment(column: sa.Column[Any], at: datetime) -> datetime:
    return at if getattr(column.type, "timezone", False) else at.replace(tzinfo=None)


def _plain(value: Any) -> Any:
    return dict(sorted(value.items())) if isinstance(value, dict) else value
