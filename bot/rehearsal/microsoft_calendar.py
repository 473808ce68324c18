"""A server that speaks Microsoft Graph's contract for calendars as it is documented: for rehearsals, tests, users' own.

    async with MicrosoftCalendar().serving() as microsoft:
        microsoft.put("primary", timed("a", start, end, subject="Review"))     # as if a person had changed it

One person's mailbox with its calendars. OAuth with refresh tokens that rotate, calendarView and its delta with pages,
windows and state tokens, subscriptions with their handshake, renewal and end, notices one by one or many in a message,
lifecycle notices, throttling. Written from learn.microsoft.com, whose page each corner names; it knows nothing of what
reads it. Harsher than Entra, so that a lost token is noticed: one that was used is dead. Milder: http will do.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import aiohttp
from aiohttp import web

from bot.rehearsal.calendar_server import CalendarServer

PRIMARY = "primary"
LONGEST = timedelta(minutes=10_080)  # graph/api/resources/subscription: of an Outlook event
SHORTEST = timedelta(minutes=45)  # what is less is made so much
HANDSHAKE_S = 10.0  # graph/change-notifications-delivery-webhooks
RETRIED = frozenset(range(300, 600))  # the same: anything but 2xx, for up to four hours
TRIES = 3
NOT_WITH_DELTA = frozenset({"$select", "$expand", "$filter", "$orderby", "$search", "$top"})  # graph/api/event-delta
REMOVED = {"reason": "deleted"}


@dataclass
class Subscription:
    id: str
    resource: str
    address: str
    lifecycle_address: str
    client_state: str
    expires_at: datetime
    immutable: bool

    @property
    def calendar(self) -> str:
        parts = self.resource.strip("/").split("/")
        return parts[2] if parts[1] == "calendars" else PRIMARY


@dataclass(frozen=True)
class _State:
    """What a token stands for."""

    calendar: str
    begin: datetime
    end: datetime
    since: int  # version; 0: the first round
    skip: int = 0


@dataclass
class MicrosoftCalendar(CalendarServer):
    retry_after_s: int = 0  # said with refusals that ask to wait
    endless: bool = False  # a delta round never ends, as some do: learn.microsoft.com/answers/a/12762375
    hold: bool = False  # notices wait for `flush`
    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    preferred: list[str] = field(default_factory=list)  # the header of every request for events

    def __post_init__(self) -> None:
        super().__post_init__()
        self._states: dict[str, _State] = {}
        self._held: list[dict[str, Any]] = []

    def routes(self) -> list[web.RouteDef]:
        views = ("/v1.0/me", "/v1.0/me/calendars/{calendar}")
        return [
            web.get("/{tenant}/oauth2/v2.0/authorize", self.consent),
            web.post("/{tenant}/oauth2/v2.0/token", self._token),
            *(web.get(f"{view}/calendarView", self._view) for view in views),
            *(web.get(f"{view}/calendarView/delta", self._delta) for view in views),
            web.post("/v1.0/subscriptions", self._subscribe),
            web.get("/v1.0/subscriptions", self._list),
            web.patch("/v1.0/subscriptions/{id}", self._renew),
            web.delete("/v1.0/subscriptions/{id}", self._unsubscribe),
        ]

    # what people, operators and Graph itself do

    def put(self, calendar: str, item: Mapping[str, Any]) -> None:
        """An event is made or changed."""
        about = {"iCalUId": f"{item['id']}@outlook", "type": "singleInstance", "isCancelled": False}
        at = {"lastModifiedDateTime": self._now().isoformat(), "changeKey": str(self._version)}
        self.keep(calendar, item["id"], {**about, **at, **item})

    def delete(self, calendar: str, event_id: str) -> None:
        """It is in no view any more."""
        self.keep(calendar, event_id, {"id": event_id, "@removed": REMOVED})

    def remove_subscriptions(self) -> None:
        """Graph drops them, such as after a password's change, and says so once."""
        gone, self.subscriptions = self.subscriptions, {}
        for subscription in gone.values():
            self.tell_lifecycle(subscription, "subscriptionRemoved")

    def tell_lifecycle(self, subscription: Subscription, event: str) -> None:
        """graph/change-notifications-lifecycle-events"""
        self._notify(subscription.lifecycle_address, [{**self._about(subscription), "lifecycleEvent": event}])

    @property
    def followers(self) -> Collection[str]:
        return self.subscriptions.keys()

    def tell(self, calendar: str) -> None:
        for subscription in self._live():
            if subscription.calendar == calendar and not self.drop_messages:
                notice = {**self._about(subscription), "changeType": "updated", "resource": "users/me/events/x"}
                if self.hold:
                    self._held.append(notice)
                else:
                    self._notify(subscription.address, [notice])

    def flush(self, *strange: Mapping[str, Any]) -> None:
        """All that was held in one message, behind what is strange: one may be of several subscriptions."""
        (address, *_) = {one.address for one in self.subscriptions.values()}
        self._notify(address, [*map(dict, strange), *self._held])
        self._held = []

    def _about(self, subscription: Subscription) -> dict[str, Any]:
        ends = subscription.expires_at.isoformat()
        about = {"subscriptionId": subscription.id, "subscriptionExpirationDateTime": ends, "tenantId": "a tenant"}
        return {**about, "clientState": subscription.client_state}

    def _notify(self, address: str, notices: Sequence[Mapping[str, Any]]) -> None:
        self.send(address, tries=TRIES, retried=RETRIED, json={"value": list(notices)})

    # OAuth: learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow

    async def _token(self, request: web.Request) -> web.Response:
        said = await request.post()
        if not self.is_code(said) and not self.is_grant(said):
            told = {"error": "invalid_grant", "error_description": "AADSTS50173: ...", "error_codes": [50173]}
            return web.json_response(told, status=400)
        self._grants.discard(str(said.get("refresh_token")))
        offline = "offline_access" in str(said.get("scope", "")).split()
        return web.json_response({**self.access_token(), **({"refresh_token": self.grant()} if offline else {})})

    def _refusal(self, request: web.Request) -> web.Response | None:
        self.asked.append(f"{request.method} {request.path.rpartition('/')[2]}")
        if not self.is_open_to(request):
            return self._error(401, "InvalidAuthenticationToken")
        return self._error(*self.refused.pop(0)) if self.refused else None

    def _error(self, status: int, code: str) -> web.Response:
        """graph/errors; graph/throttling"""
        headers = {"Retry-After": str(self.retry_after_s)} if self.retry_after_s and status in (429, 503) else {}
        told = {"code": "generic", "message": "...", "innerError": {"code": code, "request-id": uuid4().hex}}
        return web.json_response({"error": told}, status=status, headers=headers)

    # graph/api/calendar-list-calendarview

    async def _view(self, request: web.Request) -> web.Response:
        refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        state = self._asked_for(request)
        shown = [one for one in self.since(state.calendar, 0) if _is_within(one, state)]
        begin, size = int(request.query.get("$skip", 0)), min(self.page, int(request.query.get("$top", 10)))
        wanted = {"id", *request.query["$select"].split(",")} if "$select" in request.query else None
        answer = {"value": [self._shown(one, request, wanted) for one in shown[begin : begin + size]]}
        if begin + size < len(shown):
            more = urlencode({**request.query, "$skip": str(begin + size)})
            answer["@odata.nextLink"] = f"{self.url}{request.path}?{more}"  # type: ignore[assignment]
        return web.json_response(answer)

    # graph/api/event-delta, graph/delta-query-events

    async def _delta(self, request: web.Request) -> web.Response:
        refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        if request.query.keys() & NOT_WITH_DELTA:
            return self._error(400, "ErrorInvalidUrlQuery")
        token = request.query.get("$deltatoken") or request.query.get("$skiptoken")
        state = self._asked_for(request) if token is None else self._states.get(token)
        if state is None or (token is not None and state.since < self._dead_before):
            return self._error(410, "syncStateNotFound")
        changed = [self._delta_of(one, state, request) for one in self.since(state.calendar, state.since)]
        found = [one for one in changed if state.since or "@removed" not in one]
        page = found[state.skip : state.skip + self.page]
        more = self.endless or state.skip + self.page < len(found)
        skip = state.skip if self.endless else state.skip + self.page
        since = state.since if more else self._version
        next_token = self._remember(_State(state.calendar, state.begin, state.end, since, skip if more else 0))
        link = f"{self.url}{request.path}?{urlencode({'$skiptoken' if more else '$deltatoken': next_token})}"
        return web.json_response({"value": page, "@odata.nextLink" if more else "@odata.deltaLink": link})

    def _delta_of(self, item: Mapping[str, Any], state: _State, request: web.Request) -> dict[str, Any]:
        """What lies outside the window comes as removed, too."""
        shown = self._shown(item, request, None)
        return shown if _is_within(item, state) else {"id": shown["id"], "@removed": REMOVED}

    def _remember(self, state: _State) -> str:
        self._states[token := secrets.token_urlsafe(24)] = state
        return token

    def _asked_for(self, request: web.Request) -> _State:
        begin, end = (datetime.fromisoformat(request.query[name]) for name in ("startDateTime", "endDateTime"))
        return _State(request.match_info.get("calendar", PRIMARY), begin, end, since=0)

    def _shown(self, item: Mapping[str, Any], request: web.Request, wanted: set[str] | None) -> dict[str, Any]:
        """graph/outlook-immutable-id: without the header an id changes, here at every change."""
        self.preferred.append(prefer := request.headers.get("Prefer", ""))
        shown = {name: value for name, value in item.items() if wanted is None or name in wanted}
        stays = 'IdType="ImmutableId"' in prefer
        return {**shown, "id": item["id"] if stays else f"{item['id']}/{item.get('changeKey')}"}

    # graph/api/subscription-post-subscriptions, graph/change-notifications-overview

    async def _subscribe(self, request: web.Request) -> web.Response:
        refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        body = await request.json()
        ends = self._end(body)
        if ends is None or not 0 < len(body.get("clientState", "")) <= 128:
            return self._error(400, "InvalidRequest")
        if any((one.resource, body["changeType"]) == (body["resource"], _CHANGES) for one in self._live()):
            return self._error(409, "ExtensionError")  # the same resource and kinds of change, once
        for name in ("notificationUrl", "lifecycleNotificationUrl"):
            if not await _shakes_hands(body[name]):
                return self._error(400, "ValidationError")
        made = Subscription(
            id=str(uuid4()),
            resource=body["resource"],
            address=body["notificationUrl"],
            lifecycle_address=body["lifecycleNotificationUrl"],
            client_state=body["clientState"],
            expires_at=ends,
            immutable='IdType="ImmutableId"' in request.headers.get("Prefer", ""),
        )
        self.subscriptions[made.id] = made
        return web.json_response(_told(made), status=201)

    async def _list(self, request: web.Request) -> web.Response:
        refusal = self._refusal(request)
        return refusal or web.json_response({"value": [_told(one) for one in self._live()]})

    async def _renew(self, request: web.Request) -> web.Response:
        """graph/api/subscription-update: it is authorised anew, too; one that has ended is not there."""
        refusal = self._refusal(request)
        known = {one.id: one for one in self._live()}.get(request.match_info["id"])
        ends = self._end(await request.json())
        if refusal is not None or known is None or ends is None:
            return refusal or self._error(*((404, "ResourceNotFound") if known is None else (400, "InvalidRequest")))
        known.expires_at = ends
        return web.json_response(_told(known))

    async def _unsubscribe(self, request: web.Request) -> web.Response:
        refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        if self.subscriptions.pop(request.match_info["id"], None) is None:
            return self._error(404, "ResourceNotFound")
        return web.Response(status=204)

    def _live(self) -> list[Subscription]:
        return [one for one in self.subscriptions.values() if one.expires_at > self._now()]

    def _end(self, body: Mapping[str, Any]) -> datetime | None:
        """None: it asks for too long."""
        asked = datetime.fromisoformat(body["expirationDateTime"])
        return None if asked > self._now() + LONGEST else max(asked, self._now() + SHORTEST)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self.time_s(), UTC)


_CHANGES = "created,updated,deleted"


async def _shakes_hands(address: str) -> bool:
    """graph/change-notifications-delivery-webhooks: the token, decoded, as plain text, in time."""
    token = f"Validation: {uuid4()} + 100 %/&=~ é"
    waits = aiohttp.ClientTimeout(total=HANDSHAKE_S)
    async with aiohttp.ClientSession(timeout=waits) as session:
        try:
            async with session.post(f"{address}?{urlencode({'validationToken': token})}") as answer:
                plain = answer.content_type == "text/plain"
                return answer.status == 200 and plain and await answer.text() == token
        except (aiohttp.ClientError, TimeoutError):
            return False


def _told(subscription: Subscription) -> dict[str, Any]:
    told = {"id": subscription.id, "resource": subscription.resource, "changeType": _CHANGES}
    told |= {"notificationUrl": subscription.address, "lifecycleNotificationUrl": subscription.lifecycle_address}
    return {**told, "expirationDateTime": f"{subscription.expires_at:%Y-%m-%dT%H:%M:%S}.0000000Z"}


def _is_within(item: Mapping[str, Any], state: _State) -> bool:
    if "@removed" in item:
        return False
    start, end = (datetime.fromisoformat(item[name]["dateTime"]).replace(tzinfo=UTC) for name in ("start", "end"))
    return start < state.end and end > state.begin


def timed(event_id: str, start: datetime, end: datetime, **more: Any) -> dict[str, Any]:
    """An event of these times, as JSON has it: graph/api/resources/datetimetimezone."""
    begins, ends = ({"dateTime": f"{at:%Y-%m-%dT%H:%M:%S}.0000000", "timeZone": "UTC"} for at in (start, end))
    return {"id": event_id, "start": begins, "end": ends, **more}
