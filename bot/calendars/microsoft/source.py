"""A Microsoft calendar as a source of events, and the subscription by which Graph tells us that it has changed.

A subscription's row is written before Graph is asked, which tries our address out before it answers. It is renewed
well before it ends, each at a time of its own, and made anew where Graph has dropped it. Each notice carries the row's
id and its secret as one `clientState`: so a notice is known also while the answer is still on its way.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from bot.calendars import channels
from bot.calendars.accounts import AccountSource
from bot.calendars.grants import BadRegistration, Grant, GrantRevoked
from bot.calendars.microsoft.client import AlreadySubscribed, Microsoft, Subscription, events_of
from bot.calendars.microsoft.events import event_of
from bot.calendars.windows import CalendarGone
from bot.errors import Unavailable
from bot.log import get_log
from bot.store import calendar_channels
from bot.store.calendar_channels import Channel
from bot.store.calendars import Calendar
from bot.store.session import DatabaseUnavailable

log = get_log(__name__)

LASTS = timedelta(days=6, hours=20)  # graph/api/resources/subscription: an event's, under seven days
RENEW = timedelta(hours=36)  # before it ends, and up to a third earlier
NOTICES_PATH = "/calendars/microsoft/notices"
_ID = re.compile(r"[0-9A-Za-z-]{1,64}", re.ASCII)


class MicrosoftSource(AccountSource[Microsoft]):
    event_of = staticmethod(event_of)
    notices_path = NOTICES_PATH

    async def _keep_told(self, calendar: Calendar, grant: Grant, now: datetime) -> None:
        known = await self._channels(calendar)
        if any(_lasts(one, now) for one in known):
            return
        try:
            if not await self._renew(known, grant, now):
                await self._subscribe(calendar, grant, now)
        except (GrantRevoked, BadRegistration, DatabaseUnavailable):
            raise
        except Unavailable as error:
            log.warning("Microsoft does not tell us of a calendar", calendar_id=calendar.id, code=error.code)

    async def _end(self, channel: Channel, grant: Grant) -> None:
        await self._account.unsubscribe(grant, channel.resource_id or "")

    async def _renew(self, known: list[Channel], grant: Grant, now: datetime) -> bool:
        """Is there one that lasts again?"""
        for channel in known:
            try:
                if channel.resource_id:
                    renewed = await self._account.renew(grant, channel.resource_id, until=now + LASTS)
                    await self._note(channel.id, renewed)
                    return True
            except CalendarGone:  # it ended, or was dropped
                pass
            await self._forget([channel.id])
        return False

    async def _subscribe(self, calendar: Calendar, grant: Grant, now: datetime) -> None:
        channel_id, token = await self._write_down(calendar, now)
        asked: dict[str, Any] = {"address": self._address, "secret": f"{channel_id}.{token}", "until": now + LASTS}
        name = calendar.shown_address
        try:
            try:
                made = await self._account.subscribe(grant, name, **asked)
            except AlreadySubscribed:
                await self._unsubscribe_lost(grant, events_of(name))
                made = await self._account.subscribe(grant, name, **asked)
        except Unavailable:
            await self._forget([channel_id])
            raise
        await self._note(channel_id, made)

    async def _unsubscribe_lost(self, grant: Grant, resource: str) -> None:
        """Those of this calendar whose answer never came to us, so that nobody knows their secret. What another row
        has, such as one of another workspace, is left to it."""
        mine = [
            one.id
            for one in await self._account.subscriptions(grant)
            if one.address == self._address and one.resource.lstrip("/").casefold() == resource.casefold()
        ]
        async with self._database.read() as session:
            had = await calendar_channels.with_resources(session, mine)
        for subscription_id in mine:
            if subscription_id not in had:
                await self._account.unsubscribe(grant, subscription_id)

    async def _note(self, channel_id: str, told: Subscription) -> None:
        await self._opened(channel_id, resource_id=told.id, expires_at=told.expires_at)


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
