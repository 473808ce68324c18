"""Calendars: which ones a workspace has connected, with what rules, how their syncs go. Addresses are kept sealed.

One that is disconnected while its provider still tells us of it is `leaving`: nobody sees it any more, and it is
dropped once the provider has been told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from bot.errors import Conflict, NotFound
from bot.store import occurrences
from bot.store.calendar_tables import calendar_channels, calendar_events, calendars
from bot.store.session import Session

MOST_CALENDARS = 100
ACTIVE, ACTION_REQUIRED, LEAVING = "active", "action_required", "leaving"


class UnknownCalendar(NotFound):
    """There is no such calendar in this workspace."""

    code = "unknown_calendar"


class CalendarConnected(Conflict):
    """This calendar is connected already; `calendar_id` names it."""

    code = "calendar_connected"


class TooManyCalendars(Conflict):
    """This workspace has as many calendars as it may; disconnect one."""

    code = "too_many_calendars"


@dataclass(frozen=True, kw_only=True, slots=True)
class Calendar:
    id: str
    workspace_id: str
    provider: str
    name: str
    sealed_secret: str = field(repr=False)
    source_sha256: str = field(repr=False)
    shown_address: str
    owner: str = field(repr=False)
    character_id: str
    rules: Mapping[str, Any]
    state: str  # active | action_required | leaving
    code: str | None  # of what went wrong last
    detail: str
    failures: int  # in a row
    cursor: Mapping[str, Any] = field(repr=False)
    next_sync_at: datetime
    synced_at: datetime | None
    created_at: datetime
    updated_at: datetime


def place(calendar_id: str) -> str:
    """What the address of a calendar is sealed for."""
    return f"calendars.secret:{calendar_id}"


async def create(session: Session, *, workspace_id: str, now: datetime, **values: Any) -> Calendar:
    """Due at once. Raises CalendarConnected, TooManyCalendars."""
    await occurrences.lock_workspace(session, workspace_id)
    mine = await list_all(session, workspace_id=workspace_id)
    same = next((one for one in mine if one.source_sha256 == values["source_sha256"]), None)
    if same is not None:
        raise CalendarConnected(calendar_id=same.id)
    if len(mine) >= MOST_CALENDARS:
        raise TooManyCalendars
    row = {"workspace_id": workspace_id, "state": ACTIVE, "failures": 0, "cursor": {}, "next_sync_at": now, **values}
    row |= {"created_at": now, "updated_at": now}
    return _calendar((await session.execute(sa.insert(calendars).values(**row).returning(calendars))).one())


async def get(session: Session, calendar_id: str, *, workspace_id: str) -> Calendar:
    """Raises UnknownCalendar."""
    query = sa.select(calendars).where(calendars.c.id == calendar_id, calendars.c.workspace_id == workspace_id)
    query = query.where(calendars.c.state != LEAVING)
    row = (await session.execute(query)).one_or_none()
    if row is None:
        raise UnknownCalendar(calendar_id=calendar_id)
    return _calendar(row)


async def list_all(session: Session, *, workspace_id: str) -> list[Calendar]:
    """Oldest first."""
    query = sa.select(calendars).where(calendars.c.workspace_id == workspace_id, calendars.c.state != LEAVING)
    return [_calendar(row) for row in await session.execute(query.order_by(calendars.c.created_at, calendars.c.id))]


async def change(
    session: Session, calendar_id: str, *, workspace_id: str, values: Mapping[str, Any], now: datetime
) -> Calendar:
    """Set some of name, rules, owner, character_id. With another owner it is read anew: what they answered stands in
    what was read. Raises UnknownCalendar."""
    assert values.keys() <= {"name", "rules", "owner", "character_id"}
    await occurrences.lock_workspace(session, workspace_id)
    was = await get(session, calendar_id, workspace_id=workspace_id)
    await _set(session, calendar_id, {**values, "updated_at": now})
    if values.get("owner", was.owner) != was.owner:
        await forget_cursor(session, calendar_id)
        await all_due_now(session, [calendar_id], now=now)
    return await get(session, calendar_id, workspace_id=workspace_id)


async def remove(session: Session, calendar_id: str, *, workspace_id: str, now: datetime) -> Calendar:
    """It, and its events, are gone; returns what it was. Raises UnknownCalendar."""
    await occurrences.lock_workspace(session, workspace_id)
    found = await get(session, calendar_id, workspace_id=workspace_id)
    told = sa.exists().where(calendar_channels.c.calendar_id == calendar_id)
    if not (await session.execute(sa.select(told))).scalar_one():
        await drop(session, calendar_id)
        return found
    await session.execute(sa.delete(calendar_events).where(calendar_events.c.calendar_id == calendar_id))
    left = {"state": LEAVING, "source_sha256": f"left:{calendar_id}", "failures": 0, "next_sync_at": now}
    await _set(session, calendar_id, left)
    return found


async def drop(session: Session, calendar_id: str) -> None:
    await session.execute(sa.delete(calendars).where(calendars.c.id == calendar_id))


async def any_due(session: Session, *, now: datetime, state: str = ACTIVE) -> bool:
    """Would `take` find anything? For a look that holds up no writer."""
    due = sa.exists().where(calendars.c.next_sync_at <= now, calendars.c.state == state)
    return bool((await session.execute(sa.select(due))).scalar_one())


async def providers_due(session: Session, *, now: datetime) -> list[str]:
    """Those of which a calendar's turn has come."""
    query = sa.select(calendars.c.provider).where(calendars.c.next_sync_at <= now, calendars.c.state == ACTIVE)
    return list((await session.execute(query.distinct().order_by(calendars.c.provider))).scalars())


async def take(
    session: Session,
    *,
    now: datetime,
    hide_s: float,
    limit: int,
    state: str = ACTIVE,
    provider: str | None = None,
    without: Sequence[str] = (),
) -> list[Calendar]:
    """Up to `limit` calendars whose turn has come, hidden from other takers for `hide_s`; of one provider, and of no
    workspace of `without`."""
    wanted = [calendars.c.next_sync_at <= now, calendars.c.state == state]
    wanted += [calendars.c.provider == provider] if provider is not None else []
    wanted += [calendars.c.workspace_id.not_in(without)] if without else []
    due = (
        sa.select(calendars.c.id)
        .where(*wanted)
        .order_by(calendars.c.next_sync_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    statement = sa.update(calendars).where(calendars.c.id.in_(sa.select(due.c.id)))
    statement = statement.values(next_sync_at=now + timedelta(seconds=hide_s)).returning(calendars)
    return [_calendar(row) for row in await session.execute(statement)]


async def synced(
    session: Session,
    calendar: Calendar,
    *,
    cursor: Mapping[str, Any],
    next_sync_at: datetime,
    now: datetime,
) -> None:
    """It was read as it is. A sync that was asked for meanwhile is not forgotten."""
    good = {"state": ACTIVE, "code": None, "detail": "", "failures": 0, "cursor": dict(cursor), "synced_at": now}
    await _set(session, calendar.id, good)
    untouched = sa.update(calendars).where(
        calendars.c.id == calendar.id, calendars.c.next_sync_at >= calendar.next_sync_at
    )
    await session.execute(untouched.values(next_sync_at=next_sync_at))


async def failed(
    session: Session, calendar: Calendar, *, code: str, detail: str, next_sync_at: datetime, hopeless: bool
) -> None:
    """It could not be read; `hopeless`: nor will it be until its owner does something."""
    told = {"code": code, "detail": detail, "failures": calendar.failures + 1, "next_sync_at": next_sync_at}
    here = sa.and_(calendars.c.id == calendar.id, calendars.c.state != LEAVING)
    await session.execute(
        sa.update(calendars).where(here).values(**told, state=ACTION_REQUIRED if hopeless else ACTIVE)
    )


async def due_now(session: Session, calendar_id: str, *, workspace_id: str, now: datetime) -> Calendar:
    """Have it read at the next look, also one whose owner had to do something. Raises UnknownCalendar."""
    await get(session, calendar_id, workspace_id=workspace_id)
    await _set(session, calendar_id, {"next_sync_at": now, "state": ACTIVE})
    return await get(session, calendar_id, workspace_id=workspace_id)


async def opened_by(session: Session, calendar_id: str, *, sealed_secret: str, now: datetime) -> None:
    """Another secret opens it from now on, and it is read from the beginning."""
    values = {"sealed_secret": sealed_secret, "cursor": {}, "failures": 0, "updated_at": now}
    await _set(session, calendar_id, values)


async def rotated(
    session: Session, calendar: Calendar, *, sealed_secret: str, is_the_same: Callable[[str], bool]
) -> None:
    """What it was opened with has been replaced by this; where its owner has connected it again meanwhile, theirs
    stays. `is_the_same`: is this, sealed, what it was opened with? A change of keys seals the same secret anew."""
    mine = calendars.c.id == calendar.id
    query = sa.select(calendars.c.sealed_secret).where(mine).with_for_update(key_share=True)
    now_is = (await session.execute(query)).scalar_one_or_none()
    if now_is is not None and (now_is == calendar.sealed_secret or is_the_same(now_is)):
        await session.execute(sa.update(calendars).where(mine).values(sealed_secret=sealed_secret))


async def is_opened_otherwise(session: Session, calendar: Calendar) -> bool:
    """Has another secret taken the place of this one?"""
    query = sa.select(calendars.c.sealed_secret).where(calendars.c.id == calendar.id)
    return (await session.execute(query)).scalar_one_or_none() not in (None, calendar.sealed_secret)


async def read_anew(session: Session, calendar_ids: Sequence[str], *, now: datetime) -> None:
    """Have these read at the next look, from the beginning: something of them was missed."""
    those = sa.update(calendars).where(calendars.c.id.in_(calendar_ids), calendars.c.state == ACTIVE)
    await session.execute(those.values(cursor={}, next_sync_at=now))


async def all_due_now(session: Session, calendar_ids: Sequence[str], *, now: datetime) -> None:
    """Have these read at the next look: something of them has changed."""
    those = sa.update(calendars).where(calendars.c.id.in_(calendar_ids), calendars.c.state == ACTIVE)
    await session.execute(those.values(next_sync_at=now))


async def not_read_since(session: Session, at: datetime) -> list[Calendar]:
    """Those that wait for their owner, were read last before then, and of which something still stands."""
    stands = sa.exists().where(calendar_events.c.calendar_id == calendars.c.id, calendar_events.c.removed.is_(False))
    waiting = sa.and_(calendars.c.state == ACTION_REQUIRED, calendars.c.synced_at < at)
    query = sa.select(calendars).where(waiting, stands).order_by(calendars.c.id)
    return [_calendar(row) for row in await session.execute(query)]


async def forget_cursor(session: Session, calendar_id: str) -> None:
    """The next read is from the beginning."""
    await _set(session, calendar_id, {"cursor": {}})


async def put_off(session: Session, calendar: Calendar, *, next_at: datetime) -> None:
    """What was to be done with it has failed, and is tried again then."""
    await _set(session, calendar.id, {"failures": calendar.failures + 1, "next_sync_at": next_at})


async def workspaces_with(session: Session) -> list[str]:
    """Those that have a calendar."""
    return list((await session.execute(sa.select(calendars.c.workspace_id).distinct())).scalars())


async def _set(session: Session, calendar_id: str, values: Mapping[str, Any]) -> None:
    await session.execute(sa.update(calendars).where(calendars.c.id == calendar_id).values(**values))


def _calendar(row: sa.Row[Any]) -> Calendar:
    return Calendar(**row._mapping)
