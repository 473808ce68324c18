"""The end of a bot that did not get into its meeting: failed, or sent again where the table of `bot.domain.retry` says
that this can help; and the end of one whose time went by.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from bot.domain import retry
from bot.domain.join_time import JOIN_WINDOW
from bot.domain.lifecycle import IN_ROOM, BotState
from bot.domain.occurrence import STICKY, Disposition
from bot.store import bots, fence, occurrences, tables
from bot.store.bots import Bot
from bot.store.session import Session

MISSED = "The bot's time to join went by before it could be started."
HELD = "Another bot of this workspace was in the room until this one's time to join had gone by."


async def fail(
    session: Session,
    bot_id: str,
    *,
    attempt: int,
    code: str,
    detail: str,
    data: Mapping[str, Any] | None = None,
    at: datetime,
) -> Bot:
    """Failed with this code; or scheduled, to be launched again. Raises UnknownBot, Fenced, IllegalTransition."""
    row = await fence.hold(session, bot_id, attempt)
    again = retry.next_try(code, state=BotState(row.state), tries=row.tries, join_at=row.join_at, now=at)
    told: dict[str, Any] = {"code": code, "detail": detail, "at": at}
    if again is None or await _unwanted(session, row):
        return await bots.move(session, bot_id, attempt=attempt, to=BotState.FAILED, data=data, **told)
    shown = {**(data or {}), "again_at": again.isoformat(), "tries": row.tries + 1}
    await bots.move(session, bot_id, attempt=attempt, to=BotState.SCHEDULED, data=shown, **told)
    table = tables.bots
    values = {"launch_at": again, "tries": table.c.tries + 1}
    updated = await session.execute(sa.update(table).where(table.c.id == bot_id).values(**values).returning(table))
    await occurrences.mark(session, row.occurrence_id, disposition=Disposition.RETRIED, code=code, now=at)
    return bots.from_row(updated.one())


async def _unwanted(session: Session, row: sa.Row[Any]) -> bool:
    """Has someone asked it to leave meanwhile?"""
    occurrence = await occurrences.get(session, row.occurrence_id) if row.occurrence_id else None
    stopped = occurrence is not None and (occurrence.disposition in STICKY or occurrence.code == occurrences.WITHDRAWN)
    return stopped or await bots.asked(session, row.id) is not None


async def missed(session: Session, *, now: datetime, limit: int) -> list[str]:
    """Scheduled bots whose join window is over."""
    table = tables.bots
    late = sa.and_(table.c.state == BotState.SCHEDULED, table.c.launch_at < now, table.c.join_at < now - JOIN_WINDOW)
    rows = await session.execute(sa.select(table.c.id).where(late).order_by(table.c.id).limit(limit))
    return list(rows.scalars())


async def give_up(session: Session, bot_id: str, *, now: datetime) -> Bot | None:
    """End one whose time went by; None when it has moved meanwhile. One that was tried keeps why it failed."""
    row = await fence.lock(session, bot_id)
    if row.state != BotState.SCHEDULED or row.join_at >= now - JOIN_WINDOW:
        return None
    table = tables.bots
    place = sa.and_(table.c.workspace_id == row.workspace_id, table.c.meeting_key == row.meeting_key)
    in_room = sa.select(table.c.id).where(place, table.c.state.in_(IN_ROOM))
    holder = (await session.execute(in_room)).scalar_one_or_none()
    code, sub_code, detail = ("already_there", None, HELD) if holder else ("join_window_missed", None, MISSED)
    if not holder and row.sub_code == bots.HOST_FULL:
        sub_code, detail = row.sub_code, f"{MISSED} {bots.NO_ROOM}"
    if row.tries:
        code, sub_code, detail = row.code, row.sub_code, row.detail
    data = {"bot_in_room": holder} if holder else {}
    told: dict[str, Any] = {"code": code, "sub_code": sub_code, "detail": detail, "data": data, "at": now}
    return await bots.move(session, bot_id, attempt=row.attempt, to=BotState.FAILED, **told)
