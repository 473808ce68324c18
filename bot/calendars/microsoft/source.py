"""A Microsoft calendar as a source of events, and the subscription by which Graph tells us that it has changed.

A subscription's row is written before Graph is asked, which tries our address out before it answers. It is renewed
well before it ends, each at a time of its own, and made anew where Graph has dropped it. Each notice carries the row's
id and its secret as one `clientState`: so a notice is known also while the answer is still on its way.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from bot.calendars import channels, grants, windows
from bot.calendars.grants import BadRegistration, Grant, GrantRevoked
from bot.calendars.microsoft.client import AlreadySubscribed, Microsoft, Subscription, events_of
from bot.calendars.microsoft.events import event_of
from bot.calendars.policy import Policy
from bot.calendars.sources import Read
from bot.calendars.windows import CalendarGone
from bot.errors import Unavailable
from bot.log import get_log
from bot.store import calendar_channels
from bot.store.calendar_channels import Channel
from bot.store.calendars import Calendar
from bot.store.session import Database, DatabaseUnavailable
from bot.store.tables import new_id
from bot.vault import Vault

log = get_log(__name__)

LASTS = timedelta(days=6, hours=20)  # graph/api/resources/subscription: an event's, under seven days
RENEW = timedelta(hours=36)  # before it ends, and up to a third earlier
NOTICES_PATH = "/calendars/microsoft/notices"
_ID = re.compile(r"[0-9A-Za-z-]{1,64}", re.ASCII)


class MicrosoftSource:
    def __init__(
        self,
        microsoft: Microsoft,
        database: Database,
        vault: Vault,
        *,
        public_url: str = "",
        own_hosts: Collection[str] = (),
    ) -> None:
        """`public_url`: where the API is reached from outside; empty: Graph cannot tell us, and we ask. `own_hosts`:
        of the operator's own meeting servers."""
        self._microsoft, self._database, self._vault = microsoft, database, vault
        self._address = f"{public_url.rstrip('/')}{NOTICES_PATH}" if public_url else ""
        self._event_of = partial(event_of, own_hosts=own_hosts)

    async def read(self, calendar: Calendar, secret: str, *, now: datetime, policy: Policy) -> Read:
        grant = await self._open(calendar, secret)
        if self._address:
            await self._keep_told(calendar, grant, now)
        return await windows.read(self._microsoft, self._event_of, calendar, grant, now=now, policy=policy)

    async def close(self, calendar: Calendar, secret: str) -> None:
        """Graph stops telling us of it."""
        async with self._database.read() as session:
            known = await calendar_channels.of(session, calendar.id)
        subscribed = [one.resource_id for one in known if one.resource_id]
        grant = await self._open(calendar, secret) if subscribed else None
        for subscription_id in subscribed:
            assert grant is not None
            await self._microsoft.unsubscribe(grant, subscription_id)

    async def _open(self, calendar: Calendar, secret: str) -> Grant:
        return await grants.opened(self._microsoft, calendar, secret, database=self._database, vault=self._vault)

    async def _keep_told(self, calendar: Calendar, grant: Grant, now: datetime) -> None:
        """What fails is tried at the next read: meanwhile the calendar is asked every few minutes."""
        async with self._database.read() as session:
            known = await calendar_channels.of(session, calendar.id)
        if any(_lasts(one, now) for one in known):
            return
        try:
            if not await self._renew(known, grant, now):
                await self._subscribe(calendar, grant, now)
        except (GrantRevoked, BadRegistration, DatabaseUnavailable):
            raise
        except Unavailable as error:
            log.warning("Microsoft does not tell us of a calendar", calendar_id=calendar.id, code=error.code)

    async def _renew(self, known: list[Channel], grant: Grant, now: datetime) -> bool:
        """Is there one that lasts again?"""
        for channel in known:
            try:
                if channel.resource_id:
                    renewed = await self._microsoft.renew(grant, channel.resource_id, until=now + LASTS)
                    await self._note(channel.id, renewed)
                    return True
            except CalendarGone:  # it ended, or was dropped
                pass
            await self._forget([channel.id])
        return False

    async def _subscribe(self, calendar: Calendar, grant: Grant, now: datetime) -> None:
        token, channel_id = channels.new_token(), new_id()
        mine = {"workspace_id": calendar.workspace_id, "calendar_id": calendar.id}
        async with self._database.write() as session:
            await calendar_channels.create(session, channel_id, token_sha256=channels.hashed(token), now=now, **mine)
        asked: dict[str, Any] = {"address": self._address, "secret": f"{channel_id}.{token}", "until": now + LASTS}
        name = calendar.shown_address
        try:
            try:
                made = await self._microsoft.subscribe(grant, name, **asked)
            except AlreadySubscribed:
                await self._unsubscribe_lost(grant, events_of(name))
                made = await self._microsoft.subscribe(grant, name, **asked)
        except Unavailable:
            await self._forget([channel_id])
            raise
        await self._note(channel_id, made)

    async def _unsubscribe_lost(self, grant: Grant, resource: str) -> None:
        """Those of this calendar whose answer never came to us, so that nobody knows their secret. What another row
        has, such as one of another workspace, is left to it."""
        mine = [
            one.id
            for one in await self._microsoft.subscriptions(grant)
            if one.address == self._address and one.resource.lstrip("/").casefold() == resource.casefold()
        ]
        async with self._database.read() as session:
            had = await calendar_channels.with_resources(session, mine)
        for subscription_id in mine:
            if subscription_id not in had:
                await self._microsoft.unsubscribe(grant, subscription_id)

    async def _note(self, channel_id: str, told: Subscription) -> None:
        async with self._database.write() as session:
            await calendar_channels.opened(session, channel_id, resource_id=told.id, expires_at=told.expires_at)

    async def _forget(self, channel_ids: list[str]) -> None:
        async with self._database.write() as session:
            await calendar_channels.forget(session, channel_ids)


def _lasts(channel: Channel, now: datetime) -> bool:
    """Not all are renewed at once: what was made together ends together."""
    earlier = RENEW / 3 * (int(channel.token_sha256[:4], 16) / 0xFFFF)
    return channel.expires_at is not None and channel.expires_at > now + RENEW + earlier


def is_from_microsoft(channel: Channel | None, state: str) -> bool:
    """Does a notice's `clientState` carry the secret of its channel?"""
    return channels.is_opened_by(channel, state.partition(".")[2])


def channel_of(state: str) -> str:
    """Which channel a `clientState` names; empty for what names none."""
    named = state.partition(".")[0]
    return named if _ID.fullmatch(named) else ""
