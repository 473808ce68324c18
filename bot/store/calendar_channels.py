"""Channels by which providers tell us that a calendar has changed; of each one's secret only the hash is kept."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from bot.store.calendar_tables import calendar_channels, calendars
from bot.store.session import Session


@dataclass(frozen=True, kw_only=True, slots=True)
class Channel:
    id: str
    workspace_id: str
    calendar_id: str
    token_sha256: str = field(repr=False)
    resource_id: str | None  # the provider's; None: it has not answered yet
    expires_at: datetime | None
    created_at: datetime


async def create(
    session: Session, channel_id: str, *, workspace_id: str, calendar_id: str, token_sha256: str, now: datetime
) -> None:
    """Before the provider is asked: its first message may come before its answer."""
    row = {"id": channel_id, "workspace_id": workspace_id, "calendar_id": calendar_id, "token_sha256": token_sha256}
    await session.execute(sa.insert(calendar_channels).values(**row, created_at=now))


async def opened(session: Session, channel_id: str, *, resource_id: str, expires_at: datetime) -> None:
    table = calendar_channels
    values = {"resource_id": resource_id, "expires_at": expires_at}
    await session.execute(sa.update(table).where(table.c.id == channel_id).values(**values))


async def find(session: Session, channel_id: str) -> Channel | None:
    query = sa.select(calendar_channels).where(calendar_channels.c.id == channel_id)
    row = (await session.execute(query)).one_or_none()
    return Channel(**row._mapping) if row is not None else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """A channel by which something was told. `waits`: its calendar is not read soon, and nothing stands against it."""

    channel: Channel
    waits: bool


async def find_told(
    session: Session, channel_ids: Sequence[str], *, soon: datetime, without: Collection[str]
) -> dict[str, Told]:
    """Those there are, by id, in one look. What waits: a calendar whose next sync is later than `soon`, and whose last
    one did not fail by one of the codes `without`."""
    if not channel_ids:
        return {}
    given = {"ids": list(channel_ids), "soon": soon, "without": list(without)}
    found = {}
    for row in await session.execute(_TOLD, given):
        values = dict(row._mapping)
        found[row.id] = Told(waits=bool(values.pop("waits")), channel=Channel(**values))
    return found


def _told() -> sa.Select[Any]:
    table, of = calendar_channels, calendars
    borne = sa.or_(of.c.code.is_(None), of.c.code.not_in(sa.bindparam("without", expanding=True)))
    later = of.c.next_sync_at > sa.bindparam("soon", type_=of.c.next_sync_at.type)
    waits = sa.and_(of.c.state == "active", later, borne).label("waits")
    these = table.c.id.in_(sa.bindparam("ids", expanding=True))
    return sa.select(table, waits).join(of, of.c.id == table.c.calendar_id).where(these)


_TOLD = _told()  # made once: it is asked at every message of a provider, and making it costs as much as asking


async def with_resources(session: Session, resource_ids: Sequence[str]) -> set[str]:
    """Of the provider's ids those that a channel has."""
    column = calendar_channels.c.resource_id
    return set((await session.execute(sa.select(column).where(column.in_(resource_ids)))).scalars())


async def end(session: Session, channel_ids: Sequence[str], *, now: datetime) -> None:
    """They last no longer than now, so they are renewed at the next look."""
    those = sa.update(calendar_channels).where(calendar_channels.c.id.in_(channel_ids))
    await session.execute(those.values(expires_at=now))


async def of(session: Session, calendar_id: str) -> list[Channel]:
    query = sa.select(calendar_channels).where(calendar_channels.c.calendar_id == calendar_id)
    return [Channel(**row._mapping) for row in await session.execute(query)]


async def forget(session: Session, channel_ids: Sequence[str]) -> None:
    await session.execute(sa.delete(calendar_channels).where(calendar_channels.c.id.in_(channel_ids)))
