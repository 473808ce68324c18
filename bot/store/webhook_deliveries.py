"""Webhook deliveries: one row for each message to each endpoint, from what happened until it arrived or was given up.

Messages are made of the outbox, each once, a bot's in the order they were written: `tell` locks what it reads, so of
two callers the second waits. An endpoint's messages are numbered 1, 2, 3...; those of one lane, which is a bot, are
sent one after the other, in that order.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from bot.domain import webhook_events
from bot.errors import Conflict, NotFound
from bot.store import tables, webhook_endpoints
from bot.store.session import Session
from bot.store.webhook_endpoints import DisabledReason, Endpoint
from bot.store.webhook_tables import attempts, deliveries, endpoints


class DeliveryState(StrEnum):
    WAITING = "waiting"
    HELD = "held"  # its endpoint is disabled
    DELIVERED = "delivered"
    FAILED = "failed"  # given up


SETTLED_AFTER_S = 5.0  # an outbox row that no relay has sent by then waits for its broker
OPEN = (DeliveryState.WAITING, DeliveryState.HELD)


class UnknownDelivery(NotFound):
    """There is no such delivery to this webhook endpoint."""

    code = "unknown_delivery"


class EndpointDisabled(Conflict):
    """This webhook endpoint is disabled; enable it first."""

    code = "endpoint_disabled"


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    id: str
    workspace_id: str
    endpoint_id: str
    event_id: str
    type: str
    lane: str
    sequence: int
    body: str
    state: DeliveryState
    tries: int
    tries_before: int
    next_at: datetime
    last_status: int | None
    last_error: str | None
    created_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    number: int
    at: datetime
    status: int | None  # None: no answer
    error: str | None  # None: it arrived
    answer: str
    duration_ms: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What follows from an attempt. `next_at`: when to try again; None with `state` waiting is an error."""

    state: DeliveryState
    next_at: datetime | None = None
    disable: DisabledReason | None = None  # its endpoint
    disable_if_failing_since: datetime | None = None  # only when nothing has arrived there since


async def any_untold(session: Session, *, now: datetime) -> bool:
    """Would `tell` find anything? For a look that holds up no writer."""
    outbox = tables.outbox
    waiting = sa.exists().where(outbox.c.told_at.is_(None), _settled(outbox, now))
    return bool((await session.execute(sa.select(waiting))).scalar_one())


def _settled(outbox: sa.FromClause, now: datetime) -> sa.ColumnElement[bool]:
    """The relay is done with it: a launch must not wait because a row is locked for a message."""
    waits_s = timedelta(seconds=SETTLED_AFTER_S)
    return sa.or_(outbox.c.sent_at.is_not(None), outbox.c.created_at <= now - waits_s)


async def tell(session: Session, *, now: datetime, limit: int) -> int:
    """Make messages of what the outbox has not told yet; returns how many outbox rows were dealt with. Of what
    happened before an endpoint was there it is not told."""
    outbox, earlier = tables.outbox, tables.outbox.alias("earlier")
    same_bot = sa.and_(earlier.c.bot_id == outbox.c.bot_id, earlier.c.id < outbox.c.id)
    overtakes = sa.exists().where(same_bot, earlier.c.told_at.is_(None), ~_settled(earlier, now))
    query = sa.select(outbox).where(outbox.c.told_at.is_(None), _settled(outbox, now), ~overtakes)
    query = query.order_by(outbox.c.id).limit(limit).with_for_update(of=outbox, key_share=True)
    events = (await session.execute(query)).all()
    if not events:
        return 0
    wanting: dict[str, list[Endpoint]] = defaultdict(list)
    for endpoint in await webhook_endpoints.lock(session, workspaces=list({row.workspace_id for row in events})):
        wanting[endpoint.workspace_id].append(endpoint)
    made: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in events:
        event = {"id": f"evt_{tables.new_id()}", "type": row.topic, "lane": row.bot_id, "at": row.created_at}
        data = webhook_events.data_of_bot(row.payload)
        for endpoint in wanting[row.workspace_id]:
            if row.created_at >= endpoint.created_at and webhook_events.is_wanted(row.topic, endpoint.events):
                made[endpoint.id].append(_row(endpoint, len(made[endpoint.id]), event, data, now))
    for endpoint_id, rows in made.items():
        await session.execute(sa.insert(deliveries), rows)
        await webhook_endpoints.count_up(session, endpoint_id, len(rows))
    told = sa.update(outbox).where(outbox.c.id.in_([row.id for row in events]))
    await session.execute(told.values(told_at=now))
    return len(events)


async def add(session: Session, endpoint: Endpoint, *, event_type: str, data: Mapping[str, Any], now: datetime) -> str:
    """A message that is no bot's, in a lane of its own; returns its id. For who has locked the endpoint."""
    event_id = f"evt_{tables.new_id()}"
    row = _row(endpoint, 0, {"id": event_id, "type": event_type, "lane": event_id, "at": now}, data, now)
    await session.execute(sa.insert(deliveries).values(**row))
    await webhook_endpoints.count_up(session, endpoint.id, 1)
    return str(row["id"])


async def tell_all(
    session: Session, *, workspace_id: str, event_type: str, data: Mapping[str, Any], now: datetime
) -> None:
    """A message that is no bot's, to every endpoint of a workspace that wants it."""
    for endpoint in await webhook_endpoints.lock(session, workspaces=[workspace_id]):
        if webhook_events.is_wanted(event_type, endpoint.events):
            await add(session, endpoint, event_type=event_type, data=data, now=now)


def _row(
    endpoint: Endpoint, made_before: int, event: Mapping[str, Any], data: Mapping[str, Any], now: datetime
) -> dict[str, Any]:
    sequence = endpoint.last_sequence + made_before + 1
    return {
        "id": tables.new_id(),
        "workspace_id": endpoint.workspace_id,
        "endpoint_id": endpoint.id,
        "event_id": event["id"],
        "type": event["type"],
        "lane": event["lane"],
        "sequence": sequence,
        "body": webhook_events.body(event["type"], at=event["at"], sequence=sequence, data=data),
        "state": DeliveryState.WAITING if endpoint.enabled else DeliveryState.HELD,
        "tries": 0,
        "tries_before": 0,
        "next_at": now,
        "created_at": event["at"],
    }


async def any_due(session: Session, *, now: datetime) -> bool:
    """Would `take` find anything? For a look that holds up no writer."""
    due = sa.exists().where(deliveries.c.state == DeliveryState.WAITING, deliveries.c.next_at <= now)
    return bool((await session.execute(sa.select(due))).scalar_one())


async def take(
    session: Session,
    *,
    now: datetime,
    hide_s: float,
    limit: int,
    per_endpoint: int,
    per_workspace: int,
    flying: Collection[tuple[str, str]] = (),
) -> list[tuple[Delivery, Endpoint]]:
    """Up to `limit` deliveries whose time has come, hidden from other takers for `hide_s`: so many to each endpoint and
    of each workspace, less those that are `flying` (workspace, endpoint). Of a lane only the first that waits."""
    table, earlier = deliveries, deliveries.alias("earlier")
    same_lane = sa.and_(earlier.c.endpoint_id == table.c.endpoint_id, earlier.c.lane == table.c.lane)
    blocked = sa.exists().where(
        same_lane, earlier.c.state == DeliveryState.WAITING, earlier.c.sequence < table.c.sequence
    )
    due = sa.and_(table.c.state == DeliveryState.WAITING, table.c.next_at <= now)
    order = (table.c.next_at, table.c.sequence)
    behind = _place(table.c.endpoint_id, order, Counter(endpoint_id for _, endpoint_id in flying))
    columns = (table.c.id, table.c.workspace_id, *order)
    placed = sa.select(*columns, behind.label("place")).where(due, ~blocked).subquery("placed")
    anew = (placed.c.next_at, placed.c.sequence)
    beside = _place(placed.c.workspace_id, anew, Counter(workspace_id for workspace_id, _ in flying))
    shared = sa.select(placed.c.id, beside.label("share")).where(placed.c.place <= per_endpoint).subquery("shared")
    chosen = sa.select(shared.c.id).where(shared.c.share <= per_workspace)
    free = sa.select(table.c.id).where(table.c.id.in_(chosen), due).order_by(table.c.next_at, table.c.sequence)
    taken = free.limit(limit).with_for_update(skip_locked=True).cte("free")
    hidden = sa.update(table).where(table.c.id.in_(sa.select(taken.c.id)))
    hidden = hidden.values(next_at=now + timedelta(seconds=hide_s), tries=table.c.tries + 1)
    found = [_delivery(row) for row in await session.execute(hidden.returning(table))]
    query = sa.select(endpoints).where(endpoints.c.id.in_({one.endpoint_id for one in found}))
    where_to = {row.id: Endpoint(**row._mapping) for row in await session.execute(query)}
    found.sort(key=lambda one: one.sequence)
    return [(one, where_to[one.endpoint_id]) for one in found if one.endpoint_id in where_to]


def _place(owner: Any, order: tuple[Any, ...], flying: Mapping[str, int]) -> sa.ColumnElement[int]:
    """In its owner's row, behind what the owner has flying."""
    place = sa.func.row_number().over(partition_by=owner, order_by=order)
    there = [(owner == one, count) for one, count in flying.items()]
    return place + sa.case(*there, else_=0) if there else place


async def conclude(session: Session, taken: Delivery, attempt: Attempt, verdict: Verdict, *, now: datetime) -> bool:
    """Write an attempt down with what follows from it. True when its endpoint was disabled by it. Of a delivery that
    someone else has taken since, or that is gone, nothing is written."""
    beside = await webhook_endpoints.lock(session, workspaces=[taken.workspace_id])
    endpoint = next((one for one in beside if one.id == taken.endpoint_id), None)
    if endpoint is None:
        return False
    values: dict[str, Any] = {"last_status": attempt.status, "last_error": attempt.error}
    if verdict.state is DeliveryState.WAITING:
        values["next_at"] = verdict.next_at
    else:
        values |= {"state": verdict.state, "ended_at": now}
    same = sa.and_(deliveries.c.id == taken.id, deliveries.c.tries == taken.tries, deliveries.c.state.in_(OPEN))
    if (await session.execute(sa.update(deliveries).where(same).values(**values))).rowcount == 0:
        return False
    logged = {"delivery_id": taken.id, "workspace_id": taken.workspace_id, "number": attempt.number, "at": attempt.at}
    told = {"status": attempt.status, "error": attempt.error, "answer": attempt.answer}
    await session.execute(sa.insert(attempts).values(**logged, **told, duration_ms=attempt.duration_ms))
    arrived = verdict.state is DeliveryState.DELIVERED
    endpoint = await webhook_endpoints.note_health(session, endpoint, arrived=arrived, now=now)
    return await _disable(session, endpoint, verdict, now)


async def _disable(session: Session, endpoint: Endpoint, verdict: Verdict, now: datetime) -> bool:
    if verdict.disable is None or not endpoint.enabled:
        return False
    limit = verdict.disable_if_failing_since
    if limit is not None and (endpoint.failing_since is None or endpoint.failing_since > limit):
        return False
    await webhook_endpoints.disable(session, endpoint.id, reason=verdict.disable, now=now)
    data = {"endpoint_id": endpoint.id, "reason": verdict.disable}
    for other in await webhook_endpoints.list_all(session, workspace_id=endpoint.workspace_id):
        if other.enabled and webhook_events.is_wanted(webhook_events.DISABLED, other.events):
            await add(session, other, event_type=webhook_events.DISABLED, data=data, now=now)
    return True


async def get(session: Session, delivery_id: str, *, endpoint_id: str, workspace_id: str) -> Delivery:
    """Raises UnknownDelivery."""
    query = sa.select(deliveries).where(deliveries.c.id == delivery_id, deliveries.c.endpoint_id == endpoint_id)
    row = (await session.execute(query.where(deliveries.c.workspace_id == workspace_id))).one_or_none()
    if row is None:
        raise UnknownDelivery(delivery_id=delivery_id)
    return _delivery(row)


async def list_newest(
    session: Session,
    *,
    endpoint_id: str,
    workspace_id: str,
    limit: int,
    before: int | None = None,
    state: DeliveryState | None = None,
) -> list[Delivery]:
    """Newest first; `before`: only what has a smaller sequence."""
    query = sa.select(deliveries).where(deliveries.c.endpoint_id == endpoint_id)
    query = query.where(deliveries.c.workspace_id == workspace_id)
    if before is not None:
        query = query.where(deliveries.c.sequence < before)
    if state is not None:
        query = query.where(deliveries.c.state == state)
    rows = await session.execute(query.order_by(deliveries.c.sequence.desc()).limit(limit))
    return [_delivery(row) for row in rows]


async def log(session: Session, delivery_id: str) -> list[Attempt]:
    """Every attempt, in order."""
    query = sa.select(attempts).where(attempts.c.delivery_id == delivery_id).order_by(attempts.c.number)
    names = Attempt.__dataclass_fields__
    return [Attempt(**{name: row._mapping[name] for name in names}) for row in await session.execute(query)]


async def replay(
    session: Session,
    endpoint_id: str,
    *,
    workspace_id: str,
    now: datetime,
    since: datetime | None = None,
    delivery_id: str | None = None,
    states: Sequence[DeliveryState] = tuple(DeliveryState),
) -> int:
    """Send again, under the same ids and with all tries anew, one delivery or what happened since then; returns how
    many. Raises UnknownEndpoint, EndpointDisabled."""
    endpoint = await webhook_endpoints.lock_one(session, endpoint_id, workspace_id=workspace_id)
    if not endpoint.enabled:
        raise EndpointDisabled
    again = sa.update(deliveries).where(deliveries.c.endpoint_id == endpoint_id, deliveries.c.state.in_(states))
    if since is not None:
        again = again.where(deliveries.c.created_at >= since)
    if delivery_id is not None:
        again = again.where(deliveries.c.id == delivery_id)
    anew = {"state": DeliveryState.WAITING, "next_at": now, "tries_before": deliveries.c.tries, "ended_at": None}
    return (await session.execute(again.values(**anew))).rowcount


async def prune(session: Session, *, before: datetime) -> int:
    """Drop what ended before then, and what has been held since before then; returns how many. What is held counts from
    when it was to be sent, not from when it happened: it may have been told late, or replayed."""
    held = sa.and_(deliveries.c.state == DeliveryState.HELD, deliveries.c.next_at < before)
    return (await session.execute(sa.delete(deliveries).where(sa.or_(deliveries.c.ended_at < before, held)))).rowcount


def _delivery(row: sa.Row[Any]) -> Delivery:
    return Delivery(**{**row._mapping, "state": DeliveryState(row.state)})
