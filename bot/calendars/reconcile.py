"""Makes the bots of a workspace what its calendars want, in one transaction; each decision's reason is written down.

    async with database.write() as session:
        await reconcile(session, workspace_id, now=now)

It may be called at any rate, by anybody: it looks at everything anew, and what is as it should be is left alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bot.calendars import plan as planning
from bot.calendars import shape
from bot.calendars.decide import Decided, decide
from bot.calendars.model import Subscriber, Want
from bot.calendars.plan import Do, Stand, Standing, Step
from bot.domain.occurrence import STICKY, Disposition
from bot.errors import NotFound
from bot.log import get_log
from bot.store import bots, calendar_events, calendars, characters, occurrences, spawning
from bot.store.bots import MeetingTaken
from bot.store.calendar_events import Meeting, StoredEvent
from bot.store.session import Session
from bot.store.spawning import AlreadyJoining, OccurrenceClosed
from bot.store.tables import new_id

log = get_log(__name__)

LOOK_BACK = timedelta(days=1)
MOST_LOOKS = 3  # two meetings of one room that swap their times need two
BY = {"by": "calendar"}


@dataclass(kw_only=True, slots=True)
class Done:
    """How many bots."""

    made: int = 0
    moved: int = 0
    withdrawn: int = 0
    decisions: int = 0  # events that are decided otherwise than before


async def reconcile(session: Session, workspace_id: str, *, now: datetime, insist_on: str | None = None) -> Done:
    """`insist_on`: the event (our id) that a user has just chosen, whatever became of its bot before."""
    await occurrences.lock_workspace(session, workspace_id)
    mine = {one.id: one for one in await calendars.list_all(session, workspace_id=workspace_id)}
    stored = await calendar_events.since(session, workspace_id=workspace_id, ended_after=now - LOOK_BACK)
    wants, decided = decide([_subscriber(one, mine[one.calendar_id]) for one in stored], now)
    standings = [_standing(one) for one in await calendar_events.meetings(session, workspace_id=workspace_id)]
    insisting = next((one for one in stored if one.id == insist_on), None)
    work = _Work(session=session, workspace_id=workspace_id, now=now, done=Done(), meetings={})
    chosen = None if insisting is None else (insisting.calendar_id, insisting.event_id)
    for _ in range(MOST_LOOKS):
        work.was_in_the_way = False
        for step in planning.plan(wants, standings, now, insist=chosen):
            await work.do(step, insist=step.want is not None and chosen in step.want.subscribers)
        if not work.was_in_the_way:
            break
        standings = [_standing(one) for one in await calendar_events.meetings(session, workspace_id=workspace_id)]
    work.done.decisions = await _note(session, stored, decided, work.meetings)
    return work.done


@dataclass(kw_only=True, slots=True)
class _Work:
    session: Session
    workspace_id: str
    now: datetime
    done: Done
    meetings: dict[tuple[str, str], str]  # (calendar, event): the meeting it is part of
    was_in_the_way: bool = False  # a bot of ours that may itself have been moved in the same look

    async def do(self, step: Step, *, insist: bool) -> None:
        standing, want = step.standing, step.want
        meeting_id = standing.id if standing else new_id()
        if step.do in (Do.DROP, Do.WITHDRAW, Do.REPLACE) and standing is not None:
            await self._withdraw(standing)
        if step.do is Do.DROP:
            await calendar_events.drop_meeting(self.session, meeting_id)
        elif step.do is Do.WITHDRAW and want is not None:
            await self._keep(meeting_id, want, Stand.PLANNED, None)
        elif step.do in (Do.SPAWN, Do.REPLACE) and want is not None:
            await self._keep(meeting_id, want, *await self._spawn(want, insist=insist))
        elif step.do is Do.RETIME and standing is not None and want is not None:
            await self._keep(meeting_id, want, *await self._retime(standing, want, insist=insist))
        elif step.do is Do.KEEP and standing is not None and want is not None:
            if not _is_as_kept(standing, want, step.stand):
                await self._keep(meeting_id, want, step.stand, standing.bot_id)
        elif step.do is Do.SETTLE and standing is not None:
            await self._settle(standing, step.stand, want)
        if want is not None and step.do not in (Do.DROP, Do.NOTHING):
            self.meetings |= dict.fromkeys(want.subscribers, meeting_id)

    async def _spawn(self, want: Want, *, insist: bool) -> tuple[Stand, str | None]:
        try:
            character = await characters.get(self.session, want.character_id, workspace_id=self.workspace_id)
        except NotFound:
            return Stand.PLANNED, None
        wanted = spawning.Wanted(
            workspace_id=self.workspace_id,
            character_id=character.id,
            meeting_url=want.url,
            key=want.room,
            bot_name=character.name,
            join_at=planning.join_at(want, self.now),
        )
        spawned = await spawning.spawn(self.session, wanted, by_rule=True, override=insist, at=self.now)
        if spawned.made:
            self.done.made += 1
            return Stand.BOOKED, spawned.bot_id
        if spawned.because == spawning.LIVE:
            leaves = spawned.bot_id is None or await self._is_withdrawn(spawned.bot_id)
            return (Stand.PLANNED, None) if leaves else (Stand.TAKEN, spawned.bot_id)
        return _stand_of_closed(spawned.because), spawned.bot_id

    async def _is_withdrawn(self, bot_id: str) -> bool:
        """It is on its way out because a calendar took it back: the next look finds it gone."""
        bot = await bots.get(self.session, bot_id)
        of = await occurrences.get(self.session, bot.occurrence_id) if bot.occurrence_id else None
        return of is not None and of.code == occurrences.WITHDRAWN

    async def _retime(self, standing: Standing, want: Want, *, insist: bool) -> tuple[Stand, str | None]:
        assert standing.bot_id is not None
        asked: dict[str, Any] = {"by_rule": True, "override": insist, "by": BY, "at": self.now}
        try:
            await spawning.retime(self.session, standing.bot_id, join_at=want.start, **asked)
        except OccurrenceClosed as closed:  # a person has stopped the bot that was in this room at this time, say
            await self._withdraw(standing)
            return _stand_of_closed(closed.fields["disposition"]), closed.fields["bot_id"]
        except AlreadyJoining:  # since it was looked at here; the next look sees where it is
            return Stand.BOOKED, standing.bot_id
        except MeetingTaken as taken:  # another one goes there already
            await self._withdraw(standing)
            self.was_in_the_way = True
            return Stand.TAKEN, taken.fields["bot_id"]
        self.done.moved += 1
        return Stand.BOOKED, standing.bot_id

    async def _withdraw(self, standing: Standing) -> None:
        if standing.stand is not Stand.BOOKED or standing.bot_id is None:
            return  # without a bot, or with one that is not ours to take back
        await spawning.withdraw(self.session, standing.bot_id, by=BY, at=self.now)
        self.done.withdrawn += 1

    async def _settle(self, standing: Standing, stand: Stand, want: Want | None) -> None:
        """A no goes with the event wherever it is moved; what was served was that start's."""
        if stand is standing.stand and (want is None or stand is Stand.SERVED or _is_as_kept(standing, want, stand)):
            return
        values: dict[str, Any] = {"state": stand, "updated_at": self.now}
        if stand is Stand.STOPPED and want is not None:
            values |= _where(want)
        await calendar_events.keep_meeting(self.session, standing.id, workspace_id=self.workspace_id, values=values)

    async def _keep(self, meeting_id: str, want: Want, stand: Stand, bot_id: str | None) -> None:
        values = {**_where(want), "state": stand, "bot_id": bot_id, "updated_at": self.now}
        await calendar_events.keep_meeting(self.session, meeting_id, workspace_id=self.workspace_id, values=values)


def _stand_of_closed(disposition: str) -> Stand:
    return Stand.STOPPED if Disposition(disposition) in STICKY else Stand.SERVED


def _is_as_kept(standing: Standing, want: Want, stand: Stand) -> bool:
    known = (standing.room, standing.start, standing.end, standing.identities, standing.stand)
    return known == (want.room, want.start, want.end, want.identities, stand)


def _where(want: Want) -> dict[str, Any]:
    identities = sorted(want.identities)
    return {"room": want.room, "start_at": want.start, "end_at": want.end, "identities": identities}


def _subscriber(stored: StoredEvent, calendar: calendars.Calendar) -> Subscriber:
    return Subscriber(
        event=shape.event_of(stored.body, calendar_id=stored.calendar_id, removed=stored.removed),
        rules=shape.rules_of(calendar.rules),
        override=stored.override,
        character_id=calendar.character_id,
    )


def _standing(meeting: Meeting) -> Standing:
    return Standing(
        id=meeting.id,
        room=meeting.room,
        start=meeting.start_at,
        end=meeting.end_at,
        identities=frozenset(meeting.identities),
        stand=Stand(meeting.state),
        bot_id=meeting.bot_id,
        bot_state=meeting.bot_state,
        bot_code=meeting.bot_code,
        bot_join_at=meeting.bot_join_at,
        bot_url=meeting.bot_url,
        bot_room=meeting.bot_room,
    )


async def _note(
    session: Session, stored: list[StoredEvent], decided: list[Decided], meetings: Mapping[tuple[str, str], str]
) -> int:
    known = {(one.calendar_id, one.event_id): one for one in stored}
    changed = []
    for one in decided:
        row = known[one.of.event.calendar_id, one.of.event.id]
        now_is = (one.decision.verdict, one.decision.reason, meetings.get((row.calendar_id, row.event_id)))
        if now_is != (row.verdict, row.reason, row.meeting_id):
            changed.append((row.id, *now_is))
    await calendar_events.note_decisions(session, changed)
    return len(changed)
