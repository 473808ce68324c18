"""Turn records: one JSON document per thing the bot set out to say, with every stage's time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from bot.store import fence, tables
from bot.store.session import Session, insert


@dataclass(frozen=True, kw_only=True, slots=True)
class TurnRecord:
    attempt: int
    epoch: int
    record: Mapping[str, Any]


async def record(session: Session, bot_id: str, *, attempt: int, epoch: int, record: Mapping[str, Any]) -> None:
    """Keep the record of one epoch; a later one of the same epoch replaces it. Raises UnknownBot, Fenced."""
    bot = await fence.hold(session, bot_id, attempt)
    row = {"bot_id": bot_id, "workspace_id": bot.workspace_id, "attempt": attempt, "epoch": epoch}
    statement = insert(session, tables.turn_records).values(**row, record=dict(record))
    key = ["bot_id", "attempt", "epoch"]
    await session.execute(statement.on_conflict_do_update(index_elements=key, set_={"record": dict(record)}))


async def list_all(session: Session, bot_id: str) -> list[TurnRecord]:
    """By attempt and epoch."""
    table = tables.turn_records
    query = sa.select(table).where(table.c.bot_id == bot_id).order_by(table.c.attempt, table.c.epoch)
    rows = (await session.execute(query)).all()
    return [TurnRecord(attempt=row.attempt, epoch=row.epoch, record=row.record) for row in rows]
