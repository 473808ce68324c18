"""What happens now, for those who watch: how far each live or just changed bot has come, by one cheap query.

There is no sequence over all bots: rows of several transactions would appear in another order than they are numbered.
A bot's own sequences are given out under its row's lock, so they are an order one can follow.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from bot.domain.lifecycle import PHASES
from bot.store import tables
from bot.store.session import Session

LOOK_BACK = 100  # outbox rows of transactions that were slower than their successors


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """How far a bot has come."""

    bot_id: str
    workspace_id: str
    events: int  # the last sequence; 0 for none
    segments: int


async def marks(session: Session, *, since: int) -> tuple[list[Mark], int]:
    """Every live bot and every one whose state changed since the outbox row `since`, of all workspaces; and the row to
    say next time."""
    bots, events, segments, outbox = tables.bots, tables.bot_events, tables.transcript_segments, tables.outbox
    live = sa.select(bots.c.id).where(bots.c.state.in_(PHASES["live"]))
    changed = sa.select(outbox.c.bot_id).where(outbox.c.id > since - LOOK_BACK)
    query = sa.select(
        bots.c.id,
        bots.c.workspace_id,
        sa.select(sa.func.max(events.c.sequence)).where(events.c.bot_id == bots.c.id).scalar_subquery(),
        sa.select(sa.func.max(segments.c.sequence)).where(segments.c.bot_id == bots.c.id).scalar_subquery(),
        sa.select(sa.func.max(outbox.c.id)).scalar_subquery(),
    ).where(bots.c.id.in_(live.union(changed)))
    rows = (await session.execute(query)).all()
    found = [Mark(bot_id=row[0], workspace_id=row[1], events=row[2] or 0, segments=row[3] or 0) for row in rows]
    return found, max([since, *(row[4] or 0 for row in rows)])
