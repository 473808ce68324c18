"""Events of calendars as they were read last, and the meetings bots were made for. What an event says is kept as it is
given; what follows from it is `bot.calendars`'s to know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from bot.domain.lifecycle import BotState
from bot.errors import NotFound
from bot.store import tables
from bot.store.calendar_tables import calendar_events, calendar_meetings
from bot.store.session import Session

BATCH = 500


class UnknownEvent(NotFound):
    """There is no such event in the calendars of this workspace."""

    code = "unknown_event"


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredEvent:
    id: str
    workspace_id: str
    calendar_id: str
    event_id: str
    body: Mapping[str, Any] = field(repr=False)
    digest: str
    start_at: datetime | None
    end_at: datetime | None
    removed: bool
    override: bool | None
    verdict: str
    reason: str
    meeting_id: str | None
    updated_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class NewEvent:
    event_id: str
    body: Mapping[str, Any] = field(repr=False)
    digest: str
    start_at: datetime | None
    end_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Meeting:
    """A meeting a bot was wanted for, with the bot it has or had."""

    id: str
    room: str
    start_at: datetime
    end_at: datetime
    identities: Sequence[str]
    state: str
    bot_id: str | None
    bot_state: BotState | None
    bot_code: str | None
    bot_join_at: datetime | None
    bot_url: str | None
    bot_room: str | None


async def replace_all(
    session: Session, *, workspace_id: str, calendar_id: str, events: Sequence[NewEvent], now: datetime
) -> int:
    """A calendar is as it was read now: what is new or has changed is written, what it does not have any more is marked
    removed. Returns how many rows changed."""
    table = calendar_events
    columns = (table.c.event_id, table.c.id, table.c.digest, table.c.removed)
    rows = await session.execute(sa.select(*columns).where(table.c.calendar_id == calendar_id))
    known = {row.event_id: row for row in rows}
    fresh, changed = [], 0
    for event in {one.event_id: one for one in events}.values():
        was = known.pop(event.event_id, None)
        values: dict[str, Any] = {
            "body": dict(event.body),
            "digest": event.digest,
            "start_at": event.start_at,
            "end_at": event.end_at,
        }
        values |= {"removed": False, "updated_at": now}
        if was is None:
            mine = {"id": tables.new_id(), "workspace_id": workspace_id, "calendar_id": calendar_id}
            fresh.append({**mine, "event_id": event.event_id, **values})
        elif was.digest != event.digest or was.removed:
            await session.execute(sa.update(table).where(table.c.id == was.id).values(**values))
            changed += 1
    for begin in range(0, len(fresh), BATCH):
        await session.execute(sa.insert(table), fresh[begin : begin + BATCH])
    gone = [row.id for row in known.values() if not row.removed]
    for begin in range(0, len(gone), BATCH):
        those = sa.update(table).where(table.c.id.in_(gone[begin : begin + BATCH]))
        await session.execute(those.values(removed=True, updated_at=now))
    return changed + len(fresh) + len(gone)


async def since(session: Session, *, workspace_id: str, ended_after: datetime) -> list[StoredEvent]:
    """All that are not long over, and those that tell no time."""
    table = calendar_events
    recent = sa.or_(table.c.end_at.is_(None), table.c.end_at >= ended_after)
    query = sa.select(table).where(table.c.workspace_id == workspace_id, recent)
    return [StoredEvent(**row._mapping) for row in await session.execute(query)]


async def upcoming(
    session: Session,
    *,
    workspace_id: str,
    ended_after: datetime,
    calendar_id: str | None,
    limit: int,
    after: tuple[datetime, str] | None = None,
) -> list[StoredEvent]:
    """Those that are not over, by start; `after` is the (start_at, id) of the last one of the page before."""
    table = calendar_events
    mine = sa.and_(table.c.workspace_id == workspace_id, table.c.removed.is_(False))
    query = sa.select(table).where(mine, table.c.end_at >= ended_after, table.c.start_at.is_not(None))
    if after is not None:
        last = sa.tuple_(sa.literal(after[0], table.c.start_at.type), sa.literal(after[1], table.c.id.type))
        query = query.where(sa.tuple_(table.c.start_at, table.c.id) > last)
    if calendar_id is not None:
        query = query.where(table.c.calendar_id == calendar_id)
    query = query.order_by(table.c.start_at, table.c.id).limit(limit)
    return [StoredEvent(**row._mapping) for row in await session.execute(query)]


async def get(session: Session, event_id: str, *, workspace_id: str) -> StoredEvent:
    """By our id. Raises UnknownEvent."""
    table = calendar_events
    query = sa.select(table).where(table.c.id == event_id, table.c.workspace_id == workspace_id)
    row = (await session.execute(query)).one_or_none()
    if row is None:
        raise UnknownEvent(event_id=event_id)
    return StoredEvent(**row._mapping)


async def set_override(session: Session, event_id: str, *, workspace_id: str, join: bool | None, now: datetime) -> None:
    """Raises UnknownEvent."""
    found = await get(session, event_id, workspace_id=workspace_id)
    values = {"override": join, "updated_at": now}
    await session.execute(sa.update(calendar_events).where(calendar_events.c.id == found.id).values(**values))


async def note_decisions(session: Session, decided: Sequence[tuple[str, str, str, str | None]]) -> None:
    """What was decided for events: (id, verdict, reason, meeting)."""
    table = calendar_events
    statement = (
        sa.update(table)
        .where(table.c.id == sa.bindparam("row"))
        .values(verdict=sa.bindparam("to_verdict"), reason=sa.bindparam("why"), meeting_id=sa.bindparam("meeting"))
    )
    rows = [
        {"row": row, "to_verdict": verdict, "why": why, "meeting": meeting} for row, verdict, why, meeting in decided
    ]
    if rows:
        await session.execute(statement, rows)


async def forget(session: Session, *, ended_before: datetime) -> int:
    """Drop events and meetings of long ago, and what tells no time and has been gone as long, as cancelled events often
    are; returns how many."""
    events, dropped = calendar_events, 0
    gone = sa.and_(events.c.end_at.is_(None), events.c.removed, events.c.updated_at < ended_before)
    for table, old in (
        (events, sa.or_(events.c.end_at < ended_before, gone)),
        (calendar_meetings, calendar_meetings.c.end_at < ended_before),
    ):
        dropped += (await session.execute(sa.delete(table).where(old))).rowcount
    return dropped


async def meetings(session: Session, *, workspace_id: str, of: Sequence[StoredEvent] | None = None) -> list[Meeting]:
    """All of a workspace, or those that these events are part of."""
    table, bots = calendar_meetings, tables.bots
    query = sa.select(
        *(table.c[name] for name in ("id", "room", "start_at", "end_at", "identities", "state", "bot_id")),
        bots.c.state.label("bot_state"),
        bots.c.code.label("bot_code"),
        bots.c.join_at.label("bot_join_at"),
        bots.c.meeting_url.label("bot_url"),
        bots.c.meeting_key.label("bot_room"),
    ).select_from(table.outerjoin(bots, bots.c.id == table.c.bot_id))
    query = query.where(table.c.workspace_id == workspace_id)
    if of is not None:
        query = query.where(table.c.id.in_({one.meeting_id for one in of if one.meeting_id is not None}))
    rows = await session.execute(query.order_by(table.c.start_at, table.c.id))
    return [
        Meeting(**{**row._mapping, "bot_state": BotState(row.bot_state) if row.bot_state else None}) for row in rows
    ]


async def keep_meeting(session: Session, meeting_id: str, *, workspace_id: str, values: Mapping[str, Any]) -> None:
    """Written anew, or as it is now."""
    table = calendar_meetings
    updated = await session.execute(sa.update(table).where(table.c.id == meeting_id).values(**values))
    if updated.rowcount == 0:
        await session.execute(sa.insert(table).values(id=meeting_id, workspace_id=workspace_id, **values))


async def drop_meeting(session: Session, meeting_id: str) -> None:
    await session.execute(sa.delete(calendar_meetings).where(calendar_meetings.c.id == meeting_id))
