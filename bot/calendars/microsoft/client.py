"""Microsoft Graph's calendar as we use it: a grant, the events of a window, whether anything changed, subscriptions.

    microsoft = Microsoft(sender, app)
    grant = await microsoft.access(refresh_token)
    items = await microsoft.window(grant, "primary", begin, end)

What goes wrong is a class by the table of learn.microsoft.com/graph/errors, a code before a status.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

from bot.calendars import answers, grants
from bot.calendars.answers import Row
from bot.calendars.fields import fields, instant, items, text
from bot.calendars.grants import Grant, GrantRevoked, Registration
from bot.calendars.ics.feed import Sender
from bot.calendars.windows import CalendarGone, TokenDead
from bot.config import Settings
from bot.egress.addresses import MAX_URL_CHARACTERS
from bot.errors import Unavailable

PRIMARY = "primary"
PAGE = 200  # events
MOST_PAGES = 60
FIELDS = (
    *("id", "type", "seriesMasterId", "iCalUId", "originalStart", "originalStartTimeZone", "start", "end", "isAllDay"),
    *("isCancelled", "isOrganizer", "responseStatus", "showAs", "sensitivity", "subject", "body", "location"),
    *("locations", "onlineMeeting", "onlineMeetingUrl", "organizer", "attendees", "lastModifiedDateTime"),
)
# Ids that stay when an event is moved to another folder, and times in one zone.
PREFERRED = 'IdType="ImmutableId", outlook.timezone="UTC"'


class MicrosoftUnavailable(Unavailable):
    """Microsoft's calendar cannot be read now."""

    code = "microsoft_unavailable"


class MicrosoftLimited(Unavailable):
    """Microsoft asks us to be slower."""

    code = "microsoft_limited"


class MicrosoftRefuses(Unavailable):
    """Microsoft does not let this account's calendar be read: a permission is missing, or an administrator forbids
    it."""

    code, retryable = "microsoft_refuses", False


class AlreadySubscribed(Unavailable):
    """Microsoft already tells this registration of the changes of this calendar."""

    code = "already_subscribed"


# The first row that fits; what the token endpoint says is in `grants.ERRORS`.
ERRORS: tuple[Row, ...] = (
    (None, "syncStateNotFound", TokenDead),
    (None, "syncStateInvalid", TokenDead),
    (None, "resyncRequired", TokenDead),
    (410, None, TokenDead),
    (None, "activityLimitReached", MicrosoftLimited),
    (None, "throttledRequest", MicrosoftLimited),
    (429, None, MicrosoftLimited),
    (509, None, MicrosoftLimited),
    (401, None, GrantRevoked),  # after one refresh
    (404, "MailboxNotEnabledForRESTAPI", MicrosoftRefuses),  # without a licence, or on the firm's own servers
    (404, None, CalendarGone),
    (409, None, AlreadySubscribed),
    (400, None, MicrosoftRefuses),
    (402, None, MicrosoftRefuses),
    (403, None, MicrosoftRefuses),
    (405, None, MicrosoftRefuses),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Cloud:
    login: str
    graph: str


CLOUDS: dict[str, Cloud] = {  # learn.microsoft.com/graph/deployments
    "global": Cloud(login="https://login.microsoftonline.com", graph="https://graph.microsoft.com"),
    "us_gov": Cloud(login="https://login.microsoftonline.us", graph="https://graph.microsoft.us"),
    "us_dod": Cloud(login="https://login.microsoftonline.us", graph="https://dod-graph.microsoft.us"),
    "china": Cloud(login="https://login.chinacloudapi.cn", graph="https://microsoftgraph.chinacloudapi.cn"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class App(Registration):
    """Our registration with one of Microsoft's clouds, and where that is."""

    @classmethod
    def at(cls, cloud: Cloud, *, tenant: str, client_id: str, client_secret: str) -> App:
        login = f"{cloud.login}/{quote(tenant, safe='')}/oauth2/v2.0"
        urls = {"consent": f"{login}/authorize", "token": f"{login}/token", "api": f"{cloud.graph}/v1.0"}
        return cls(client_id=client_id, client_secret=client_secret, **urls)

    @classmethod
    def of(cls, settings: Settings) -> App | None:
        """None: this installation is not registered. One other place may stand in for all of Microsoft's."""
        if not (settings.microsoft_client_id and settings.microsoft_client_secret):
            return None
        own = {"client_id": settings.microsoft_client_id, "client_secret": settings.microsoft_client_secret}
        base = settings.microsoft_url.rstrip("/")
        cloud = Cloud(login=base, graph=base) if base else CLOUDS[settings.microsoft_cloud]
        return cls.at(cloud, tenant=settings.microsoft_tenant, **own)

    @property
    def scope(self) -> str:
        """The least that shows where a meeting is: Calendars.ReadBasic leaves the body out. Named by the cloud's own
        Graph, as two clouds share a login."""
        return f"offline_access {self.api.removesuffix('/v1.0')}/Calendars.Read"


@dataclass(frozen=True, kw_only=True, slots=True)
class Subscription:
    id: str
    expires_at: datetime
    resource: str = ""
    address: str = ""


class Microsoft:
    token_ahead: timedelta | None = timedelta(days=2)

    def __init__(self, sender: Sender, app: App) -> None:
        self._sender, self._app = sender, app

    def consent_url(self, *, redirect_uri: str, state: str, challenge: str) -> str:
        """Where a person says yes, with the account they choose."""
        asked = grants.asked_for_code(self._app, redirect_uri=redirect_uri, state=state, challenge=challenge)
        asked |= {"response_mode": "query", "scope": self._app.scope, "prompt": "select_account"}
        return f"{self._app.consent}?{urlencode(asked)}"

    async def exchange(self, code: str, *, redirect_uri: str, verifier: str) -> Grant:
        """Raises GrantRevoked for a code that is not one."""
        shown = {"code": code, "redirect_uri": redirect_uri, "code_verifier": verifier}
        return await self._grant(grant_type="authorization_code", **shown)

    async def access(self, refresh_token: str) -> Grant:
        """It brings another refresh token each time. Raises GrantRevoked, BadRegistration."""
        return await self._grant(grant_type="refresh_token", refresh_token=refresh_token)

    async def window(self, grant: Grant, calendar: str, begin: datetime, end: datetime) -> list[Mapping[str, Any]]:
        """Every event of a time, series unfolded."""
        asked = {**_between(begin, end), "$select": ",".join(FIELDS), "$top": str(PAGE)}
        try:
            found, _ = await self._pages(grant, f"{self._app.api}/{_of(calendar)}/calendarView?{urlencode(asked)}")
        except TokenDead as error:
            raise MicrosoftUnavailable(str(error)) from error
        return found

    async def changed(self, grant: Grant, calendar: str, token: str) -> tuple[bool, str]:
        """Has anything changed since the link, and the next link. A link that is refused is dead: why a calendar is, a
        whole round tells. Raises TokenDead."""
        try:
            found, link = await self._pages(grant, token)
        except (CalendarGone, MicrosoftRefuses) as error:
            raise TokenDead from error
        return bool(found), link

    async def first_token(self, grant: Grant, calendar: str, begin: datetime, end: datetime) -> str:
        """A link of now, after a whole round: it is bound to its window. Empty for a calendar whose round never ends,
        as is seen of some (learn.microsoft.com/answers/a/12762375), and for a link too long to be asked."""
        asked = urlencode(_between(begin, end))
        try:
            _, link = await self._pages(grant, f"{self._app.api}/{_of(calendar)}/calendarView/delta?{asked}")
        except TokenDead:
            return ""
        return link if len(link) <= MAX_URL_CHARACTERS else ""

    async def subscribe(
        self, grant: Grant, calendar: str, *, address: str, secret: str, until: datetime
    ) -> Subscription:
        """The channel's row is written before: both addresses are tried out before the answer. Raises
        AlreadySubscribed."""
        body = {"changeType": "created,updated,deleted", "resource": events_of(calendar), "clientState": secret}
        body |= {"notificationUrl": address, "lifecycleNotificationUrl": address, "expirationDateTime": _utc(until)}
        return _subscription(await self._ask("POST", f"{self._app.api}/subscriptions", grant, body=body))

    async def renew(self, grant: Grant, subscription_id: str, *, until: datetime) -> Subscription:
        """It is authorised anew, too. Raises CalendarGone for one that is not there any more."""
        body = {"expirationDateTime": _utc(until)}
        return _subscription(await self._ask("PATCH", self._subscription(subscription_id), grant, body=body))

    async def subscriptions(self, grant: Grant) -> list[Subscription]:
        """Those of this account with this registration."""
        found, _ = await self._pages(grant, f"{self._app.api}/subscriptions")
        return [_subscription(one) for one in found]

    async def unsubscribe(self, grant: Grant, subscription_id: str) -> None:
        """What is gone already is gone."""
        try:
            await self._ask("DELETE", self._subscription(subscription_id), grant)
        except (CalendarGone, TokenDead):
            pass

    def _subscription(self, subscription_id: str) -> str:
        return f"{self._app.api}/subscriptions/{quote(subscription_id, safe='')}"

    async def _pages(self, grant: Grant, link: str) -> tuple[list[Mapping[str, Any]], str]:
        """All that a listing gives, and its delta link. Links are followed as they are given, to Graph alone: the
        token goes along."""
        found: list[Mapping[str, Any]] = []
        seen: set[str] = set()
        for _ in range(MOST_PAGES):
            said = await self._ask("GET", link, grant)
            page = [one for one in items(said.get("value")) if isinstance(one, dict)]
            found += page
            link = text(said.get("@odata.nextLink"))
            if not link:
                return found, text(said.get("@odata.deltaLink"))
            shown = json.dumps(page, sort_keys=True) if page else link
            if shown in seen:
                raise TokenDead("The calendar's pages come again and again.")
            seen.add(shown)
        raise TokenDead("The calendar has too many pages.")

    async def _grant(self, **asked: str) -> Grant:
        asked["scope"] = self._app.scope
        return await grants.ask(self._sender, self._app, ERRORS, MicrosoftUnavailable, **asked)

    async def _ask(
        self, method: str, link: str, grant: Grant, *, body: Mapping[str, Any] | None = None
    ) -> Mapping[str, Any]:
        if not link.startswith(f"{self._app.api}/") or len(link) > MAX_URL_CHARACTERS:
            raise TokenDead("Microsoft sends us elsewhere.")
        headers = {"Authorization": f"Bearer {grant.access_token}", "Content-Type": "application/json"}
        headers["Prefer"] = f"{PREFERRED}, odata.maxpagesize={PAGE}"
        sent = b"" if body is None else json.dumps(body).encode()
        answer = await self._sender.request(method, link, headers=headers, body=sent)
        return answers.read(answer, ERRORS, MicrosoftUnavailable)


def events_of(calendar: str) -> str:
    """What is subscribed to."""
    return f"{_of(calendar)}/events"


def _of(calendar: str) -> str:
    return "me" if calendar == PRIMARY else f"me/calendars/{quote(calendar, safe='')}"


def _between(begin: datetime, end: datetime) -> dict[str, str]:
    return {"startDateTime": _utc(begin), "endDateTime": _utc(end)}


def _utc(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}Z"


def _subscription(said: Mapping[str, Any]) -> Subscription:
    expires_at = instant(fields(said).get("expirationDateTime"))
    if not text(said.get("id")) or expires_at is None:
        raise MicrosoftUnavailable("Microsoft's answer names no subscription.")
    where = {"resource": text(said.get("resource")), "address": text(said.get("notificationUrl"))}
    return Subscription(id=text(said.get("id")), expires_at=expires_at, **where)
