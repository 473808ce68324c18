"""Occurrences: one meeting at one time, and what has become of it. Written by whoever makes or ends a bot.

Finding one and making a bot for it are one step for a workspace: its row is locked until the transaction ends, so of
many who ask at once one makes the bot and the others find it. Keep such transactions short.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from bot.domain.lifecycle import IN_ROOM, LIVE, BotState
from bot.domain.occurrence import NEAR, STICKY, STOP_HOLDS, Disposition, settled
from bot.store import tables
from bot.store.session import Session

WITHDRAWN = "withdrawn"  # the code of an occurrence whose bot was taken back by who had sent it


@dataclass(frozen=True, kw_only=True, slots=True)
class Occurrence:
    id: str
    workspace_id: str
    meeting_key: str
    starts_at: datetime
    disposition: Disposition
    code: str | None
    bot_id: str | None  # the latest that was made for it
    made: int
    created_at: datetime
    updated_at: datetime


async def lock_workspace(session: Session, workspace_id: str) -> None:
    """Until the transaction ends nobody else makes a bot in this workspace. Take it before any bot's row."""
    query = sa.select(tables.workspaces.c.id).where(tables.workspaces.c.id == workspace_id)
    await session.execute(query.with_for_update(key_share=True))


async def find(
    session: Session, *, workspace_id: str, meeting_key: str, start: datetime | None, now: datetime
) -> Occurrence | None:
    """The occurrence of that start, or of one near it; `start` None means now, and finds also one that was stopped in
    the last hours. It is locked, so that what becomes of it waits."""
    table, wanted = tables.occurrences, start or now
    near = table.c.starts_at.between(wanted - NEAR, wanted + NEAR)
    held = sa.and_(table.c.disposition.in_(STICKY), table.c.updated_at > now - STOP_HOLDS, table.c.starts_at <= now)
    mine = sa.and_(table.c.workspace_id == workspace_id, table.c.meeting_key == meeting_key)
    query = sa.select(table).where(mine, sa.or_(near, held) if start is None else near)
    rows = [_occurrence(row) for row in await session.execute(query.with_for_update(key_share=True))]
    stopped = [one for one in rows if one.disposition in STICKY]
    # For "now" a stop outweighs nearness: whoever stopped the bot did not stop it for one start only.
    chosen = stopped if start is None and stopped else rows
    return min(chosen, key=lambda one: (abs(one.starts_at - wanted), one.id), default=None)


async def near(
    session: Session, *, workspace_id: str, meeting_key: str, start: datetime, besides: str | None
) -> list[Occurrence]:
    """Those of that start, or near it, but for one; the nearest first."""
    table = tables.occurrences
    mine = sa.and_(table.c.workspace_id == workspace_id, table.c.meeting_key == meeting_key)
    query = sa.select(table).where(mine, table.c.starts_at.between(start - NEAR, start + NEAR))
    found = [_occurrence(row) for row in await session.execute(query) if row.id != besides]
    return sorted(found, key=lambda one: (abs(one.starts_at - start), one.id))


async def make(
    session: Session, *, workspace_id: str, meeting_key: str, starts_at: datetime, now: datetime
) -> Occurrence:
    row = {"workspace_id": workspace_id, "meeting_key": meeting_key, "starts_at": starts_at, "made": 0}
    row |= {"disposition": Disposition.OPEN, "created_at": now, "updated_at": now}
    made = await session.execute(sa.insert(tables.occurrences).values(**row).returning(tables.occurrences))
    return _occurrence(made.one())


async def get(session: Session, occurrence_id: str) -> Occurrence | None:
    query = sa.select(tables.occurrences).where(tables.occurrences.c.id == occurrence_id)
    row = (await session.execute(query)).one_or_none()
    return _occurrence(row) if row is not None else None


async def given_a_bot(session: Session, occurrence_id: str, *, bot_id: str, now: datetime) -> None:
    """It has a new bot: what became of the one before no longer stands against anybody."""
    table = tables.occurrences
    values = {"bot_id": bot_id, "made": table.c.made + 1, "disposition": Disposition.OPEN, "code": None}
    await session.execute(sa.update(table).where(table.c.id == occurrence_id).values(**values, updated_at=now))


async def reopen(session: Session, occurrence_ids: Sequence[str], *, now: datetime) -> None:
    """A bot of another time is sent there: as when one is made for it, what was no longer stands against anybody."""
    table = tables.occurrences
    closed = sa.and_(table.c.id.in_(occurrence_ids), table.c.disposition != Disposition.OPEN)
    values = {"disposition": Disposition.OPEN, "code": None, "updated_at": now}
    if occurrence_ids:
        await session.execute(sa.update(table).where(closed).values(**values))


async def mark(
    session: Session, occurrence_id: str | None, *, disposition: Disposition, code: str | None, now: datetime
) -> None:
    """From now on it is that, whatever its bot still does; a person's no is not taken back by a lesser word."""
    if occurrence_id is None:  # a bot of the version before
        return
    table = tables.occurrences
    lesser = [table.c.disposition.not_in(STICKY)] if disposition not in STICKY else []
    statement = sa.update(table).where(table.c.id == occurrence_id, *lesser)
    await session.execute(statement.values(disposition=disposition, code=code, updated_at=now))


async def settle(session: Session, bot: sa.Row[Any], *, state: BotState, code: str | None, now: datetime) -> None:
    """Its bot has come to a final state."""
    if bot.occurrence_id is None:
        return
    table = tables.occurrences
    query = sa.select(table.c.disposition, table.c.code).where(
        table.c.id == bot.occurrence_id, table.c.bot_id == bot.id
    )
    was = (await session.execute(query.with_for_update(key_share=True))).one_or_none()
    if was is None:  # it has been given another bot meanwhile
        return
    withdrawn = was.code == WITHDRAWN
    now_is = settled(Disposition(was.disposition), state=state, code=code, withdrawn=withdrawn)
    await mark(session, bot.occurrence_id, disposition=now_is, code=code, now=now)


async def live_bot(
    session: Session, *, workspace_id: str, meeting_key: str, start: datetime, in_room: bool, occurrence_id: str | None
) -> str | None:
    """The bot that is under way to this occurrence; with `in_room` also one that is in the room now, whatever for."""
    table = tables.bots
    reasons: list[sa.ColumnElement[bool]] = [table.c.join_at.between(start - NEAR, start + NEAR)]
    reasons += [table.c.occurrence_id == occurrence_id] if occurrence_id else []
    reasons += [table.c.state.in_(IN_ROOM)] if in_room else []
    mine = sa.and_(table.c.workspace_id == workspace_id, table.c.meeting_key == meeting_key, table.c.state.in_(LIVE))
    query = sa.select(table.c.id).where(mine, sa.or_(*reasons)).order_by(table.c.join_at, table.c.id).limit(1)
    found: str | None = (await session.execute(query)).scalar_one_or_none()
    return found


def _occurrence(row: sa.Row[Any]) -> Occurrence:
    return Occurrence(**{**row._mapping, "disposition": Disposition(row.disposition)})
