"""Google's Calendar API as we use it: a grant, the events of a window, whether anything changed, channels.

    google = Google(sender, app)
    token = await google.access_token(refresh_token)
    items = await google.window(token, "primary", begin, end)

What goes wrong is a class by the table of developers.google.com/workspace/calendar/api/guides/errors.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

from bot.calendars import answers, grants
from bot.calendars.answers import Row
from bot.calendars.grants import Grant, GrantRevoked, Registration
from bot.calendars.ics.feed import Sender
from bot.calendars.windows import CalendarGone, TokenDead
from bot.config import Settings
from bot.errors import Unavailable

SCOPE = "https://www.googleapis.com/auth/calendar.events.readonly"
PAGE = 2500  # events; the most the API gives
MOST_PAGES = 40


class GoogleUnavailable(Unavailable):
    """Google's calendar cannot be read now."""

    code = "google_unavailable"


class GoogleLimited(Unavailable):
    """Google asks us to be slower."""

    code = "google_limited"


class GoogleRefuses(Unavailable):
    """Google does not let this account's calendar be read: a scope is missing, or an administrator forbids it."""

    code, retryable = "google_refuses", False


# The first row that fits; what the token endpoint says is in `grants.ERRORS`.
ERRORS: tuple[Row, ...] = (
    (400, None, GoogleRefuses),
    (401, None, GrantRevoked),  # after one refresh
    (403, "rateLimitExceeded", GoogleLimited),
    (403, "userRateLimitExceeded", GoogleLimited),
    (403, "quotaExceeded", GoogleLimited),
    (403, "dailyLimitExceeded", GoogleLimited),
    (403, None, GoogleRefuses),
    (404, None, CalendarGone),
    (410, None, TokenDead),
    (429, None, GoogleLimited),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class App(Registration):
    """Our registration with Google, and where Google is."""

    consent: str = "https://accounts.google.com/o/oauth2/v2/auth"
    token: str = "https://oauth2.googleapis.com/token"
    api: str = "https://www.googleapis.com/calendar/v3"

    @classmethod
    def of(cls, settings: Settings) -> App | None:
        """None: this installation is not registered with Google. One other place may stand in for all of Google's."""
        if not (settings.google_client_id and settings.google_client_secret):
            return None
        own = {"client_id": settings.google_client_id, "client_secret": settings.google_client_secret}
        base = settings.google_url.rstrip("/")
        if not base:
            return cls(**own)
        return cls(**own, consent=f"{base}/o/oauth2/v2/auth", token=f"{base}/token", api=f"{base}/calendar/v3")


@dataclass(frozen=True, kw_only=True, slots=True)
class Channel:
    resource_id: str
    expires_ms: int  # since 1970


class Google:
    token_ahead: timedelta | None = None

    def __init__(self, sender: Sender, app: App) -> None:
        self._sender, self._app = sender, app

    def consent_url(self, *, redirect_uri: str, state: str, challenge: str) -> str:
        """Where a person says yes: offline, and asked anew, or there is no refresh token."""
        asked = grants.asked_for_code(self._app, redirect_uri=redirect_uri, state=state, challenge=challenge)
        asked |= {"scope": SCOPE, "access_type": "offline", "prompt": "consent"}
        return f"{self._app.consent}?{urlencode(asked)}"

    async def exchange(self, code: str, *, redirect_uri: str, verifier: str) -> Grant:
        """Raises GrantRevoked for a code that is not one."""
        shown = {"code": code, "redirect_uri": redirect_uri, "code_verifier": verifier}
        return await self._grant(grant_type="authorization_code", **shown)

    async def access(self, refresh_token: str) -> Grant:
        """Raises GrantRevoked."""
        return await self._grant(grant_type="refresh_token", refresh_token=refresh_token)

    async def window(self, grant: Grant, calendar: str, begin: datetime, end: datetime) -> list[Mapping[str, Any]]:
        """Every event of a time, series unfolded."""
        asked = {"singleEvents": "true", "showDeleted": "true", "maxResults": str(PAGE)}
        asked |= {"timeMin": begin.isoformat(), "timeMax": end.isoformat()}
        try:
            items, _ = await self._pages(grant, calendar, asked)
        except TokenDead as error:
            raise GoogleUnavailable(str(error)) from error
        return items

    async def changed(self, grant: Grant, calendar: str, sync_token: str) -> tuple[bool, str]:
        """Has anything changed since the token, and the next token. Raises TokenDead."""
        asked = {"singleEvents": "true", "maxResults": str(PAGE), "syncToken": sync_token}
        items, token = await self._pages(grant, calendar, asked)
        return bool(items), token

    async def first_token(self, grant: Grant, calendar: str, begin: datetime, end: datetime) -> str:
        """A sync token of now, without an end: the last page of a whole listing has it, of which nothing else is
        asked. Empty for a calendar with so much to come that there is no end of pages."""
        asked = {"singleEvents": "true", "maxResults": str(PAGE), "timeMin": begin.isoformat()}
        try:
            _, token = await self._pages(grant, calendar, {**asked, "fields": "nextPageToken,nextSyncToken"})
        except TokenDead:
            return ""
        return token

    async def watch(
        self, grant: Grant, calendar: str, *, channel_id: str, token: str, address: str, ttl_s: int
    ) -> Channel:
        """The channel's row is written before: the first message may come before the answer."""
        body = {"id": channel_id, "type": "web_hook", "address": address, "token": token, "params": {"ttl": str(ttl_s)}}
        said = await self._ask("POST", f"/calendars/{quote(calendar, safe='')}/events/watch", grant, body=body)
        return Channel(resource_id=str(said.get("resourceId", "")), expires_ms=int(said.get("expiration", 0)))

    async def stop(self, grant: Grant, *, channel_id: str, resource_id: str) -> None:
        """What is gone already is stopped."""
        try:
            await self._ask("POST", "/channels/stop", grant, body={"id": channel_id, "resourceId": resource_id})
        except (CalendarGone, TokenDead):
            pass

    async def _pages(
        self, grant: Grant, calendar: str, asked: Mapping[str, str]
    ) -> tuple[list[Mapping[str, Any]], str]:
        """All that a listing gives, and its sync token. Raises TokenDead where there is no end of it."""
        items: list[Mapping[str, Any]] = []
        more = ""
        for _ in range(MOST_PAGES):
            query = urlencode({**asked, **({"pageToken": more} if more else {})})
            said = await self._ask("GET", f"/calendars/{quote(calendar, safe='')}/events?{query}", grant)
            items += [one for one in said.get("items", ()) if isinstance(one, dict)]
            more = str(said.get("nextPageToken", ""))
            if not more:
                return items, str(said.get("nextSyncToken", ""))
        raise TokenDead("The calendar has too many pages.")

    async def _grant(self, **asked: str) -> Grant:
        return await grants.ask(self._sender, self._app, ERRORS, GoogleUnavailable, **asked)

    async def _ask(
        self, method: str, path: str, grant: Grant, *, body: Mapping[str, Any] | None = None
    ) -> Mapping[str, Any]:
        headers = {"Authorization": f"Bearer {grant.access_token}", "Content-Type": "application/json"}
        sent = b"" if body is None else json.dumps(body).encode()
        answer = await self._sender.request(method, self._app.api + path, headers=headers, body=sent)
        return answers.read(answer, ERRORS, GoogleUnavailable)
