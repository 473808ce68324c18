"""Bots: one row each, a row of `bot_events` for everything that happened, an outbox row for every change of state.

Who wants a bot to be made asks `spawning.spawn`, which knows whether one may be.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from bot.domain import figures
from bot.domain.join_time import launch_time
from bot.domain.lifecycle import LIVE, RUNNING, TERMINAL, BotState, Command, can_move
from bot.domain.meeting_key import meeting_key
from bot.domain.naming import disclosed_name
from bot.errors import Conflict
from bot.store import counters, fence, occurrences, tables
from bot.store.fence import Fenced, UnknownBot
from bot.store.session import Session

__all__ = ["Bot", "BotEvent", "Fenced", "IllegalTransition", "MeetingTaken", "UnknownBot"]


CANCELLED = {Command.LEAVE: "asked_to_leave", Command.KILL: "killed"}  # the codes of those that had not got in
HOST_FULL = "bot_host_full"
REFUSED = "launch.refused"  # a note's kind
NO_ROOM = "Its host ran as many bots as it may (UNDERSTUDY_MAX_BOTS)."
STOPPED_BEFORE = "The bot was told to leave before it was in its meeting."


class IllegalTransition(Conflict):
    """The bot cannot go from the state it is in to the one asked for."""

    code = "illegal_transition"


class MeetingTaken(Conflict):
    """Another bot of this workspace is already in, or on its way to, this meeting; `bot_id` names it."""

    code = "meeting_taken"


@dataclass(frozen=True, kw_only=True, slots=True)
class Bot:
    id: str
    workspace_id: str
    character_id: str
    meeting_url: str
    meeting_key: str
    bot_name: str
    join_at: datetime
    metadata: Mapping[str, Any]
    state: BotState
    attempt: int  # 0 until claimed
    code: str | None  # why it is in this state, for programs
    sub_code: str | None
    detail: str  # the same for people
    created_at: datetime
    updated_at: datetime
    joined_at: datetime | None
    ended_at: datetime | None
    launch_at: datetime  # when a dispatcher may claim it
    occurrence_id: str | None  # None: made by the version before
    deduplication_key: str | None
    tries: int  # joins that failed and were tried again


@dataclass(frozen=True, kw_only=True, slots=True)
class Filter:
    """Of a list of bots. None: whatever it is."""

    character_id: str | None = None
    deduplication_key: str | None = None
    join_at_gte: datetime | None = None
    join_at_lt: datetime | None = None
    updated_after: datetime | None = None

    def clauses(self) -> list[sa.ColumnElement[bool]]:
        given = ((column, holds, getattr(self, name)) for name, (column, holds) in _FILTERS.items())
        return [holds(tables.bots.c[column], value) for column, holds, value in given if value is not None]


_FILTERS: dict[str, tuple[str, Callable[[Any, Any], Any]]] = {  # field: column, what holds
    "character_id": ("character_id", operator.eq),
    "deduplication_key": ("deduplication_key", operator.eq),
    "join_at_gte": ("join_at", operator.ge),
    "join_at_lt": ("join_at", operator.lt),
    "updated_after": ("updated_at", operator.gt),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class BotEvent:
    bot_id: str
    sequence: int  # 1, 2, 3... per bot
    attempt: int
    kind: str  # "state" for a move; else what the note is about
    state: BotState
    code: str | None
    sub_code: str | None
    detail: str
    data: Mapping[str, Any]
    at: datetime


async def create(
    session: Session,
    *,
    workspace_id: str,
    character_id: str,
    meeting_url: str,
    key: str | None = None,
    bot_name: str,
    join_at: datetime | None = None,
    launch_at: datetime | None = None,
    deduplication_key: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    at: datetime,
) -> Bot:
    """A scheduled bot, whatever became of those before it; `key` names the meeting where its platform is known, None
    has the link name it; `join_at` None means now; its name gets "(AI)". One live bot per occurrence.
    Raises BadMeetingUrl, BadBotName, MeetingTaken."""
    key = key or meeting_key(meeting_url)
    bot_id, start = tables.new_id(), join_at or at
    row = {
        "id": bot_id,
        "workspace_id": workspace_id,
        "character_id": character_id,
        "meeting_url": meeting_url.strip(),
        "meeting_key": key,
        "bot_name": disclosed_name(bot_name),
        "join_at": start,
        "launch_at": launch_at or launch_time(start, bot_id=bot_id, now=at),
        "deduplication_key": deduplication_key,
        "metadata": dict(metadata or {}),
        "state": BotState.SCHEDULED,
        "attempt": 0,
        "created_at": at,
        "updated_at": at,
    }
    place = {"workspace_id": workspace_id, "meeting_key": key}
    await occurrences.lock_workspace(session, workspace_id)
    found = await occurrences.find(session, **place, start=join_at, now=at)
    holder = await occurrences.live_bot(
        session, **place, start=start, in_room=join_at is None, occurrence_id=found.id if found else None
    ) or await live_with_key(session, workspace_id, deduplication_key)
    if holder is not None:
        raise MeetingTaken(bot_id=holder)
    occurrence = found or await occurrences.make(session, **place, starts_at=start, now=at)
    statement = sa.insert(tables.bots).values(**row, occurrence_id=occurrence.id)
    bot = from_row((await session.execute(statement.returning(tables.bots))).one())
    await occurrences.given_a_bot(session, occurrence.id, bot_id=bot.id, now=at)
    await _log(session, bot, kind="state", data={}, at=at)
    await _announce(session, bot, {}, at)
    return bot


async def get(session: Session, bot_id: str, *, workspace_id: str | None = None) -> Bot:
    """Raises UnknownBot; also for a bot of another workspace, when one is given."""
    query = sa.select(tables.bots).where(tables.bots.c.id == bot_id)
    if workspace_id is not None:
        query = query.where(tables.bots.c.workspace_id == workspace_id)
    row = (await session.execute(query)).one_or_none()
    if row is None:
        raise UnknownBot(bot_id=bot_id)
    return from_row(row)


async def live_with_key(session: Session, workspace_id: str, deduplication_key: str | None) -> str | None:
    """The live bot that carries this key of its makers; None without one."""
    if deduplication_key is None:
        return None
    table = tables.bots
    mine = sa.and_(table.c.workspace_id == workspace_id, table.c.deduplication_key == deduplication_key)
    found: str | None = (
        await session.execute(sa.select(table.c.id).where(mine, table.c.state.in_(LIVE)))
    ).scalar_one_or_none()
    return found


async def list_newest(
    session: Session,
    *,
    workspace_id: str,
    limit: int,
    before: tuple[datetime, str] | None = None,
    states: Collection[BotState] | None = None,
    where: Filter | None = None,
) -> list[Bot]:
    """Newest first, of any state or of these; `before` is the (created_at, id) of the last bot of the page before."""
    table = tables.bots
    query = _listed(workspace_id, states, where)
    if before is not None:  # as a row: the index goes there at once
        query = query.where(sa.tuple_(table.c.created_at, table.c.id) < _place(table.c.created_at, before))
    query = query.order_by(table.c.created_at.desc(), table.c.id.desc()).limit(limit)
    return [from_row(row) for row in await session.execute(query)]


async def list_soonest(
    session: Session,
    *,
    workspace_id: str,
    limit: int,
    after: tuple[datetime, str] | None = None,
    where: Filter | None = None,
) -> list[Bot]:
    """Those that are scheduled, whoever joins next first; `after` is the (join_at, id) of the last bot of the page
    before. They are found by an index and put in order: there are only as many as are to come."""
    table = tables.bots
    query = _listed(workspace_id, {BotState.SCHEDULED}, where)
    if after is not None:
        query = query.where(sa.tuple_(table.c.join_at, table.c.id) > _place(table.c.join_at, after))
    query = query.order_by(table.c.join_at, table.c.id).limit(limit)
    return [from_row(row) for row in await session.execute(query)]


def _listed(workspace_id: str, states: Collection[BotState] | None, where: Filter | None) -> sa.Select[Any]:
    table = tables.bots
    query = sa.select(table).where(table.c.workspace_id == workspace_id, *(where or Filter()).clauses())
    return query if states is None else query.where(table.c.state.in_(states))


def _place(column: sa.Column[Any], last: tuple[datetime, str]) -> sa.Tuple:
    return sa.tuple_(sa.literal(last[0], column.type), sa.literal(last[1], tables.bots.c.id.type))


async def names_in_meeting(session: Session, meeting_key: str, *, besides: str) -> dict[str, int]:
    """The names of live bots in one meeting, of whatever workspace, each with how many carry it."""
    table = tables.bots
    here = sa.and_(table.c.meeting_key == meeting_key, table.c.state.in_(LIVE), table.c.id != besides)
    query = sa.select(table.c.bot_name, sa.func.count()).where(here).group_by(table.c.bot_name)
    return {str(row[0]): int(row[1]) for row in await session.execute(query)}


async def events(session: Session, bot_id: str, *, after: int = 0, limit: int = 1000) -> list[BotEvent]:
    """In order, from sequence `after` + 1."""
    table = tables.bot_events
    query = sa.select(table).where(table.c.bot_id == bot_id, table.c.sequence > after)
    rows = (await session.execute(query.order_by(table.c.sequence).limit(limit))).all()
    return [_event(row) for row in rows]


async def move(
    session: Session,
    bot_id: str,
    *,
    attempt: int,
    to: BotState,
    code: str | None = None,
    sub_code: str | None = None,
    detail: str = "",
    data: Mapping[str, Any] | None = None,
    at: datetime,
) -> Bot:
    """Move the bot: its row, one event, one outbox row, together. Moving to the state it is in changes nothing, so a
    repeated message costs nothing. A code stays until the next one is given. A bot with no process to come loses its
    lease. One that is to be scheduled again is cancelled where a user has told it to leave meanwhile. Raises
    UnknownBot, Fenced, IllegalTransition."""
    row = await fence.lock(session, bot_id)
    if row.attempt == attempt and row.state == to:
        return from_row(row)
    if row.attempt != attempt or (row.state in TERMINAL and to not in TERMINAL):
        raise Fenced(attempt=attempt, current_attempt=row.attempt, state=row.state)
    if to is BotState.SCHEDULED and (command := await asked(session, bot_id)) is not None:
        to, code, sub_code, detail = BotState.CANCELLED, CANCELLED[command], code, STOPPED_BEFORE
    if not can_move(BotState(row.state), to):
        raise IllegalTransition(state=row.state, to=to)
    values: dict[str, Any] = {"state": to, "updated_at": at}
    if code is not None:
        values |= {"code": code, "sub_code": sub_code, "detail": detail}
    if to is BotState.IN_CALL:
        values["joined_at"] = at
    if to in TERMINAL:
        values["ended_at"] = row.ended_at or at
    statement = sa.update(tables.bots).where(tables.bots.c.id == bot_id).values(**values)
    bot = from_row((await session.execute(statement.returning(tables.bots))).one())
    await _log(session, bot, kind="state", data=data or {}, at=at, code=code, sub_code=sub_code, detail=detail)
    await _announce(session, bot, data or {}, at)
    if to in TERMINAL and row.state not in TERMINAL:
        await occurrences.settle(session, row, state=to, code=bot.code, now=at)
    if to not in RUNNING and to is not BotState.CLAIMED:
        for table in (tables.leases, tables.heartbeats):
            await session.execute(sa.delete(table).where(table.c.bot_id == bot_id))
    counted = figures.of_move(
        bot.code, came_from=BotState(row.state), to=to, join_at=bot.join_at, joined_at=bot.joined_at, at=at
    )
    await counters.add(session, counted, shard_of=bot.id)
    return bot


async def asked(session: Session, bot_id: str) -> Command | None:
    """What a user has asked of the bot's process, which may not have read it."""
    beats = tables.heartbeats
    command = (await session.execute(sa.select(beats.c.command).where(beats.c.bot_id == bot_id))).scalar_one_or_none()
    return None if command is None else Command(command)


async def note(
    session: Session,
    bot_id: str,
    *,
    attempt: int,
    kind: str,
    data: Mapping[str, Any] | None = None,
    at: datetime,
) -> int:
    """Record something that changes no state ("disclosure.spoken"); returns its sequence. Raises UnknownBot, Fenced."""
    if kind == "state":
        raise ValueError('a note cannot be of the kind "state"; use move')
    bot = from_row(await fence.hold(session, bot_id, attempt))
    return await _log(session, bot, kind=kind, data=data or {}, at=at)


async def note_refusal(session: Session, bot_id: str, *, attempt: int, data: Mapping[str, Any], at: datetime) -> None:
    """Record, once for each attempt, why its launch was refused for now. Raises UnknownBot, Fenced."""
    await fence.hold(session, bot_id, attempt)
    if await refusal(session, bot_id, attempt=attempt) is None:
        await note(session, bot_id, attempt=attempt, kind=REFUSED, data=data, at=at)


async def refusal(session: Session, bot_id: str, *, attempt: int) -> str | None:
    """The code for which this attempt's launch was refused, if it was."""
    log = tables.bot_events
    query = sa.select(log.c.data).where(log.c.bot_id == bot_id, log.c.attempt == attempt, log.c.kind == REFUSED)
    data = (await session.execute(query.limit(1))).scalar_one_or_none()
    return None if data is None else str(data.get("code"))


async def tell(session: Session, bot_id: str, *, kind: str, data: Mapping[str, Any], at: datetime) -> Bot:
    """Record something that was done to a bot from outside, whichever attempt runs it. Raises UnknownBot."""
    bot = from_row(await fence.lock(session, bot_id))
    await _log(session, bot, kind=kind, data=data, at=at)
    return bot


async def _log(
    session: Session,
    bot: Bot,
    *,
    kind: str,
    data: Mapping[str, Any],
    at: datetime,
    code: str | None = None,
    sub_code: str | None = None,
    detail: str = "",
) -> int:
    sequence = await fence.next_sequence(session, tables.bot_events, bot.id)
    row = {
        "bot_id": bot.id,
        "sequence": sequence,
        "workspace_id": bot.workspace_id,
        "attempt": bot.attempt,
        "kind": kind,
        "state": bot.state,
        "code": code,
        "sub_code": sub_code,
        "detail": detail,
        "data": dict(data),
        "at": at,
    }
    await session.execute(sa.insert(tables.bot_events).values(**row))
    return sequence


async def _announce(session: Session, bot: Bot, data: Mapping[str, Any], at: datetime) -> None:
    await session.execute(sa.insert(tables.outbox).values(**announcement(bot, data, at)))


def announcement(bot: Bot, data: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    """The outbox row that tells of the state a bot has come to: topic `bot.<state>`."""
    payload = {"bot_id": bot.id, "attempt": bot.attempt, "state": bot.state, "code": bot.code}
    payload |= {"sub_code": bot.sub_code, "data": dict(data)}
    return {
        "workspace_id": bot.workspace_id,
        "bot_id": bot.id,
        "topic": f"bot.{bot.state}",
        "payload": payload,
        "created_at": at,
        "available_at": at,
        "tries": 0,
    }


def from_row(row: sa.Row[Any]) -> Bot:
    """The bot a full row of the table `bots` is."""
    return Bot(**{**row._mapping, "state": BotState(row.state)})


def _event(row: sa.Row[Any]) -> BotEvent:
    values = {**row._mapping, "state": BotState(row.state)}
    del values["workspace_id"]
    return BotEvent(**values)
