"""The keeper: reads calendars when they are due, and looks after the bots made for them. Several may run side by side.

It has a process of its own: whatever a calendar's server does, no bot is launched later for it.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from bot.calendars import shape
from bot.calendars.grants import GrantRevoked
from bot.calendars.ics.feed import FeedGone
from bot.calendars.policy import DEFAULT, Policy, pause_s, retry_s
from bot.calendars.reconcile import reconcile
from bot.calendars.sources import Read, Source
from bot.clock import Clock
from bot.domain import webhook_events
from bot.egress.addresses import AddressRefused
from bot.errors import BotError, Unavailable
from bot.log import get_log
from bot.store import calendar_events, calendars, occurrences, webhook_deliveries
from bot.store.calendars import Calendar, UnknownCalendar
from bot.store.session import Database, DatabaseUnavailable, Session
from bot.vault import BadKeyFile, SecretUnreadable, Vault

log = get_log(__name__)


class NoSource(Unavailable):
    """This installation does not read calendars of this provider: its settings for it are missing. The calendar is read
    again once its operator has set them."""

    code = "no_source"


class CalendarBroken(Unavailable):
    """What this calendar holds could not be understood; our log says where. It is tried again."""

    code = "calendar_broken"


@dataclass(kw_only=True, slots=True)
class _Lanes:
    """What is being read now. Each provider has a lane of so many places, of which no workspace has the last: whatever
    server is slow, who is told of a change reads it at once, and so do others."""

    places: int
    reading: dict[asyncio.Task[None], Calendar] = field(default_factory=dict)

    def begin(self, task: asyncio.Task[None], calendar: Calendar) -> None:
        self.reading[task] = calendar
        task.add_done_callback(self.reading.pop)

    def is_full(self, provider: str) -> bool:
        return len(self._in(provider)) >= self.places

    def crowding(self, provider: str) -> list[str]:
        """The workspaces that have as many of its places as they may."""
        held = Counter(one.workspace_id for one in self._in(provider))
        return [workspace_id for workspace_id, count in held.items() if count >= max(1, self.places - 1)]

    def _in(self, provider: str) -> list[Calendar]:
        return [one for one in self.reading.values() if one.provider == provider]


class Keeper:
    def __init__(
        self,
        database: Database,
        vault: Vault,
        sources: Mapping[str, Source],
        *,
        clock: Clock,
        policy: Policy = DEFAULT,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """`sources`: by provider."""
        self._database, self._vault, self._sources = database, vault, sources
        self._clock, self._policy, self._chance = clock, policy, chance

    async def run(self) -> None:
        """Until cancelled. A database that is away is waited for."""
        async with asyncio.TaskGroup() as group:
            begin = partial(self._begin_due, group, _Lanes(places=self._policy.concurrency))
            group.create_task(self._repeat(begin, self._policy.poll_s), name="sync")
            group.create_task(self._repeat(self.close_left, self._policy.settle_s), name="close")
            group.create_task(self._repeat(self.settle, self._policy.settle_s), name="settle")
            group.create_task(self._repeat(self.let_go, self._policy.prune_s), name="let go")
            group.create_task(self._repeat(self.prune, self._policy.prune_s), name="prune")

    async def sync_due(self) -> int:
        """Read what is due, a few at once, and wait for all of them; returns how many."""
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

    async def _begin_due(self, group: asyncio.TaskGroup, lanes: _Lanes) -> None:
        """Have what is due read in `group`, as far as there is room."""
        now = self._clock.now()
        async with self._database.read() as session:
            providers = await calendars.providers_due(session, now=now)
        for provider in providers:
            while not lanes.is_full(provider):
                given: dict[str, Any] = {"provider": provider, "without": lanes.crowding(provider)}
                async with self._database.write() as session:
                    due = await calendars.take(session, now=now, hide_s=self._policy.hide_s, limit=1, **given)
                for calendar in due:
                    lanes.begin(group.create_task(self.sync(calendar), name=f"sync {calendar.id}"), calendar)
                if not due:
                    break

    async def sync(self, calendar: Calendar) -> None:
        """Read one calendar and do what follows; what goes wrong is written down with it, and is no other's matter."""
        try:
            await self._sync(calendar)
        except Unavailable as error:  # our own database: the calendar is due again when it has been hidden long enough
            log.warning("a calendar was not kept", calendar_id=calendar.id, code=error.code)
        except UnknownCalendar:
            log.info("a calendar was disconnected while it was read", calendar_id=calendar.id)

    async def _sync(self, calendar: Calendar) -> None:
        try:
            source, secret = self._opened(calendar)
            await self._keep(calendar, await source.read(calendar, secret, now=self._clock.now(), policy=self._policy))
        except (DatabaseUnavailable, UnknownCalendar):
            raise
        except (Unavailable, AddressRefused, SecretUnreadable, BadKeyFile) as error:
            await self._note(calendar, error)
        except Exception:  # what strangers publish may break what nobody thought of
            log.exception("a calendar could not be understood", calendar_id=calendar.id)
            await self._note(calendar, CalendarBroken())

    def _opened(self, calendar: Calendar) -> tuple[Source, str]:
        """Raises NoSource, SecretUnreadable, BadKeyFile."""
        source = self._sources.get(calendar.provider)
        if source is None:
            raise NoSource
        return source, self._vault.open(calendar.sealed_secret, place=calendars.place(calendar.id))

    async def _keep(self, calendar: Calendar, read: Read) -> None:
        now = self._clock.now()
        fresh = None if read.events is None else [shape.stored(event) for event in read.events]
        next_at = now + timedelta(seconds=pause_s(self._policy, self._chance()))
        mine: dict[str, Any] = {"workspace_id": calendar.workspace_id, "now": now}
        async with self._database.write() as session:
            if await self._is_overtaken(session, calendar):
                return
            if fresh is not None:
                await calendar_events.replace_all(session, calendar_id=calendar.id, events=fresh, **mine)
            await calendars.synced(session, calendar, now=now, cursor=read.cursor, next_sync_at=next_at)
            done = await reconcile(session, calendar.workspace_id, now=now)
            if done.decisions:
                await self._tell(session, calendar, webhook_events.CALENDAR_CHANGED, {"decisions": done.decisions})
        log.info(
            "calendar read",
            calendar_id=calendar.id,
            events=None if fresh is None else len(fresh),
            made=done.made,
            moved=done.moved,
            withdrawn=done.withdrawn,
            decisions=done.decisions,
        )

    async def _note(self, calendar: Calendar, error: BotError) -> None:
        policy, failures = self._policy, calendar.failures + 1
        gone = isinstance(error, FeedGone) and failures >= policy.gone_after
        hopeless = gone or (isinstance(error, Unavailable | AddressRefused) and not error.retryable)
        after_s = retry_s(policy, calendar.failures, error.fields.get("asked_s"))
        log.warning("a calendar cannot be read", calendar_id=calendar.id, code=error.code, failures=failures)
        async with self._database.write() as session:
            if await self._is_overtaken(session, calendar):
                return
            await calendars.failed(
                session,
                calendar,
                code=error.code,
                detail=str(error),
                next_sync_at=self._clock.now() + timedelta(seconds=after_s),
                hopeless=hopeless,
            )
            if hopeless:
                await self._tell(session, calendar, webhook_events.CALENDAR_NEEDS_ACTION, {"code": error.code})
            if isinstance(error, GrantRevoked):
                await self._take_back(session, calendar)

    async def _take_back(self, session: Session, calendar: Calendar) -> None:
        """The bots of a calendar that is read no more: nobody would tell us that a meeting is off."""
        now, workspace_id = self._clock.now(), calendar.workspace_id
        mine: dict[str, Any] = {"workspace_id": workspace_id, "calendar_id": calendar.id}
        await calendar_events.replace_all(session, events=(), now=now, **mine)
        await calendars.forget_cursor(session, calendar.id)
        await reconcile(session, workspace_id, now=now)

    async def _is_overtaken(self, session: Session, calendar: Calendar) -> bool:
        """Has somebody read it, changed it or connected it anew since it was taken to be read here? What was found is
        of before, so it is read once more. Nobody overtakes until the transaction ends. Raises UnknownCalendar."""
        await occurrences.lock_workspace(session, calendar.workspace_id)
        now_is = await calendars.get(session, calendar.id, workspace_id=calendar.workspace_id)
        if (now_is.synced_at, now_is.updated_at) == (calendar.synced_at, calendar.updated_at):
            return False
        log.info("a calendar was read or changed by others meanwhile", calendar_id=calendar.id)
        await calendars.all_due_now(session, [calendar.id], now=self._clock.now())
        return True

    async def _tell(self, session: Session, calendar: Calendar, event_type: str, data: dict[str, object]) -> None:
        """The workspace's own servers."""
        told = {"calendar_id": calendar.id, **data}
        await webhook_deliveries.tell_all(
            session, workspace_id=calendar.workspace_id, event_type=event_type, data=told, now=self._clock.now()
        )

    async def settle(self) -> None:
        """See what became of the bots, and make those whose turn has come."""
        async with self._database.read() as session:
            wanting = await calendars.workspaces_with(session)
        for workspace_id in wanting:
            try:
                async with self._database.write() as session:
                    await reconcile(session, workspace_id, now=self._clock.now())
            except Unavailable:
                raise
            except Exception:  # one workspace's events are no other's matter
                log.exception("a workspace's calendars could not be settled", workspace_id=workspace_id)

    async def close_left(self) -> int:
        """Have providers stop telling us of calendars that were disconnected, and drop those; returns how many."""
        now, policy = self._clock.now(), self._policy
        async with self._database.read() as session:
            if not await calendars.any_due(session, now=now, state=calendars.LEAVING):
                return 0
        async with self._database.write() as session:
            given: dict[str, Any] = {"hide_s": policy.hide_s, "limit": policy.concurrency}
            left = await calendars.take(session, now=now, state=calendars.LEAVING, **given)
        return sum([await self._close(calendar) for calendar in left])

    async def _close(self, calendar: Calendar) -> bool:
        try:
            source, secret = self._opened(calendar)
            await source.close(calendar, secret)
        except (Unavailable, AddressRefused, SecretUnreadable, BadKeyFile) as error:
            log.info("a provider could not be told to stop", calendar_id=calendar.id, code=error.code)
            if error.retryable and calendar.failures + 1 < self._policy.close_tries:
                later = self._clock.now() + timedelta(seconds=retry_s(self._policy, calendar.failures, None))
                async with self._database.write() as session:
                    await calendars.put_off(session, calendar, next_at=later)
                return False
        except Exception:  # what the provider has still to tell us it tells nobody: its channel runs out
            log.exception("a provider could not be told to stop", calendar_id=calendar.id)
        async with self._database.write() as session:
            await calendars.drop(session, calendar.id)
        return True

    async def let_go(self) -> int:
        """Take back the bots of calendars that have waited for their owner for too long; returns of how many."""
        before, done = self._clock.now() - self._policy.trust, 0
        async with self._database.read() as session:
            unread = await calendars.not_read_since(session, before)
        for calendar in unread:
            try:
                done += await self._let_go(calendar, before)
            except Unavailable:
                raise
            except Exception:  # one workspace's events are no other's matter
                log.exception("a calendar could not be let go", calendar_id=calendar.id)
        return done

    async def _let_go(self, calendar: Calendar, before: datetime) -> bool:
        async with self._database.write() as session:
            await occurrences.lock_workspace(session, calendar.workspace_id)
            if calendar.id not in {one.id for one in await calendars.not_read_since(session, before)}:
                return False  # its owner has just done what was needed
            await self._take_back(session, calendar)
        log.warning("what a calendar said is too old to go by", calendar_id=calendar.id, code=calendar.code)
        return True

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
