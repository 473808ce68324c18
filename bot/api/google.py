"""What Google asks of us: the person who said yes comes back with a code, and messages say that a calendar has changed.

Both come from outside without a key. The way back carries a sealed state, good for ten minutes; a message carries its
channel's secret, and one that does not is answered and costs nothing. A message is answered at once: it makes its
calendar due, and the keeper reads it.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from bot.api.problems import InvalidRequest
from bot.calendars.connect import connect_google
from bot.calendars.google.client import Google
from bot.calendars.google.source import NOTICES_PATH, SYNC, is_from_google
from bot.calendars.model import Rules
from bot.calendars.shape import rules_body, rules_of
from bot.clock import Clock
from bot.log import get_log
from bot.store import calendar_channels, calendars
from bot.store.session import Database
from bot.vault import SecretUnreadable, Vault

log = get_log(__name__)

CALLBACK_PATH = "/calendars/google/callback"
STATE_PLACE = "calendars.google_state"
STATE_LASTS = timedelta(minutes=10)
PAGE = "/dashboard/#/calendar"
SOON = timedelta(seconds=1)  # many messages of one change make one read


class GoogleDoor:
    def __init__(self, database: Database, vault: Vault, google: Google, *, public_url: str, clock: Clock) -> None:
        self._database, self._vault, self._google, self._clock = database, vault, google, clock
        self._redirect_uri = f"{public_url.rstrip('/')}{CALLBACK_PATH}"
        self.forged = 0  # messages without the secret of a channel

    def add_to(self, router: web.UrlDispatcher) -> None:
        router.add_get(CALLBACK_PATH, self._come_back)
        router.add_post(NOTICES_PATH, self._notice)

    def consent_url(self, *, workspace_id: str, owner: str, calendar: str, character_id: str, rules: Rules) -> str:
        """Where a person says yes."""
        until = (self._clock.now() + STATE_LASTS).isoformat()
        wanted = {"workspace_id": workspace_id, "owner": owner, "calendar": calendar, "character_id": character_id}
        sealed = self._vault.seal(json.dumps({**wanted, "rules": rules_body(rules), "until": until}), place=STATE_PLACE)
        return self._google.consent_url(redirect_uri=self._redirect_uri, state=sealed)

    async def _come_back(self, request: web.Request) -> web.Response:
        """Raises InvalidRequest, GrantRevoked."""
        wanted = self._state(request.query.get("state", ""))
        code = request.query.get("code", "")
        if wanted is None or not code:
            raise InvalidRequest([])
        grant = await self._google.exchange(code, redirect_uri=self._redirect_uri)
        async with self._database.write() as session:
            await connect_google(
                session,
                self._vault,
                workspace_id=wanted["workspace_id"],
                owner=wanted["owner"],
                calendar=wanted["calendar"],
                refresh_token=grant.refresh_token,
                character_id=wanted["character_id"],
                rules=rules_of(wanted["rules"]),
                now=self._clock.now(),
            )
        return web.Response(status=303, headers={"Location": PAGE})

    def _state(self, sealed: str) -> dict[str, Any] | None:
        try:
            wanted: dict[str, Any] = json.loads(self._vault.open(sealed, place=STATE_PLACE))
        except SecretUnreadable:
            return None
        return wanted if datetime.fromisoformat(wanted["until"]).astimezone(UTC) > self._clock.now() else None

    async def _notice(self, request: web.Request) -> web.Response:
        async with self._database.read() as session:
            channel = await calendar_channels.find(session, request.headers.get("X-Goog-Channel-ID", ""))
        if channel is None or not is_from_google(channel, request.headers):
            self.forged += 1
            log.warning("a message without the secret of its channel", forged=self.forged)
            return web.Response()
        if request.headers.get("X-Goog-Resource-State") != SYNC:
            await self._make_due(channel.calendar_id, channel.workspace_id)
        return web.Response()

    async def _make_due(self, calendar_id: str, workspace_id: str) -> None:
        now = self._clock.now()
        async with self._database.read() as session:
            calendar = await calendars.get(session, calendar_id, workspace_id=workspace_id)
        if calendar.state != calendars.ACTIVE or calendar.next_sync_at <= now + SOON:
            return
        async with self._database.write() as session:
            await calendars.due_now(session, calendar_id, workspace_id=workspace_id, now=now)
