"""The live stream: changes of bots, their events and what is said, as server-sent events."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from aiohttp import web
from pydantic import Field

from bot.api.feed import Change, Feed, Listener, NotFollowing, TooManyListeners
from bot.api.routes import Call, NoBody, NoPath, Route, Strict, may_still

MEDIA_TYPE = "text/event-stream"
RETRY_MS = 2000
LOOK_S = 1.0  # a client that has gone holds its place no longer
FEED: web.AppKey[Feed] = web.AppKey("feed", Feed)


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamLimits:
    heartbeat_s: float = 15.0  # so often, too, the key or session is looked at again
    longest_s: float = 300.0  # then the client comes back and shows its key or session anew
    write_timeout_s: float = 30.0


LIMITS: web.AppKey[StreamLimits] = web.AppKey("stream_limits", StreamLimits)


class LiveQuery(Strict):
    after: str = Field("", max_length=64, description="an event's `id`; the header Last-Event-ID has precedence")


LiveCall = Call[NoPath, LiveQuery, NoBody]


async def live(request: web.Request, call: LiveCall) -> web.StreamResponse:
    after = request.headers.get("Last-Event-ID", "")[:64] or call.query.after
    words = "transcripts:read" in call.scopes
    feed, limits = request.app[FEED], request.app[LIMITS]
    async with feed.listening(workspace_id=call.workspace_id, words=words, after=after) as listener:
        response = web.StreamResponse(headers={"Content-Type": MEDIA_TYPE, "X-Accel-Buffering": "no"})
        await response.prepare(request)
        try:
            await _write(response, f"retry: {RETRY_MS}\n\n", limits)
            await _tell(request, call, response, listener)
        except (ConnectionResetError, TimeoutError):  # the client is gone, or does not read
            if request.transport is not None:
                request.transport.abort()
        return response


async def _tell(request: web.Request, call: LiveCall, response: web.StreamResponse, listener: Listener) -> None:
    """Until nothing more comes, the client is gone or may not hear it any more, or it is time to begin anew. Raises
    ConnectionResetError, TimeoutError."""
    limits = request.app[LIMITS]
    asked_s = quiet_since_s = time.monotonic()
    end_s = asked_s + limits.longest_s
    while time.monotonic() < end_s and request.transport is not None and not request.transport.is_closing():
        if time.monotonic() - asked_s >= limits.heartbeat_s:
            if not await may_still(request, call):
                return
            asked_s = time.monotonic()
        try:
            change = await listener.next(min(LOOK_S, limits.heartbeat_s))
        except TimeoutError:
            if time.monotonic() - quiet_since_s < limits.heartbeat_s:
                continue
            await _write(response, ": here\n\n", limits)
        else:
            if change is None:
                return
            await _write(response, _message(change), limits)
        quiet_since_s = time.monotonic()


async def _write(response: web.StreamResponse, text: str, limits: StreamLimits) -> None:
    async with asyncio.timeout(limits.write_timeout_s):
        await response.write(text.encode())


def _message(change: Change) -> str:
    return f"id: {change.cursor}\nevent: {change.topic}\ndata: {change.data}\n\n"


ROUTES = (
    Route(
        method="GET",
        path="/live",
        name="follow_live",
        summary="Server-sent events: `bot` (as in /bots), `event` and `segment` (as in the bot's lists, with `bot_id`; "
        "without more than `sequence` when large). First comes `hello`, `resumed`, or `reset`: read the lists again. "
        "Segments, and in events what people said and are called, need the scope `transcripts:read` too",
        tag="live",
        scope="bots:read",
        raw=live,
        raw_types=(MEDIA_TYPE,),
        query=LiveQuery,
        errors=(TooManyListeners, NotFollowing),
    ),
)
