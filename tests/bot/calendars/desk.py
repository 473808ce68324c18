"""Some users with a calendar each in one workspace, their bots, and a clock: what tests of calendars act on."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from bot.calendars import shape
from bot.calendars.links import candidates
from bot.calendars.model import Event, Join, Rules
from bot.calendars.reconcile import Done, reconcile
from bot.domain.lifecycle import LIVE, BotState, Command
from bot.store import bots, calendar_events, calendars, leases, tables, workspaces
from bot.store.bots import Bot
from tests.bot.stores import NOW, Seeded

ALL = Rules(join=Join.ALL, domains=("own.org",))


def event(
    uid: str = "a",
    at: float | None = 60,
    *,
    lasts: float = 30,
    room: int | None = 1,
    instance: float | None = None,
    **more: Any,
) -> Event:
    """Minutes from NOW; `room` is a Zoom meeting, None: no link."""
    start = None if at is None else NOW + timedelta(minutes=at)
    original = None if instance is None else NOW + timedelta(minutes=instance)
    url = "" if room is None else f"https://zoom.us/j/{room:09d}"
    made = Event(
        id=uid if instance is None else f"{uid}/{instance}",
        calendar_id="",
        uid=uid,
        original_start=original,
        start=start,
        end=start + timedelta(minutes=lasts) if start else None,
        links=candidates([("location", url)]),
    )
    return replace(made, **more)


Calendars = dict[str, list[Event]]  # of each user


@dataclass(kw_only=True)
class Desk:
    store: Seeded
    workspace_id: str
    character_id: str
    rules: dict[str, Rules] = field(default_factory=dict)
    now: datetime = NOW

    @classmethod
    async def of(cls, store: Seeded, name: str, **rules: Rules) -> Desk:
        from bot.store import characters

        async with store.database.write() as session:
            workspace = await workspaces.ensure(session, slug=name)
            new = characters.NewCharacter(name="Iris", image_path="/nowhere/iris.png", likeness="fictional")
            character = await characters.create(session, workspace_id=workspace.id, new=new)
        return cls(store=store, workspace_id=workspace.id, character_id=character.id, rules=rules)

    async def calendar(self, user: str) -> str:
        async with self.store.database.write() as session:
            mine = await calendars.list_all(session, workspace_id=self.workspace_id)
            known = next((one.id for one in mine if one.name == user), None)
            if known is not None:
                return known
            rules = shape.rules_body(self.rules.get(user, ALL))
            values = {"id": tables.new_id(), "provider": "ics", "name": user, "sealed_secret": "-", "rules": rules}
            values |= {"source_sha256": user, "character_id": self.character_id}
            made = await calendars.create(session, workspace_id=self.workspace_id, now=self.now, **values)
            return made.id

    async def sync(self, user: str, events: list[Event], *, then_reconcile: bool = True) -> Done:
        calendar_id = await self.calendar(user)
        fresh = [shape.stored(replace(one, calendar_id=calendar_id)) for one in events]
        async with self.store.database.write() as session:
            await calendar_events.replace_all(
                session, workspace_id=self.workspace_id, calendar_id=calendar_id, events=fresh, now=self.now
            )
            return await reconcile(session, self.workspace_id, now=self.now) if then_reconcile else Done()

    async def show(self, of_users: Calendars) -> None:
        """Everybody's calendar, one after the other, each with what follows at once."""
        for user, events in of_users.items():
            await self.sync(user, events)

    async def reconcile(self) -> Done:
        async with self.store.database.write() as session:
            return await reconcile(session, self.workspace_id, now=self.now)

    async def bots(self) -> list[Bot]:
        """Those that are wanted: under way, and not told to leave."""
        async with self.store.database.read() as session:
            told = sa.select(tables.heartbeats.c.bot_id).where(tables.heartbeats.c.command.is_not(None))
            leaving = set((await session.execute(told)).scalars())
            found = await bots.list_newest(session, workspace_id=self.workspace_id, limit=1000, states=LIVE)
        return [bot for bot in found if bot.id not in leaving]

    async def goes(self) -> list[tuple[int, float]]:
        """(room, minutes from NOW) of every bot."""
        return sorted((int(bot.meeting_key[5:]), minutes(bot.join_at)) for bot in await self.bots())

    async def events(self) -> dict[tuple[str, str], calendar_events.StoredEvent]:
        async with self.store.database.read() as session:
            mine = {one.id: one.name for one in await calendars.list_all(session, workspace_id=self.workspace_id)}
            found = await calendar_events.since(
                session, workspace_id=self.workspace_id, ended_after=NOW - timedelta(days=9)
            )
        return {(mine[one.calendar_id], one.event_id): one for one in found}

    async def why(self, user: str = "ann", event_id: str = "a") -> str:
        return (await self.events())[user, event_id].reason

    async def choose(self, join: bool | None, user: str = "ann", event_id: str = "a") -> None:
        found = (await self.events())[user, event_id]
        async with self.store.database.write() as session:
            await calendar_events.set_override(
                session, found.id, workspace_id=self.workspace_id, join=join, now=self.now
            )
            insist_on = found.id if join else None
            await reconcile(session, self.workspace_id, now=self.now, insist_on=insist_on)

    def wait(self, for_minutes: float) -> None:
        self.now += timedelta(minutes=for_minutes)

    async def stop(self) -> None:
        """A user stops every bot there is."""
        for bot in await self.bots():
            async with self.store.database.write() as session:
                await leases.ask(session, bot.id, command=Command.LEAVE, at=self.now, by={"by": "api_key"})

    async def leave(self, bot_id: str) -> None:
        """A bot that was told to leaves the call."""
        async with self.store.database.write() as session:
            for state in (BotState.LEAVING, BotState.ENDED):
                code = "asked_by_user" if state is BotState.ENDED else None
                await bots.move(session, bot_id, attempt=1, to=state, code=code, at=self.now)

    async def walk(self, *states: BotState, code: str | None = None) -> None:
        """The first bot's time comes: it is claimed and comes that far."""
        bot = min(await self.bots(), key=lambda one: one.join_at)
        self.now = max(self.now, bot.launch_at)
        async with self.store.database.write() as session:
            if bot.state is BotState.SCHEDULED:
                launch_by = self.now + timedelta(seconds=20)
                given = {"owner": "test", "data": {}, "due_by": self.now, "now": self.now, "launch_by": launch_by}
                claimed = await leases.claim_due(session, limit=1000, **given)  # whoever else's are due, too
                bot = next(one for one in claimed if one.id == bot.id)
            for state in states:
                ended = {"code": code} if state is states[-1] and code else {}
                await bots.move(session, bot.id, attempt=bot.attempt, to=state, at=self.now, **ended)


def minutes(at: datetime) -> float:
    return (at - NOW).total_seconds() / 60
