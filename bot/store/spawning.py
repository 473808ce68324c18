"""One bot per occurrence: the one door for everyone who wants a bot made, and for changing when one joins.

    wanted = Wanted(workspace_id=..., character_id=..., meeting_url=..., bot_name=..., join_at=...)
    spawned = await spawn(session, wanted, by_rule=True, at=now)
    spawned.made          # True: spawned.bot_id is new
    spawned.because       # else why not: "live", or the disposition of the occurrence; spawned.bot_id names its bot
    spawned.occurrence_id # to remember, next to whatever wanted it

Who asks says whether a person does (`by_rule=False`: a request) or a calendar, a retry, any automatism. What each
may do is the table in `bot.domain.occurrence`. Safe to call at any rate, from any number of processes; keep the
transaction short. `withdraw` takes a bot back without it counting as a user's stop; `retime` moves one. Knows no HTTP
and no calendar.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from bot.domain import lifecycle
from bot.domain.join_time import FAR, launch_time
from bot.domain.lifecycle import BotState, Command
from bot.domain.meeting_key import meeting_key
from bot.domain.occurrence import NEAR, RULES, Disposition, may_spawn
from bot.errors import Conflict
from bot.store import bots, fence, leases, occurrences, tables
from bot.store.bots import Bot, MeetingTaken
from bot.store.session import Session

LIVE = "live"


class OccurrenceClosed(Conflict):
    """This meeting has had its bot; `disposition` says what became of it, `bot_id` which it was. `override` sends
    another one."""

    code = "occurrence_closed"


class AlreadyJoining(Conflict):
    """The bot is on its way into its meeting, told to leave, or over; its time can no longer be changed."""

    code = "already_joining"


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    workspace_id: str
    character_id: str
    meeting_url: str
    key: str | None = None  # of the meeting, where its platform is known
    bot_name: str
    join_at: datetime | None = None  # None: now
    deduplication_key: str | None = None  # at most one live bot has it, and none after a user stopped one that had
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Spawned:
    made: bool
    because: str  # "made", "live", or a Disposition
    bot_id: str | None  # the one made, there, or the last that was; None: that one has been forgotten
    bot: Bot | None = None  # the one made
    occurrence_id: str | None = None

    def refusal(self) -> Conflict:
        """The same as an error, for who wanted a bot and nothing else."""
        if self.because == LIVE:
            return MeetingTaken(bot_id=self.bot_id)
        return closed(Disposition(self.because), bot_id=self.bot_id)


def closed(disposition: Disposition, *, bot_id: str | None) -> OccurrenceClosed:
    words = f"{RULES[disposition].sentence} `override` sends another one all the same."
    return OccurrenceClosed(words, bot_id=bot_id, disposition=disposition.value)


async def spawn(
    session: Session, wanted: Wanted, *, by_rule: bool = False, override: bool = False, at: datetime
) -> Spawned:
    """A bot where one may be, else who is there and why. Raises BadMeetingUrl, BadBotName."""
    key = wanted.key or meeting_key(wanted.meeting_url)
    place = {"workspace_id": wanted.workspace_id, "meeting_key": key}
    await occurrences.lock_workspace(session, wanted.workspace_id)
    found = await occurrences.find(session, **place, start=wanted.join_at, now=at)
    here = found.id if found else None
    try:
        if found is None or may_spawn(found.disposition, by_rule=by_rule, override=override):
            stopped = None if override else await _stopped(session, wanted)
            if stopped is not None:
                return Spawned(made=False, because=Disposition.STOPPED, bot_id=stopped, occurrence_id=here)
            bot = await _create(session, wanted, key, at)
            return Spawned(made=True, because="made", bot_id=bot.id, bot=bot, occurrence_id=bot.occurrence_id)
    except MeetingTaken as taken:
        return Spawned(made=False, because=LIVE, bot_id=taken.fields["bot_id"], occurrence_id=here)
    assert found is not None
    start = wanted.join_at or at
    live = await occurrences.live_bot(
        session, **place, start=start, in_room=wanted.join_at is None, occurrence_id=found.id
    )
    because = LIVE if live is not None else found.disposition.value
    return Spawned(made=False, because=because, bot_id=live or found.bot_id, occurrence_id=found.id)


async def withdraw(session: Session, bot_id: str, *, by: Mapping[str, Any], at: datetime) -> Bot:
    """Take a bot back because what it was made for is no more (an event cancelled, declined, deleted). Another may be
    made when it comes back. Safe twice. Raises UnknownBot."""
    return await leases.ask(session, bot_id, command=Command.LEAVE, by=by, withdrawn=True, at=at)


async def retime(
    session: Session,
    bot_id: str,
    *,
    join_at: datetime,
    by: Mapping[str, Any],
    by_rule: bool = False,
    override: bool = False,
    at: datetime,
) -> Bot:
    """Have a bot join at another time. One that waits is moved; one whose process is being made ready obeys: it waits
    longer, or stands down and is sent anew. Its occurrence moves with it, but not onto one that would get no bot by
    `spawn`: what a person has stopped there stays stopped. Raises UnknownBot, AlreadyJoining, OccurrenceClosed,
    MeetingTaken: another bot is on its way to that occurrence."""
    query = sa.select(tables.bots.c.workspace_id).where(tables.bots.c.id == bot_id)
    workspace_id = (await session.execute(query)).scalar_one_or_none()
    if workspace_id is not None:
        await occurrences.lock_workspace(session, workspace_id)
    row = await fence.lock(session, bot_id)
    state = BotState(row.state)
    waits = state in (BotState.SCHEDULED, BotState.CLAIMED, BotState.STARTING)
    if not waits or await bots.asked(session, bot_id) is not None:
        raise AlreadyJoining(state=state)
    await _make_room(session, row, join_at, at, by_rule=by_rule, override=override)
    launch_at = launch_time(join_at, bot_id=bot_id, now=at)
    values = {"join_at": join_at, "launch_at": launch_at, "updated_at": at}
    await session.execute(sa.update(tables.bots).where(tables.bots.c.id == bot_id).values(**values))
    data = {**by, "join_at": join_at.isoformat(), "was": row.join_at.isoformat()}
    if state is BotState.CLAIMED and join_at > at + FAR:
        await bots.move(session, bot_id, attempt=row.attempt, to=BotState.SCHEDULED, data=data, at=at)
    return await bots.tell(session, bot_id, kind="retimed", data=data, at=at)


async def _make_room(
    session: Session, row: sa.Row[Any], join_at: datetime, at: datetime, *, by_rule: bool, override: bool
) -> None:
    """The bot's occurrence at its new time. Raises MeetingTaken, OccurrenceClosed."""
    table = tables.bots
    near = table.c.join_at.between(join_at - NEAR, join_at + NEAR)
    mine = sa.and_(table.c.workspace_id == row.workspace_id, table.c.meeting_key == row.meeting_key)
    rival = sa.select(table.c.id).where(mine, near, table.c.state.in_(lifecycle.LIVE), table.c.id != row.id).limit(1)
    holder = (await session.execute(rival)).scalar_one_or_none()
    if holder is not None:
        raise MeetingTaken(bot_id=holder)
    where = {"workspace_id": row.workspace_id, "meeting_key": row.meeting_key}
    found = await occurrences.near(session, **where, start=join_at, besides=row.occurrence_id)
    for there in found:
        if not may_spawn(there.disposition, by_rule=by_rule, override=override):
            raise closed(there.disposition, bot_id=there.bot_id)
    await occurrences.reopen(session, [there.id for there in found], now=at)
    table = tables.occurrences
    moved = sa.update(table).where(table.c.id == row.occurrence_id)
    await session.execute(moved.values(starts_at=join_at, updated_at=at))


async def _stopped(session: Session, wanted: Wanted) -> str | None:
    """The last bot with this key, if a user stopped it: the thing may have moved to another time since."""
    if wanted.deduplication_key is None:
        return None
    table, of = tables.bots, tables.occurrences
    query = (
        sa.select(table.c.id, of.c.disposition)
        .select_from(table.outerjoin(of, of.c.id == table.c.occurrence_id))
        .where(table.c.workspace_id == wanted.workspace_id, table.c.deduplication_key == wanted.deduplication_key)
        .order_by(table.c.created_at.desc(), table.c.id)
        .limit(1)
    )
    last = (await session.execute(query)).one_or_none()
    return last.id if last is not None and last.disposition == Disposition.STOPPED else None


async def _create(session: Session, wanted: Wanted, key: str, at: datetime) -> Bot:
    return await bots.create(
        session,
        workspace_id=wanted.workspace_id,
        character_id=wanted.character_id,
        meeting_url=wanted.meeting_url,
        key=key,
        bot_name=wanted.bot_name,
        join_at=wanted.join_at,
        deduplication_key=wanted.deduplication_key,
        metadata=wanted.metadata,
        at=at,
    )
