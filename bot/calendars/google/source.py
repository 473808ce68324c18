"""A Google calendar as a source of events, and the channel by which Google tells us that it has changed.

The sync token says whether anything changed, the listing of the window says what: a listing that goes by tokens alone
does not move on with time. Google knows no list of channels and no renewal: the rows are the only record, each is
written before Google is asked, and before one ends another is opened.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.calendars.google.client import CalendarGone, Google, GoogleRefuses, Grant, TokenDead
from bot.calendars.google.events import event_of
from bot.calendars.policy import Policy
from bot.calendars.sources import Read, read_lately
from bot.errors import Unavailable
from bot.log import get_log
from bot.store import calendar_channels
from bot.store.calendar_channels import Channel
from bot.store.calendars import Calendar
from bot.store.session import Database
from bot.store.tables import new_id

log = get_log(__name__)

WHOLE_S = 3600.0  # the window is listed this often, changed or not
RENEW = timedelta(hours=26)  # before a channel ends
TTL_S = 7 * 24 * 3600
NOTICES_PATH = "/calendars/google/notices"
SYNC = "sync"  # X-Goog-Resource-State of the first message, which says that the channel is open and nothing else


class GoogleSource:
    def __init__(
        self, google: Google, database: Database, *, public_url: str = "", own_hosts: Collection[str] = ()
    ) -> None:
        """`public_url`: where the API is reached from outside; empty: Google cannot tell us, and we ask. `own_hosts`:
        of the operator's own meeting servers."""
        self._google, self._database, self._public_url = google, database, public_url.rstrip("/")
        self._own_hosts = own_hosts

    async def read(self, calendar: Calendar, secret: str, *, now: datetime, policy: Policy) -> Read:
        grant = await self._google.access(secret)
        name = calendar.shown_address
        if self._public_url:
            await self._keep_channel(calendar, grant, now)
        token = str(calendar.cursor.get("sync_token") or "")
        changed = True
        if token:
            try:
                changed, token = await self._google.changed(grant, name, token)
            except TokenDead:
                token = ""
        token = token or await self._google.first_token(grant, name, now - policy.behind)
        read_at = calendar.cursor.get("read_at")
        if not changed and read_lately(calendar.cursor, now=now, within_s=WHOLE_S):
            return _read(None, token, read_at, grant)
        items = await self._google.window(grant, name, now - policy.behind, now + policy.ahead)
        made = (event_of(item, calendar_id=calendar.id, own_hosts=self._own_hosts) for item in items)
        found = [event for event in made if event is not None]
        return _read(found, token, now.isoformat(), grant)

    async def _keep_channel(self, calendar: Calendar, grant: Grant, now: datetime) -> None:
        """One that lasts; those that end soon are stopped once another is open. What fails is tried at the next read:
        meanwhile the calendar is asked every few minutes."""
        async with self._database.read() as session:
            known = await calendar_channels.of(session, calendar.id)
        lasting = [one for one in known if one.expires_at is not None and one.expires_at > now + RENEW]
        if lasting:
            return
        token, channel_id = secrets.token_urlsafe(32), new_id()
        mine = {"workspace_id": calendar.workspace_id, "calendar_id": calendar.id, "token_sha256": hashed(token)}
        async with self._database.write() as session:
            await calendar_channels.create(session, channel_id, now=now, **mine)
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

    async def _stop(self, channels: list[Channel], grant: Grant) -> None:
        for channel in channels:
            try:
                if channel.resource_id:
                    await self._google.stop(grant, channel_id=channel.id, resource_id=channel.resource_id)
            except Unavailable as error:
                log.info("a channel runs out by itself", channel_id=channel.id, code=error.code)
        await self._forget([channel.id for channel in channels])

    async def _forget(self, channel_ids: list[str]) -> None:
        async with self._database.write() as session:
            await calendar_channels.forget(session, channel_ids)


def hashed(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def is_from_google(channel: Channel | None, headers: Mapping[str, str]) -> bool:
    """Does a message carry the secret of its channel? Nothing else about it is proof of anything."""
    token = headers.get("X-Goog-Channel-Token", "")
    known = channel.token_sha256 if channel is not None else hashed("")
    same = hmac.compare_digest(hashed(token), known)
    return channel is not None and same


def _read(events: list[Any] | None, token: str, read_at: str | None, grant: Grant) -> Read:
    return Read(events=events, cursor={"sync_token": token, "read_at": read_at}, secret=grant.refresh_token or None)
