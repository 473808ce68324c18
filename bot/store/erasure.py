"""What was said and seen of a bot's meeting, erased: at once when someone asks, or when it has been kept long enough.

What stays is the proof: that there was a bot, when, how it ended, and how much was erased. The room and time of its
meeting stay with the occurrence, so that erasing brings no bot back. Files are the caller's.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from bot.domain.lifecycle import TERMINAL, BotState
from bot.errors import Conflict
from bot.store import bots, fence, tables
from bot.store.bots import Bot
from bot.store.session import Session

_HELD = (tables.transcript_segments, tables.turn_records, tables.bot_lines)
NOTHING_KEPT = "erased"


class NotOver(Conflict):
    """The bot is not over; make it leave first, then erase what it kept."""

    code = "bot_not_over"


async def erase(session: Session, bot_id: str, *, by: Mapping[str, Any], at: datetime) -> Bot:
    """Safe twice. Raises UnknownBot, NotOver."""
    row = await fence.lock(session, bot_id)
    if row.state == BotState.DATA_DELETED:
        return bots.from_row(row)
    if row.state not in TERMINAL:
        raise NotOver(state=row.state)
    proof: dict[str, Any] = {"by": dict(by)}
    for table in _HELD:
        proof[table.name] = (await session.execute(sa.delete(table).where(table.c.bot_id == bot_id))).rowcount
    events, outbox = tables.bot_events, tables.outbox
    emptied = sa.update(events).where(events.c.bot_id == bot_id).values(data={}, detail="")
    proof["bot_events"] = (await session.execute(emptied)).rowcount
    await session.execute(sa.delete(outbox).where(outbox.c.bot_id == bot_id, outbox.c.told_at.is_not(None)))
    values = {"meeting_url": NOTHING_KEPT, "meeting_key": f"{NOTHING_KEPT}:{bot_id}", "metadata": {}, "detail": ""}
    await session.execute(sa.update(tables.bots).where(tables.bots.c.id == bot_id).values(**values))
    return await bots.move(
        session, bot_id, attempt=row.attempt, to=BotState.DATA_DELETED, code=row.code, data=proof, at=at
    )


async def due(session: Session, *, default_days: int, now: datetime, limit: int) -> list[str]:
    """Bots that ended longer ago than their workspace keeps what was said; 0 days: for ever."""
    table, owners = tables.bots, tables.workspaces
    rows = await session.execute(sa.select(owners.c.id, sa.func.coalesce(owners.c.retention_days, default_days)))
    kept = [(workspace_id, days) for workspace_id, days in rows if days > 0]
    old = [
        sa.and_(table.c.workspace_id == workspace_id, table.c.ended_at < now - timedelta(days=days))
        for workspace_id, days in kept
    ]
    if not old:
        return []
    over = table.c.state.in_(TERMINAL - {BotState.DATA_DELETED})
    query = sa.select(table.c.id).where(over, sa.or_(*old)).order_by(table.c.ended_at).limit(limit)
    return list((await session.execute(query)).scalars())


async def keep_for(session: Session, workspace_id: str, *, days: int | None) -> None:
    """From now on; None: as the installation says, 0: for ever."""
    table = tables.workspaces
    await session.execute(sa.update(table).where(table.c.id == workspace_id).values(retention_days=days))
