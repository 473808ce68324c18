"""A server that speaks Google Calendar's contract as it is documented: for rehearsals, tests and users' own.

    async with GoogleCalendar().serving() as google:
        google.put("ann@own.org", {"id": "a", "start": {...}, ...})     # as if a person had changed it

OAuth with refresh tokens, events.list with pages, windows and sync tokens, events.watch and channels.stop, messages to
channels. Written from the documentation, which each corner names; it knows nothing of what reads it.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from aiohttp import web

from bot.rehearsal.calendar_server import CalendarServer

RETRIED = frozenset({500, 502, 503, 504})  # guides/push: with backoff; anything else that is no success is lost
TRIES = 3
WITH_A_TOKEN_FORBIDDEN = frozenset(  # reference/events/list, syncToken
    {"iCalUID", "orderBy", "privateExtendedProperty", "q", "sharedExtendedProperty", "timeMin", "timeMax", "updatedMin"}
)


@dataclass
class Channel:
    id: str
    calendar: str
    token: str
    address: str
    resource_id: str
    expires_ms: int
    messages: int = 0


@dataclass
class GoogleCalendar(CalendarServer):
    channels: dict[str, Channel] = field(default_factory=dict)
    offline: bool = True  # who agrees for the first time, or is asked anew (prompt=consent), gives a refresh token
    refused_watches: list[tuple[int, str]] = field(default_factory=list)  # (status, reason) of the next answers

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/o/oauth2/v2/auth", self.consent),
            web.post("/token", self._token),
            web.get("/calendar/v3/calendars/{calendar}/events", self._list),
            web.post("/calendar/v3/calendars/{calendar}/events/watch", self._watch),
            web.post("/calendar/v3/channels/stop", self._stop),
        ]

    # what a person does

    def put(self, calendar: str, item: Mapping[str, Any]) -> None:
        """An event is made or changed."""
        whole = {"kind": "calendar#event", "status": "confirmed", "iCalUID": f"{item['id']}@google.com", **item}
        self.keep(calendar, item["id"], whole)

    def delete(self, calendar: str, event_id: str) -> None:
        """Of what is deleted only the id is promised (reference/events, status)."""
        self.keep(calendar, event_id, {"id": event_id, "status": "cancelled"})

    # OAuth: developers.google.com/identity/protocols/oauth2/web-server

    async def _token(self, request: web.Request) -> web.Response:
        said = await request.post()
        if self.is_code(said):
            lasting = {"refresh_token": self.grant()} if self.offline else {}
            return web.json_response({**self.access_token(), **lasting})
        if self.is_grant(said):
            return web.json_response(self.access_token())
        return web.json_response({"error": "invalid_grant", "error_description": "Bad Request"}, status=400)

    def _refusal(self, request: web.Request) -> web.Response | None:
        if not self.is_open_to(request):
            return _error(401, "authError")
        return _error(*self.refused.pop(0)) if self.refused else None

    # reference/events/list and guides/sync

    async def _list(self, request: web.Request) -> web.Response:
        asked = request.query
        self.asked.append(f"GET events{' syncToken' if 'syncToken' in asked else ''}")
        refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        since = 0
        if "syncToken" in asked:
            if asked.keys() & WITH_A_TOKEN_FORBIDDEN:
                return _error(400, "badRequest")
            since = _version(asked["syncToken"])
            if since < self._dead_before:
                return _error(410, "fullSyncRequired")
        shown = self.since(request.match_info["calendar"], since)
        if "syncToken" not in asked:
            deleted = asked.get("showDeleted") == "true"
            shown = [one for one in shown if _is_within(one, asked) and (deleted or one["status"] != "cancelled")]
        begin, size = int(asked.get("pageToken", 0)), min(self.page, int(asked.get("maxResults", 250)))
        answer: dict[str, Any] = {"kind": "calendar#events", "items": shown[begin : begin + size]}
        if begin + size < len(shown):
            answer["nextPageToken"] = str(begin + size)
        else:  # on the last page only
            answer["nextSyncToken"] = f"sync-{self._version}"
        return web.json_response(answer)

    # reference/events/watch and guides/push

    async def _watch(self, request: web.Request) -> web.Response:
        self.asked.append("POST watch")
        refusal = self._refusal(request)
        if refusal is not None or self.refused_watches:
            return refusal or _error(*self.refused_watches.pop(0))
        body = await request.json()
        if body.get("type") != "web_hook" or not 0 < len(body.get("id", "")) <= 64 or len(body.get("token", "")) > 256:
            return _error(400, "badRequest")
        if body["id"] in self.channels:
            return _error(400, "channelIdNotUnique")
        ttl_s = int(body.get("params", {}).get("ttl", 604800))
        channel = Channel(
            id=body["id"],
            calendar=request.match_info["calendar"],
            token=body.get("token", ""),
            address=body["address"],
            resource_id=secrets.token_urlsafe(12),
            expires_ms=int((self.time_s() + min(ttl_s, 604800)) * 1000),
        )
        self.channels[channel.id] = channel
        sync = self._headers(channel, "sync")  # it may come before the answer to the request that asked for it
        await self.post(channel.address, tries=TRIES, retried=RETRIED, headers=sync)
        made = {"kind": "api#channel", "id": channel.id, "resourceId": channel.resource_id}
        return web.json_response({**made, "expiration": str(channel.expires_ms)})

    async def _stop(self, request: web.Request) -> web.Response:
        self.asked.append("POST stop")
        refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        body = await request.json()
        channel = self.channels.get(body.get("id", ""))
        if channel is None or channel.resource_id != body.get("resourceId"):
            return _error(404, "notFound")
        del self.channels[channel.id]
        return web.Response(status=204)

    @property
    def followers(self) -> Collection[str]:
        return self.channels.keys()

    def tell(self, calendar: str) -> None:
        for channel in self.channels.values():
            if channel.calendar == calendar and not self.drop_messages:
                self.send(channel.address, tries=TRIES, retried=RETRIED, headers=self._headers(channel, "exists"))

    def _headers(self, channel: Channel, state: str) -> dict[str, str]:
        """And nothing else: the body is empty. Numbers grow, not one by one."""
        channel.messages += 1 if state == "sync" else secrets.choice((1, 2, 5))
        headers = {
            "X-Goog-Channel-ID": channel.id,
            "X-Goog-Message-Number": str(channel.messages),
            "X-Goog-Resource-ID": channel.resource_id,
            "X-Goog-Resource-State": state,
            "X-Goog-Resource-URI": f"{self.url}/calendar/v3/calendars/{channel.calendar}/events?alt=json",
        }
        return headers | ({"X-Goog-Channel-Token": channel.token} if channel.token else {})


def _error(status: int, reason: str) -> web.Response:
    """guides/errors"""
    said = {"domain": "global", "reason": reason, "message": reason}
    return web.json_response({"error": {"errors": [said], "code": status, "message": reason}}, status=status)


def _version(token: str) -> int:
    number = token.removeprefix("sync-")
    return int(number) if number.isdigit() else -1


def _is_within(item: Mapping[str, Any], asked: Mapping[str, str]) -> bool:
    """timeMin is compared with the end, timeMax with the start (reference/events/list)."""
    start, end = (item.get(name, {}).get("dateTime") for name in ("start", "end"))
    if start is None or end is None:
        return True
    if "timeMin" in asked and datetime.fromisoformat(end) <= datetime.fromisoformat(asked["timeMin"]):
        return False
    return "timeMax" not in asked or datetime.fromisoformat(start) < datetime.fromisoformat(asked["timeMax"])


def timed(event_id: str, start: datetime, end: datetime, **more: Any) -> dict[str, Any]:
    """An event of these times, as JSON has it."""
    begins, ends = ({"dateTime": at.isoformat(), "timeZone": "UTC"} for at in (start, end))
    return {"id": event_id, "start": begins, "end": ends, **more}
