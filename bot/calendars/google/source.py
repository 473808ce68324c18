"""A Google calendar as a source of events, and the channel by which Google tells us that it has changed.

Google knows no list of channels and no renewal: the rows are the only record, each is written before Google is asked,
and before one ends another is opened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.calendars import channels
from bot.calendars.accounts import AccountSource
from bot.calendars.google.client import Google
from bot.calendars.google.events import event_of
from bot.calendars.grants import Grant, GrantRevoked
from bot.errors import Unavailable
from bot.log import get_log
from bot.store.calendar_channels import Channel
from bot.store.calendars import Calendar

log = get_log(__name__)

RENEW = timedelta(hours=26)  # before a channel ends
TTL_S = 7 * 24 * 3600
NOTICES_PATH = "/calendars/google/notices"
SYNC = "sync"  # X-Goog-Resource-State of the first message, which says that the channel is open and nothing else


class GoogleSource(AccountSource[Google]):
    event_of = staticmethod(event_of)
    notices_path = NOTICES_PATH

    async def _keep_told(self, calendar: Calendar, grant: Grant, now: datetime) -> None:
        """Those that end soon are stopped once another is open."""
        known = await self._channels(calendar)
        if any(one.expires_at is not None and one.expires_at > now + RENEW for one in known):
            return
        await self._forget([one.id for one in known if one.resource_id is None])  # one whose answer never came
        channel_id, token = await self._write_down(calendar, now)
        asked: dict[str, Any] = {"token": token, "address": self._address, "ttl_s": TTL_S}
        try:
            opened = await self._account.watch(grant, calendar.shown_address, channel_id=channel_id, **asked)
        except GrantRevoked:
            raise
        except Unavailable as error:  # it may be open all the same: its row stays until the next try
            log.warning("no channel can be opened", calendar_id=calendar.id, code=error.code)
            return
        expires_at = datetime.fromtimestamp(opened.expires_ms / 1000, UTC)
        await self._opened(channel_id, resource_id=opened.resource_id, expires_at=expires_at)
        await self._stop(known, grant)

    async def _stop(self, known: Sequence[Channel], grant: Grant) -> None:
        for channel in known:
            try:
                if channel.resource_id:
                    await self._end(channel, grant)
            except Unavailable as error:
                log.info("a channel runs out by itself", channel_id=channel.id, code=error.code)
        await self._forget([channel.id for channel in known])

    async def _end(self, channel: Channel, grant: Grant) -> None:
        await self._account.stop(grant, channel_id=channel.id, resource_id=channel.resource_id or "")


def is_from_google(channel: Channel | None, headers: Mapping[str, str]) -> bool:
    """Does a message carry the secret of its channel?"""
    return channels.is_opened_by(channel, headers.get("X-Goog-Channel-Token", ""))
