"""What providers send when a calendar has changed: from outside, without a key, and answered at once.

A message carries its channel's secret; one that does not is answered all the same and costs nothing. It makes its
calendar due, and the keeper reads it: many messages of one change make one read, and those that come while something is
written are written together.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, ClassVar

from aiohttp import web

from bot.api import bodies
from bot.calendars.fields import fields, items, text
from bot.calendars.google import source as google
from bot.calendars.google.client import GoogleLimited
from bot.calendars.microsoft import source as microsoft
from bot.calendars.microsoft.client import MicrosoftLimited
from bot.clock import Clock
from bot.domain.figures import Observation
from bot.errors import Unavailable
from bot.log import get_log
from bot.store import calendar_channels, calendars, counters
from bot.store.calendar_channels import Channel, Told
from bot.store.session import Database, DatabaseUnavailable
from bot.store.tables import new_id

log = get_log(__name__)

SOON = timedelta(seconds=1)
TELL_EVERY_S = 60.0
MOST_BYTES, MOST_NOTICES = 1024 * 1024, 2000
LONGEST_TOKEN = 4096
LONGEST_ID = 36  # of a channel
SLOWER = frozenset({GoogleLimited.code, MicrosoftLimited.code})
"""Who asks us to be slower goes on telling us of changes: they wait for the time that was asked for."""


@dataclass(eq=False)
class _Batch:
    """Calendars that are to be made due in one transaction, whoever of those who wait makes it."""

    calendar_ids: set[str] = field(default_factory=set)
    written: bool = False
    failed: bool = False


class Notices:
    """Shared: whose message it is, and what follows."""

    provider: ClassVar[str]

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock
        self.forged = 0  # messages without the secret of a channel
        self._counted = 0  # of them those that metrics have
        self._told_at_s = -TELL_EVERY_S
        self._batch, self._writing = _Batch(), asyncio.Lock()

    def add_to(self, router: web.UrlDispatcher) -> None:
        raise NotImplementedError

    def _note_forged(self, count: int) -> None:
        """Anybody may send them, as many as they like: the log has a line a minute and how many there were."""
        self.forged += count
        now_s = self._clock.monotonic_s()
        if now_s - self._told_at_s >= TELL_EVERY_S:
            self._told_at_s = now_s
            log.warning("messages without the secret of their channel", forged=self.forged)

    async def count_up(self) -> None:
        """Write down how many were forged since the last time. Not as they come: they are to cost nothing. Raises
        DatabaseUnavailable: they are counted the next time."""
        forged = self.forged
        if forged == self._counted:
            return
        seen = Observation(figure="calendar_notices_forged", labels=(self.provider,), value=forged - self._counted)
        counted, self._counted = self._counted, forged  # who comes meanwhile does not count them, too
        try:
            async with self._database.write() as session:
                await counters.add(session, [seen], shard_of=new_id())
        except BaseException:
            self._counted -= forged - counted
            raise

    async def _find(self, channel_ids: Sequence[str]) -> dict[str, Told]:
        """Those there are, by id. What names none of ours is not looked for."""
        channel_ids = [one for one in channel_ids if 0 < len(one) <= LONGEST_ID]
        if not channel_ids:
            return {}
        async with self._database.read() as session:
            soon = self._clock.now() + SOON
            return await calendar_channels.find_told(session, channel_ids, soon=soon, without=SLOWER)

    async def _make_due(self, told: Iterable[Told]) -> None:
        """The calendars of these; of a burst of messages all but the first find none that waits. A database that does
        not answer is waited for once for all who wait: one by one they would outlast it, and those behind them more.
        Raises DatabaseUnavailable: the provider tells again."""
        calendar_ids = {one.channel.calendar_id for one in told if one.waits}
        if not calendar_ids:
            return
        batch = self._batch
        batch.calendar_ids |= calendar_ids
        async with self._writing:
            if batch.written:
                return  # by somebody who waited before
            if batch.failed:
                raise DatabaseUnavailable
            if batch is self._batch:
                self._batch = _Batch()
            try:
                async with self._database.write() as session:
                    await calendars.all_due_now(session, sorted(batch.calendar_ids), now=self._clock.now())
            except Unavailable:
                batch.failed = True
                raise
            batch.written = True


class GoogleNotices(Notices):
    """developers.google.com/workspace/calendar/api/guides/push: headers alone, the body is empty."""

    provider = "google"

    def add_to(self, router: web.UrlDispatcher) -> None:
        router.add_post(google.NOTICES_PATH, self._notice)

    async def _notice(self, request: web.Request) -> web.Response:
        channel_id = request.headers.get("X-Goog-Channel-ID", "")
        told = (await self._find([channel_id])).get(channel_id)
        if told is None or not google.is_from_google(told.channel, request.headers):
            self._note_forged(1)
        elif request.headers.get("X-Goog-Resource-State") != google.SYNC:
            await self._make_due([told])
        return web.Response()


RENEW, ANEW, LOST = "renew", "anew", "lost"
LIFECYCLE = {  # learn.microsoft.com/graph/change-notifications-lifecycle-events
    "reauthorizationRequired": RENEW,  # a renewal authorises anew, too
    "subscriptionRemoved": LOST,  # another one is made, and everything read
    "missed": ANEW,
}


class MicrosoftNotices(Notices):
    """learn.microsoft.com/graph/change-notifications-delivery-webhooks: many notices in one message, of several
    subscriptions; each is judged by itself."""

    provider = "microsoft"

    def add_to(self, router: web.UrlDispatcher) -> None:
        router.add_post(microsoft.NOTICES_PATH, self._notice)

    async def _notice(self, request: web.Request) -> web.Response:
        """Raises bodies.ERRORS."""
        token = request.query.get("validationToken")
        if token is not None:  # our address is tried out: said back as it is, and as text alone
            return web.Response(text=token[:LONGEST_TOKEN], content_type="text/plain", charset="utf-8")
        notices = await _read(request)
        states = [text(one.get("clientState")) for one in notices]
        of: dict[str | None, list[Told]] = {what: [] for what in (RENEW, ANEW, LOST, None)}
        known = await self._find(sorted(set(map(microsoft.channel_of, states))))
        for notice, state in zip(notices, states, strict=True):
            told = known.get(microsoft.channel_of(state))
            if told is not None and microsoft.is_from_microsoft(told.channel, state):
                of[LIFECYCLE.get(text(notice.get("lifecycleEvent")))].append(told)
        forged = len(notices) - sum(map(len, of.values()))
        if forged:
            self._note_forged(forged)
        await self._care({what: [told.channel for told in those] for what, those in of.items()})
        await self._make_due([*of[None], *of[RENEW]])
        return web.Response(status=202)

    async def _care(self, of: Mapping[str | None, Sequence[Channel]]) -> None:
        """What Graph asks of subscriptions themselves."""
        now = self._clock.now()
        if of[RENEW] or of[ANEW] or of[LOST]:
            log.info("subscriptions need care", renew=len(of[RENEW]), anew=len(of[ANEW]), lost=len(of[LOST]))
            anew = sorted({channel.calendar_id for channel in (*of[ANEW], *of[LOST])})
            async with self._database.write() as session:
                await calendar_channels.end(session, [channel.id for channel in of[RENEW]], now=now)
                await calendar_channels.forget(session, [channel.id for channel in of[LOST]])
                await calendars.read_anew(session, anew, now=now)


async def _read(request: web.Request) -> list[Mapping[str, Any]]:
    """Raises bodies.ERRORS; what is no message holds no notices."""
    raw = await bodies.read(request, MOST_BYTES)
    try:
        said = json.loads(raw)
    except (ValueError, RecursionError):
        return []
    return [fields(one) for one in items(fields(said).get("value"))[:MOST_NOTICES]]
