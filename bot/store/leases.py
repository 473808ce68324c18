"""Leases: which attempt runs a bot, until when; and the commands a bot reads in the answer to its heartbeat.

A dispatcher claims due bots and gives each a lease that lasts until the launch must have happened. The bot's process
renews it. Who finds a lease expired (the reaper) may end it; the process then finds itself fenced.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from bot.domain.join_time import JOIN_WINDOW
from bot.domain.lifecycle import IN_ROOM, LIVE, RUNNING, TERMINAL, BotState, Command
from bot.domain.occurrence import Disposition
from bot.store import bots, fence, occurrences, outbox, tables
from bot.store.bots import Bot
from bot.store.fence import Fenced
from bot.store.outbox import Message
from bot.store.session import Session


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """How a bot stands, for the host that runs it. `command` None: nothing is asked of it. `lease_until` None: it has
    no lease, for it is over or to be sent again."""

    bot_id: str
    attempt: int
    state: BotState
    command: Command | None
    lease_until: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Lease:
    bot_id: str
    attempt: int
    owner: str
    pid: int | None  # of the process that renewed last; None until one did
    expires_at: datetime


async def next_launch(session: Session, *, after: datetime) -> datetime | None:
    """When the next bot that is not due yet is to be launched."""
    table = tables.bots
    query = sa.select(sa.func.min(table.c.launch_at)).where(
        table.c.state == BotState.SCHEDULED, table.c.launch_at > after
    )
    found: datetime | None = (await session.execute(query)).scalar_one()
    return found


async def any_due(session: Session, *, due_by: datetime) -> bool:
    """Would a claim find anything? For a look that holds up no writer."""
    return bool((await session.execute(sa.select(sa.exists().where(*_due(tables.bots, due_by))))).scalar_one())


def _due(table: Any, due_by: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    """Scheduled, its time to be launched has come, its time to join is not long past, and its room is free: no bot of
    the workspace is in it, and none that is due has waited longer."""
    rival = tables.bots.alias("rival")
    rivals = rival.c.launch_at
    first = sa.or_(rivals < table.c.launch_at, sa.and_(rivals == table.c.launch_at, rival.c.id < table.c.id))
    taken = sa.exists().where(
        rival.c.workspace_id == table.c.workspace_id,
        rival.c.meeting_key == table.c.meeting_key,
        rival.c.state.in_(LIVE),  # what the index of live meetings has
        sa.or_(rival.c.state.in_(IN_ROOM), sa.and_(rivals <= due_by, rival.c.join_at >= due_by - JOIN_WINDOW, first)),
    )
    return (
        table.c.state == BotState.SCHEDULED,
        table.c.launch_at <= due_by,
        table.c.join_at >= due_by - JOIN_WINDOW,
        ~taken,
    )


async def claim_due(
    session: Session,
    *,
    owner: str,
    data: Mapping[str, Any],
    due_by: datetime,
    now: datetime,
    launch_by: datetime,
    limit: int,
    taken: list[Message] | None = None,
    hide_s: float = 0.0,
) -> list[Bot]:
    """Claim up to `limit` scheduled bots that are to be launched by `due_by`: attempt + 1, a lease until `launch_by`,
    one event and one outbox row each. A bot whose room another one holds waits. Two callers never claim the same bot:
    PostgreSQL skips rows another one holds, SQLite lets one writer in at a time. Who gives `taken` finds the messages
    of the claims there, hidden from relays for `hide_s`, to hand them over at once."""
    table = tables.bots
    due = (
        sa.select(table.c.id)
        .where(*_due(table, due_by))
        .order_by(table.c.launch_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    values = {"state": BotState.CLAIMED, "attempt": table.c.attempt + 1, "updated_at": now}
    cleared = {"code": None, "sub_code": None, "detail": ""}
    statement = sa.update(table).where(table.c.id.in_(sa.select(due.c.id))).values(**values, **cleared)
    claimed = [bots.from_row(row) for row in await session.execute(statement.returning(table))]
    if claimed:
        await _record_claims(session, claimed, owner=owner, data=data, now=now, launch_by=launch_by)
        told = await outbox.add(session, [bots.announcement(bot, data, now) for bot in claimed], hide_s=hide_s)
        if taken is not None:
            taken += told
    return sorted(claimed, key=lambda bot: bot.join_at)


async def _record_claims(
    session: Session, claimed: list[Bot], *, owner: str, data: Mapping[str, Any], now: datetime, launch_by: datetime
) -> None:
    """An event, a lease and a heartbeat each, made by the database of the bots' own rows: with rows sent from here a
    claim costs a quarter more."""
    events, bot = tables.bot_events, tables.bots
    last = sa.select(sa.func.coalesce(sa.func.max(events.c.sequence), 0)).where(events.c.bot_id == bot.c.id)
    noted = {"kind": "state", "state": BotState.CLAIMED, "data": dict(data), "at": now}
    made: tuple[tuple[sa.Table, dict[str, Any]], ...] = (
        (events, {"sequence": last.correlate(bot).scalar_subquery() + 1, **noted}),
        (tables.leases, {"owner": owner, "expires_at": launch_by}),
        (tables.heartbeats, {"at": now}),
    )
    for table, values in made:
        row: dict[str, sa.ColumnElement[Any]] = {
            "bot_id": bot.c.id,
            "workspace_id": bot.c.workspace_id,
            "attempt": bot.c.attempt,
        }
        row |= {name: _as_column(table.c[name], value) for name, value in values.items()}
        source = sa.select(*row.values()).where(bot.c.id.in_([one.id for one in claimed]))
        await session.execute(sa.insert(table).from_select(list(row), source))


def _as_column(column: sa.Column[Any], value: Any) -> sa.ColumnElement[Any]:
    return value if isinstance(value, sa.ColumnElement) else sa.literal(value, column.type)


async def renew(
    session: Session, bot_id: str, *, attempt: int, pid: int, now: datetime, ttl_s: float
) -> Command | None:
    """Keep the bot for another `ttl_s` seconds. Returns what a user asks of it; the same again until it is done.
    Raises Fenced: the caller must leave the meeting at once."""
    leases, beats = tables.leases, tables.heartbeats
    held = await session.execute(
        sa.update(leases)
        .where(leases.c.bot_id == bot_id, leases.c.attempt == attempt)
        .values(pid=pid, expires_at=now + timedelta(seconds=ttl_s))
    )
    if held.rowcount == 0:
        raise Fenced(attempt=attempt)
    beat = sa.update(beats).where(beats.c.bot_id == bot_id, beats.c.attempt == attempt).values(at=now)
    command = (await session.execute(beat.returning(beats.c.command))).scalar_one_or_none()
    return Command(command) if command else None


async def extend(session: Session, bot_id: str, *, attempt: int, expires_at: datetime) -> None:
    """Give the lease another end without a sign of life from the bot. Raises Fenced."""
    table = tables.leases
    held = sa.update(table).where(table.c.bot_id == bot_id, table.c.attempt == attempt).values(expires_at=expires_at)
    if (await session.execute(held)).rowcount == 0:
        raise Fenced(attempt=attempt)


async def release(session: Session, bot_id: str, *, attempt: int) -> None:
    """Give the lease back; nothing happens when it is already gone. A move to a final state does this by itself."""
    for table in (tables.leases, tables.heartbeats):
        await session.execute(sa.delete(table).where(table.c.bot_id == bot_id, table.c.attempt == attempt))


async def get(session: Session, bot_id: str) -> Lease | None:
    row = (await session.execute(sa.select(tables.leases).where(tables.leases.c.bot_id == bot_id))).one_or_none()
    return _lease(row) if row is not None else None


async def expired(session: Session, *, now: datetime, limit: int) -> list[Lease]:
    """Leases that ran out, oldest first."""
    table = tables.leases
    query = sa.select(table).where(table.c.expires_at < now).order_by(table.c.expires_at).limit(limit)
    return [_lease(row) for row in await session.execute(query)]


async def hold_expired(session: Session, lease: Lease, *, now: datetime) -> bool:
    """Is this lease still there and still expired? If so it is held, with its bot, until the transaction ends. The bot
    comes first, as with everyone who locks both."""
    await fence.lock(session, lease.bot_id)
    table = tables.leases
    query = sa.select(table.c.bot_id).where(
        table.c.bot_id == lease.bot_id, table.c.attempt == lease.attempt, table.c.expires_at < now
    )
    return (await session.execute(query.with_for_update())).one_or_none() is not None


async def standing(session: Session, bot_ids: Collection[str]) -> list[Standing]:
    """How these bots stand; one query by primary key, cheap enough to be asked several times a second."""
    beats, held, table = tables.heartbeats, tables.leases, tables.bots
    joined = table.outerjoin(beats, sa.and_(beats.c.bot_id == table.c.id, beats.c.attempt == table.c.attempt))
    joined = joined.outerjoin(held, sa.and_(held.c.bot_id == table.c.id, held.c.attempt == table.c.attempt))
    columns = (table.c.id, table.c.attempt, table.c.state, beats.c.command, held.c.expires_at)
    query = sa.select(*columns).select_from(joined)
    rows = await session.execute(query.where(table.c.id.in_(list(bot_ids))))
    return [
        Standing(
            bot_id=row.id,
            attempt=row.attempt,
            state=BotState(row.state),
            command=Command(row.command) if row.command else None,
            lease_until=row.expires_at,
        )
        for row in rows
    ]


async def ask(
    session: Session,
    bot_id: str,
    *,
    command: Command,
    at: datetime,
    by: Mapping[str, Any] | None = None,
    withdrawn: bool = False,
) -> Bot:
    """Make a bot leave. One that has no process yet is cancelled; a running one finds the command at its next
    heartbeat, a kill is passed on by its host at once; one that is over is left as it is. A kill is never taken back by
    a leave. `by` says who asks and is kept with the event. A user's word holds for the occurrence: no rule sends a bot
    there again. `withdrawn`: no user, but who had sent it takes it back. Raises UnknownBot."""
    row = await fence.lock(session, bot_id)
    state = BotState(row.state)
    if state in TERMINAL:
        return bots.from_row(row)
    word = Disposition.OPEN if withdrawn else Disposition.STOPPED
    asked = occurrences.WITHDRAWN if withdrawn else f"asked.{command}"
    await occurrences.mark(session, row.occurrence_id, disposition=word, code=asked, now=at)
    if state not in RUNNING:
        code = occurrences.WITHDRAWN if withdrawn else bots.CANCELLED[command]
        return await bots.move(
            session, bot_id, attempt=row.attempt, to=BotState.CANCELLED, code=code, data=dict(by or {}), at=at
        )
    beats = tables.heartbeats
    killed = sa.and_(beats.c.command.is_not(None), beats.c.command == Command.KILL)
    await session.execute(sa.update(beats).where(beats.c.bot_id == bot_id, ~killed).values(command=command))
    await bots.note(session, bot_id, attempt=row.attempt, kind=f"asked.{command}", data=dict(by or {}), at=at)
    return bots.from_row(row)


async def to_kill(session: Session, workspace_id: str, *, scheduled: bool, at: datetime) -> list[str]:
    """The bots that a kill of all is for, those that have a process first: whatever of a workspace is in a meeting or
    on its way; with `scheduled`, also what has its time still to come."""
    table = tables.bots
    due = sa.or_(table.c.state != BotState.SCHEDULED, table.c.join_at <= at)
    mine = sa.and_(table.c.workspace_id == workspace_id, table.c.state.in_(LIVE | RUNNING))
    query = sa.select(table.c.id).where(mine if scheduled else sa.and_(mine, due))
    return list((await session.execute(query.order_by(table.c.state.in_(RUNNING).desc(), table.c.id))).scalars())


def _lease(row: sa.Row[Any]) -> Lease:
    return Lease(bot_id=row.bot_id, attempt=row.attempt, owner=row.owner, pid=row.pid, expires_at=row.expires_at)
