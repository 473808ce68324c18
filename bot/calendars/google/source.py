"""A Google calendar as a source of events, and the channel by which Google tells us that it has changed.

Google knows no list of channels and no renewal: the rows are the only record, each is written before Google is asked,
and before one ends another is opened.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

from bot.calendars import channels, grants, windows
from bot.calendars.google.client import Google, GoogleRefuses
from bot.calendars.google.events import event_of
from bot.calendars.grants import Grant
from bot.calendars.policy import Policy
from bot.calendars.sources import Read
from bot.calendars.windows import CalendarGone
from bot.errors import Unavailable
from bot.log import get_log
from bot.store import calendar_channels
from bot.store.calendar_channels import Channel
from bot.store.calendars import Calendar
from bot.store.session import Database
from bot.store.tables import new_id
from bot.vault import Vault

log = get_log(__name__)

RENEW = timedelta(hours=26)  # before a channel ends
TTL_S = 7 * 24 * 3600
NOTICES_PATH = "/calendars/google/notices"
SYNC = "sync"  # X-Goog-Resource-State of the first message, which says that the channel is open and nothing else


class GoogleSource:
    def __init__(
        self,
        google: Google,
        database: Database,
        vault: Vault,
        *,
        public_url: str = "",
        own_hosts: Collection[str] = (),
    ) -> None:
        """`public_url`: where the API is reached from outside; empty: Google cannot tell us, and we ask. `own_hosts`:
        of the operator's own meeting servers."""
        self._google, self._database, self._vault = google, database, vault
        self._public_url = public_url.rstrip("/")
        self._event_of = partial(event_of, own_hosts=own_hosts)

    async def read(self, calendar: Calendar, secret: str, *, now: datetime, policy: Policy) -> Read:
        grant = await self._open(calendar, secret)
        if self._public_url:
            await self._keep_channel(calendar, grant, now)
        return await windows.read(self._google, self._event_of, calendar, grant, now=now, policy=policy)

    async def close(self, calendar: Calendar, secret: str) -> None:
        """Google stops telling us of it."""
        async with self._database.read() as session:
            known = await calendar_channels.of(session, calendar.id)
        opened = [(one.id, one.resource_id) for one in known if one.resource_id]
        grant = await self._open(calendar, secret) if opened else None
        for channel_id, resource_id in opened:
            assert grant is not None
            await self._google.stop(grant, channel_id=channel_id, resource_id=resource_id)

    async def _open(self, calendar: Calendar, secret: str) -> Grant:
        return await grants.opened(self._google, calendar, secret, database=self._database, vault=self._vault)

    async def _keep_channel(self, calendar: Calendar, grant: Grant, now: datetime) -> None:
        """One that lasts; those that end soon are stopped once another is open. What fails is tried at the next read:
        meanwhile the calendar is asked every few minutes."""
        async with self._database.read() as session:
            known = await calendar_channels.of(session, calendar.id)
        lasting = [one for one in known if one.expires_at is not None and one.expires_at > now + RENEW]
        if lasting:
            return
        token, channel_id = channels.new_token(), new_id()
        mine = {"workspace_id": calendar.workspace_id, "calendar_id": calendar.id}
        async with self._database.write() as session:
            await calendar_channels.create(session, channel_id, token_sha256=channels.hashed(token), now=now, **mine)
        address = f"{self._public_url}{NOTICES_PATH}"
        try:
            opened = await self._google.watch(
                grant, calendar.shown_address, channel_id=channel_id, token=token, address=address, ttl_s=TTL_S
            )
        except (GoogleRefuses, CalendarGone) as error:
            log.warning("no channel can be opened", calendar_id=calendar.id, code=error.code)
            await self._forget([channel_id])
            return
        expires_at = datetime.fromtimestamp(opened.expires_ms / 1000, UTC)
        async with self._database.write() as session:
            await calendar_channels.opened(session, channel_id, resource_id=opened.resource_id, expires_at=expires_at)
        await self._stop(known, grant)

    async def _stop(self, known: Sequence[Channel], grant: Grant) -> None:
        for channel in known:
            try:
                if channel.resource_id:
                    await self._google.stop(grant, channel_id=channel.id, resource_id=channel.resource_id)
            except Unavailable as error:
                log.info("a channel runs out by itself", channel_id=channel.id, code=error.code)
        await self._forget([channel.id for channel in known])

    async def _forget(self, channel_ids: list[str]) -> None:
        async with self._database.write() as session:
            await calendar_channels.forget(session, channel_ids)


def is_from_google(channel: Channel | None, headers: Mapping[str, str]) -> bool:
    """Does a message carry the secret of its channel?"""
    return channels.is_opened_by(channel, headers.get("X-Goog-Channel-Token", ""))
