"""Webhook endpoints: where a workspace wants to be told, of what, and with which secret, which is kept sealed.

Who locks an endpoint and its deliveries locks the endpoint first; several endpoints in order of id.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from bot.errors import Conflict, NotFound
from bot.store import tables
from bot.store.session import Session
from bot.store.webhook_tables import deliveries, endpoints

MOST_ENDPOINTS = 20

DisabledReason = Literal["by_user", "unreachable", "gone"]


class UnknownEndpoint(NotFound):
    """There is no such webhook endpoint in this workspace."""

    code = "unknown_endpoint"


class TooManyEndpoints(Conflict):
    """This workspace has as many webhook endpoints as it may; remove one."""

    code = "too_many_endpoints"


@dataclass(frozen=True, kw_only=True, slots=True)
class Endpoint:
    id: str
    workspace_id: str
    url: str
    description: str
    events: Sequence[str]  # types; empty: all
    sealed_secret: str = field(repr=False)
    sealed_previous: str | None = field(repr=False)
    previous_until: datetime | None
    enabled: bool
    disabled_reason: str | None  # by_user | unreachable | gone
    disabled_at: datetime | None
    failing_since: datetime | None
    last_sequence: int
    created_at: datetime
    updated_at: datetime


def place(endpoint_id: str) -> str:
    """What the secrets of an endpoint are sealed for."""
    return f"webhook_endpoints.secret:{endpoint_id}"


async def create(
    session: Session,
    *,
    workspace_id: str,
    endpoint_id: str,
    url: str,
    sealed_secret: str,
    description: str = "",
    events: Sequence[str] = (),
    now: datetime,
) -> Endpoint:
    """Raises TooManyEndpoints."""
    workspace = sa.select(tables.workspaces.c.id).where(tables.workspaces.c.id == workspace_id)
    await session.execute(workspace.with_for_update(key_share=True))  # two at once count one after the other
    if len(await list_all(session, workspace_id=workspace_id)) >= MOST_ENDPOINTS:
        raise TooManyEndpoints
    row = {
        "id": endpoint_id,
        "workspace_id": workspace_id,
        "url": url,
        "description": description,
        "events": list(events),
        "sealed_secret": sealed_secret,
        "enabled": True,
        "last_sequence": 0,
        "created_at": now,
        "updated_at": now,
    }
    return _endpoint((await session.execute(sa.insert(endpoints).values(**row).returning(endpoints))).one())


async def get(session: Session, endpoint_id: str, *, workspace_id: str) -> Endpoint:
    """Raises UnknownEndpoint."""
    query = sa.select(endpoints).where(endpoints.c.id == endpoint_id, endpoints.c.workspace_id == workspace_id)
    row = (await session.execute(query)).one_or_none()
    if row is None:
        raise UnknownEndpoint(endpoint_id=endpoint_id)
    return _endpoint(row)


async def list_all(session: Session, *, workspace_id: str) -> list[Endpoint]:
    """Oldest first."""
    query = sa.select(endpoints).where(endpoints.c.workspace_id == workspace_id)
    return [_endpoint(row) for row in await session.execute(query.order_by(endpoints.c.created_at, endpoints.c.id))]


async def lock(session: Session, *, workspaces: Sequence[str]) -> list[Endpoint]:
    """Every endpoint of these workspaces, held until the transaction ends."""
    query = sa.select(endpoints).where(endpoints.c.workspace_id.in_(workspaces)).order_by(endpoints.c.id)
    return [_endpoint(row) for row in await session.execute(query.with_for_update(key_share=True))]


async def lock_one(session: Session, endpoint_id: str, *, workspace_id: str) -> Endpoint:
    """An endpoint, held until the transaction ends. Raises UnknownEndpoint."""
    query = sa.select(endpoints).where(endpoints.c.id == endpoint_id, endpoints.c.workspace_id == workspace_id)
    row = (await session.execute(query.with_for_update(key_share=True))).one_or_none()
    if row is None:
        raise UnknownEndpoint(endpoint_id=endpoint_id)
    return _endpoint(row)


async def change(
    session: Session, endpoint_id: str, *, workspace_id: str, values: Mapping[str, Any], now: datetime
) -> Endpoint:
    """Set some of url, description, events, enabled. Enabled, it gets what was held for it meanwhile; disabled, what
    waits is held. Raises UnknownEndpoint."""
    assert values.keys() <= {"url", "description", "events", "enabled"}
    before = await lock_one(session, endpoint_id, workspace_id=workspace_id)
    changed = {name: value for name, value in values.items() if name != "enabled"}
    if changed:
        await _set(session, endpoint_id, {**changed, "updated_at": now})
    enabled = values.get("enabled", before.enabled)
    if enabled and not before.enabled:
        await _enable(session, endpoint_id, now)
    elif before.enabled and not enabled:
        await disable(session, endpoint_id, reason="by_user", now=now)
    return await get(session, endpoint_id, workspace_id=workspace_id)


async def rotate(
    session: Session,
    endpoint_id: str,
    *,
    workspace_id: str,
    sealed_secret: str,
    previous_until: datetime,
    now: datetime,
) -> Endpoint:
    """A new secret; messages are signed with the one before as well until then. Raises UnknownEndpoint."""
    before = await lock_one(session, endpoint_id, workspace_id=workspace_id)
    secrets = {"sealed_secret": sealed_secret, "sealed_previous": before.sealed_secret}
    await _set(session, endpoint_id, {**secrets, "previous_until": previous_until, "updated_at": now})
    return await get(session, endpoint_id, workspace_id=workspace_id)


async def remove(session: Session, endpoint_id: str, *, workspace_id: str) -> Endpoint:
    """It, and what was sent to it, is gone; returns what it was. Raises UnknownEndpoint."""
    found = await get(session, endpoint_id, workspace_id=workspace_id)
    await session.execute(sa.delete(endpoints).where(endpoints.c.id == endpoint_id))
    return found


async def disable(session: Session, endpoint_id: str, *, reason: DisabledReason, now: datetime) -> None:
    """Nothing is sent to it any more; what waits, and what happens from now on, is held. For who has locked it."""
    values = {"enabled": False, "disabled_reason": reason, "disabled_at": now, "updated_at": now}
    await _set(session, endpoint_id, values)
    waiting = sa.update(deliveries).where(deliveries.c.endpoint_id == endpoint_id, deliveries.c.state == "waiting")
    await session.execute(waiting.values(state="held"))


async def _enable(session: Session, endpoint_id: str, now: datetime) -> None:
    cleared = {"disabled_reason": None, "disabled_at": None, "failing_since": None}
    await _set(session, endpoint_id, {"enabled": True, **cleared, "updated_at": now})
    held = sa.update(deliveries).where(deliveries.c.endpoint_id == endpoint_id, deliveries.c.state == "held")
    await session.execute(held.values(state="waiting", next_at=now, tries_before=deliveries.c.tries))


async def note_health(session: Session, endpoint: Endpoint, *, arrived: bool, now: datetime) -> Endpoint:
    """Something arrived, or did not. For who has locked it."""
    failing_since = None if arrived else endpoint.failing_since or now
    if failing_since != endpoint.failing_since:
        await _set(session, endpoint.id, {"failing_since": failing_since})
    return await get(session, endpoint.id, workspace_id=endpoint.workspace_id)


async def count_up(session: Session, endpoint_id: str, by: int) -> None:
    """`by` messages more have been numbered. For who has locked it."""
    counted = endpoints.c.last_sequence + by
    await session.execute(sa.update(endpoints).where(endpoints.c.id == endpoint_id).values(last_sequence=counted))


async def _set(session: Session, endpoint_id: str, values: Mapping[str, Any]) -> None:
    await session.execute(sa.update(endpoints).where(endpoints.c.id == endpoint_id).values(**values))


def _endpoint(row: sa.Row[Any]) -> Endpoint:
    return Endpoint(**row._mapping)
