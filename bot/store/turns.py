"""Turn records (`bot.domain.turn_record`): one JSON document per thing the bot set out to say, one per remark it did
not answer. What is kept is counted, in the same transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from bot.domain import figures
from bot.store import counters, fence, tables
from bot.store.session import Session, insert


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredTurn:
    sequence: int  # rises within a bot, with gaps
    attempt: int
    epoch: int | None  # None: a remark the bot said nothing to
    record: Mapping[str, Any]


async def record(session: Session, bot_id: str, *, attempt: int, epoch: int | None, record: Mapping[str, Any]) -> None:
    """Keep the record of one epoch; a later one of the same epoch replaces it, and is not counted again. Raises
    UnknownBot, Fenced."""
    bot = await fence.hold(session, bot_id, attempt)
    table = tables.turn_records
    again = sa.update(table).where(table.c.bot_id == bot_id, table.c.attempt == attempt, table.c.epoch == epoch)
    if epoch is not None and (await session.execute(again.values(record=dict(record)))).rowcount:
        return
    row = {"bot_id": bot_id, "workspace_id": bot.workspace_id, "attempt": attempt, "epoch": epoch}
    await session.execute(insert(session, table).values(**row, record=dict(record)))
    await counters.add(session, figures.of_turn(record), shard_of=bot_id)


async def page(session: Session, bot_id: str, *, after: int = 0, limit: int = 1000) -> list[StoredTurn]:
    """In the order they were written, from behind sequence `after`."""
    table = tables.turn_records
    query = sa.select(table).where(table.c.bot_id == bot_id, table.c.id > after)
    rows = (await session.execute(query.order_by(table.c.id).limit(limit))).all()
    return [StoredTurn(sequence=row.id, attempt=row.attempt, epoch=row.epoch, record=row.record) for row in rows]
