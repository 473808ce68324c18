"""The keeper: reads calendars when they are due, and looks after the bots made for them. Several may run side by side.

It has a process of its own: whatever a calendar's server does, no bot is launched later for it.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from bot.calendars import shape
from bot.calendars.ics import feed
from bot.calendars.ics.events import read_feed
from bot.calendars.ics.feed import FeedGone, FeedRefused, Sender
from bot.calendars.model import Event
from bot.calendars.policy import DEFAULT, Policy, pause_s, retry_s
from bot.calendars.reconcile import reconcile
from bot.clock import Clock
from bot.egress.addresses import AddressRefused
from bot.errors import BotError, Unavailable
from bot.log import get_log
from bot.store import calendar_events, calendars
from bot.store.calendars import Calendar
from bot.store.session import Database
from bot.vault import BadKeyFile, SecretUnreadable, Vault

log = get_log(__name__)


class Keeper:
    def __init__(
        self,
        database: Database,
        vault: Vault,
        sender: Sender,
        *,
        clock: Clock,
        policy: Policy = DEFAULT,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._database, self._vault, self._sender = database, vault, sender
        self._clock, self._policy, self._chance = clock, policy, chance

    async def run(self) -> None:
        """Until cancelled. A database that is away is waited for."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._repeat(self.sync_due, self._policy.poll_s), name="sync")
            group.create_task(self._repeat(self.settle, self._policy.settle_s), name="settle")
            group.create_task(self._repeat(self.prune, self._policy.prune_s), name="prune")

    async def sync_due(self) -> int:
        """Read every calendar that is due, once; returns how many."""
        now = self._clock.now()
        async with self._database.read() as session:
            if not await calendars.any_due(session, now=now):
                return 0
        async with self._database.write() as session:
            policy = self._policy
            due = await calendars.take(session, now=now, hide_s=policy.hide_s, limit=policy.concurrency)
        async with asyncio.TaskGroup() as group:
            for calendar in due:
                group.create_task(self.sync(calendar), name=f"sync {calendar.id}")
        return len(due)

    async def sync(self, calendar: Calendar) -> None:
        """Read one calendar and do what follows; what goes wrong is written down with it."""
        try:
            address = self._vault.open(calendar.sealed_secret, place=calendars.place(calendar.id))
            known = calendar.cursor if self._is_fresh(calendar) else {}
            fetched = await feed.fetch(self._sender, address, known)
            events = None if fetched.text is None else await self._events(calendar, fetched.text)
            cursor = fetched.cursor if events is None else {**fetched.cursor, "read_at": self._clock.now().isoformat()}
            if events is None:
                cursor = {**cursor, "read_at": calendar.cursor.get("read_at")}
            await self._keep(calendar, events, cursor)
        except (Unavailable, AddressRefused, SecretUnreadable, BadKeyFile) as error:
            await self._note(calendar, error)

    def _is_fresh(self, calendar: Calendar) -> bool:
        """Was it read whole lately? Else it is asked for whatever has changed: the window has moved."""
        read_at = calendar.cursor.get("read_at")
        if read_at is None:
            return False
        return self._clock.now() - datetime.fromisoformat(read_at) < timedelta(seconds=self._policy.whole_s)

    async def _events(self, calendar: Calendar, text: str) -> list[Event]:
        now, policy = self._clock.now(), self._policy
        window = {"begin": now - policy.behind, "end": now + policy.ahead}
        return await asyncio.to_thread(read_feed, text, calendar_id=calendar.id, owner=calendar.owner, **window)

    async def _keep(self, calendar: Calendar, events: list[Event] | None, cursor: dict[str, object]) -> None:
        now = self._clock.now()
        fresh = None if events is None else [shape.stored(event) for event in events]
        next_at = now + timedelta(seconds=pause_s(self._policy, self._chance()))
        mine = {"workspace_id": calendar.workspace_id, "now": now}
        async with self._database.write() as session:
            if fresh is not None:
                await calendar_events.replace_all(session, calendar_id=calendar.id, events=fresh, **mine)
            await calendars.synced(session, calendar.id, cursor=cursor, next_sync_at=next_at, now=now)
            done = await reconcile(session, calendar.workspace_id, now=now)
        told = {"made": done.made, "moved": done.moved, "withdrawn": done.withdrawn, "decisions": done.decisions}
        log.info("calendar read", calendar_id=calendar.id, events=None if fresh is None else len(fresh), **told)

    async def _note(self, calendar: Calendar, error: BotError) -> None:
        policy, failures = self._policy, calendar.failures + 1
        gone = isinstance(error, FeedGone) and failures >= policy.gone_after
        hopeless = gone or isinstance(error, FeedRefused | AddressRefused)
        after_s = retry_s(policy, calendar.failures, error.fields.get("asked_s"))
        log.warning("a calendar cannot be read", calendar_id=calendar.id, code=error.code, failures=failures)
        async with self._database.write() as session:
            await calendars.failed(
                session,
                calendar,
                code=error.code,
                detail=str(error),
                next_sync_at=self._clock.now() + timedelta(seconds=after_s),
                hopeless=hopeless,
            )

    async def settle(self) -> None:
        """See what became of the bots, and make those whose turn has come."""
        async with self._database.read() as session:
            wanting = await calendars.workspaces_with(session)
        for workspace_id in wanting:
            async with self._database.write() as session:
                await reconcile(session, workspace_id, now=self._clock.now())

    async def prune(self) -> int:
        """Forget what is long over."""
        async with self._database.write() as session:
            return await calendar_events.forget(session, ended_before=self._clock.now() - self._policy.keep)

    async def _repeat(self, step: Callable[[], Awaitable[object]], pause_s: float) -> None:
        while True:
            try:
                await step()
            except Unavailable as error:
                log.warning("the keeper of calendars has to wait", code=error.code)
            await self._clock.sleep(pause_s)
