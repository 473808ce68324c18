"""The outbox: what must reach the world once the transaction that caused it is safe. Delivered at least once.

A relay takes unsent rows, which hides them from other relays for a while; it delivers and marks them sent. One that
dies in between leaves rows that come back by themselves: the receiver must bear a repetition.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from bot.store import tables
from bot.store.session import Session
from bot.store.webhook_tables import endpoints


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    id: int
    bot_id: str
    topic: str  # bot.<state>
    payload: Mapping[str, Any]
    tries: int  # this one included


async def add(session: Session, rows: Sequence[Mapping[str, Any]], *, hide_s: float = 0.0) -> list[Message]:
    """Messages, one of a bot, hidden from takers for `hide_s`, for who hands them over itself; nobody need, they come
    back. They are inserted without asking for their ids, which costs half, and found by their bots, which are held."""
    table = tables.outbox
    tries = 1 if hide_s else 0
    hidden = [{**row, "available_at": row["available_at"] + timedelta(seconds=hide_s), "tries": tries} for row in rows]
    await session.execute(sa.insert(table), hidden)
    of_these = sa.and_(table.c.bot_id.in_([row["bot_id"] for row in rows]), table.c.told_at.is_(None))
    last = sa.select(table.c.bot_id, sa.func.max(table.c.id)).where(of_these).group_by(table.c.bot_id)
    found = await session.execute(last)
    ids: dict[Any, int] = {row[0]: row[1] for row in found}
    added = [
        Message(id=ids[row["bot_id"]], bot_id=row["bot_id"], topic=row["topic"], payload=row["payload"], tries=tries)
        for row in rows
    ]
    return sorted(added, key=lambda message: message.id)


async def any_waiting(session: Session, *, now: datetime) -> bool:
    """Would a taker find anything? For a look that holds up no writer."""
    waiting = sa.and_(tables.outbox.c.sent_at.is_(None), tables.outbox.c.available_at <= now)
    return bool((await session.execute(sa.select(sa.exists().where(waiting)))).scalar_one())


async def take(session: Session, *, now: datetime, hide_s: float, limit: int) -> list[Message]:
    """Up to `limit` unsent messages in order of writing, hidden from other takers for `hide_s`."""
    table = tables.outbox
    free = (
        sa.select(table.c.id)
        .where(table.c.sent_at.is_(None), table.c.available_at <= now)
        .order_by(table.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("free")
    )
    statement = sa.update(table).where(table.c.id.in_(sa.select(free.c.id)))
    statement = statement.values(available_at=now + timedelta(seconds=hide_s), tries=table.c.tries + 1)
    columns = (table.c.id, table.c.bot_id, table.c.topic, table.c.payload, table.c.tries)
    rows = (await session.execute(statement.returning(*columns))).all()
    return sorted((Message(**row._mapping) for row in rows), key=lambda message: message.id)


async def mark_sent(session: Session, ids: Sequence[int], *, now: datetime) -> None:
    if ids:
        await session.execute(sa.update(tables.outbox).where(tables.outbox.c.id.in_(ids)).values(sent_at=now))


@dataclass(frozen=True, kw_only=True, slots=True)
class Pruned:
    """How many messages were dropped. `unheard`: of them, those that an endpoint was still to be told of."""

    dropped: int
    unheard: int


async def prune(session: Session, *, done_before: datetime, waiting_since: datetime) -> Pruned:
    """Drop what was sent and told of before `done_before`, as far as there is anybody to tell. What was sent and waits
    to be told of is kept until then, however old, but not from before `waiting_since`: without a bound a courier that
    never comes would fill the disk."""
    table = tables.outbox
    there = sa.and_(endpoints.c.workspace_id == table.c.workspace_id, endpoints.c.created_at <= table.c.created_at)
    waits = sa.and_(table.c.told_at.is_(None), sa.exists().where(there))
    told = sa.or_(table.c.told_at < done_before, sa.and_(table.c.told_at.is_(None), ~waits))
    done = await session.execute(sa.delete(table).where(table.c.sent_at < done_before, told))
    unheard = await session.execute(sa.delete(table).where(table.c.sent_at < waiting_since, waits))
    return Pruned(dropped=done.rowcount + unheard.rowcount, unheard=unheard.rowcount)
