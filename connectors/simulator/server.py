"""The simulator's HTTP face: pages, signalling and the control API. What happens in a meeting is in `rooms.py`.

    async with SimulatorServer() as simulator:
        room = simulator.create_meeting(Policy(lobby=True))
        simulator.url(room)        # http://127.0.0.1:PORT/abc-defg-hij
        simulator.url(room, "teams")  # the same meeting by another platform's page
        simulator.host_url(room)   # the host's page, with its token

A link may carry `scenario`, `lang`, `variant` (several: a.b) and `after`: with a scenario it makes its own meeting.

The control API, under /control, is in `control.py`; the README says what it takes.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from aiohttp import WSMsgType, web

from connectors.links.address import address_of
from connectors.simulator.control import Control, act
from connectors.simulator.meetings import Meetings
from connectors.simulator.rooms import Message, Room, Seat
from connectors.simulator.scenarios import Policy, skin_of
from connectors.simulator.screens import PLATFORMS, as_json
from connectors.simulator.script import Script

STATIC = Path(__file__).parent / "static"
HEARTBEAT_S = 4.0  # a page that answers no ping is gone after 1.5 of these
MESSAGE_LIMIT = 256 * 1024
QUEUE_LIMIT = 512  # messages a page may lag behind before it counts as dead
CLOSE_S = 2.0
EVERYWHERE = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # and where such a server is on this machine

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; media-src 'self' blob:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "Permissions-Policy": "camera=(self), microphone=(self)",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class SimulatorServer:
    """A meeting server on one address. Entered, it listens; left, every page is told that the server is gone."""

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        control_token: str | None = None,
        platform: str = "meet",
        public_url: str = "",
    ) -> None:
        """`platform`: whose page a meeting's link opens, unless another is asked for. `public_url`: where others reach
        this server, `https://sim.example.org`. Raises ValueError."""
        if public_url and not _is_origin(public_url):
            raise ValueError(f"{public_url!r} is no address such as http://simulator:8480 or https://sim.example.org")
        self._host, self._port, self._platform, self._public_url = host, port, platform, public_url.rstrip("/")
        self.control_token = control_token or secrets.token_urlsafe(16)
        self._meetings = Meetings()
        self._runner: web.AppRunner | None = None
        self._sockets: set[web.WebSocketResponse] = set()

    @property
    def base_url(self) -> str:
        """An address that leads here: the public one, else one of this machine."""
        host = EVERYWHERE.get(self._host, self._host)
        return self._public_url or f"http://{f'[{host}]' if ':' in host else host}:{self._port}"

    def url(self, room: Room, platform: str = "") -> str:
        return _page_of(self.base_url, room, platform or self._platform)

    def host_url(self, room: Room) -> str:
        return _host_page_of(self.base_url, room)

    def _links(self, request: web.Request, room: Room, platform: str) -> Message:
        """As whoever asks reaches this server."""
        base = self._public_url or f"{request.scheme}://{request.host}"
        urls = {name: _page_of(base, room, name) for name in PLATFORMS}
        return {"url": urls[platform], "urls": urls, "host_url": _host_page_of(base, room)}

    def room(self, code: str) -> Room:
        """The meeting of that code, a scripted one too. Raises KeyError, SeveralMeetings."""
        return self._meetings.find(code)

    def create_meeting(self, policy: Policy | None = None, *, code: str | None = None) -> Room:
        """A new meeting; `code` None makes one up. Raises ValueError when the code is taken or has another shape."""
        return self._meetings.make(policy or Policy(), code)

    async def __aenter__(self) -> Self:
        app = web.Application(middlewares=[_with_headers])
        control = Control(self._meetings, self.control_token, platform=self._platform, links=self._links)
        app.add_routes(
            [
                web.get("/", self._page("home.html")),
                web.get("/labels.json", self._labels),
                web.get("/host/{code}", self._host_page),
                web.get("/ws/host/{code}", self._host_socket),
                web.get("/ws/{code}", self._socket),
                *control.routes(),
                web.static("/static", STATIC),
                web.get("/teams/{code}", self._page("teams.html")),
                web.get("/zoom/{code}", self._page("zoom.html")),
                web.get("/{code}", self._page("meeting.html")),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=CLOSE_S)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port)
        await site.start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        assert self._runner is not None
        await asyncio.gather(*(_close(socket) for socket in self._sockets))
        await self._runner.cleanup()

    # Pages

    def _page(self, name: str) -> Any:
        async def show(request: web.Request) -> web.StreamResponse:
            return web.FileResponse(STATIC / name)

        return show

    async def _labels(self, request: web.Request) -> web.Response:
        return web.json_response(as_json(skin_of(request.query.get("platform", ""), request.query)))

    async def _host_page(self, request: web.Request) -> web.StreamResponse:
        self._room_of_host(request)
        return web.FileResponse(STATIC / "host.html")

    # Signalling

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        _same_origin(request)
        page, asked = _Page(self._sockets), request.query
        async with page.serve(request) as socket:
            code = request.match_info["code"]
            room = self._meetings.of_link(code, asked.get("scenario", ""), asked.get("after", ""))
            seat = room.open(page.send, skin_of(asked.get("platform", ""), asked))
            script = Script(room, seat, cut=page.cut)
            seat.arrived = script.arrived
            try:
                async for message in socket:
                    if message.type is not WSMsgType.TEXT or not _understood(room, seat, message.data):
                        break
            finally:
                script.stop()
                room.close(seat)
        return socket

    async def _host_socket(self, request: web.Request) -> web.WebSocketResponse:
        _same_origin(request)
        room = self._room_of_host(request)
        page = _Page(self._sockets)
        async with page.serve(request) as socket:
            room.watch(page.send)
            try:
                async for message in socket:
                    if message.type is not WSMsgType.TEXT:
                        break
                    body = _json_object(message.data)
                    act(room, str(body.get("verb")), str(body.get("who", "")))
            finally:
                room.unwatch(page.send)
        return socket

    def _room_of_host(self, request: web.Request) -> Room:
        room = self._meetings.of_host(request.match_info["code"], request.query.get("token", ""))
        if room is None:
            raise web.HTTPForbidden(text="This link is not the host's.")
        return room


class _Page:
    """One open WebSocket: a bounded queue out, written by one task; a page that cannot keep up is closed."""

    def __init__(self, sockets: set[web.WebSocketResponse]) -> None:
        self._sockets = sockets
        self._queue: asyncio.Queue[Message] = asyncio.Queue(QUEUE_LIMIT)
        self._socket = web.WebSocketResponse(heartbeat=HEARTBEAT_S, max_msg_size=MESSAGE_LIMIT)
        self._writer: asyncio.Task[None] | None = None
        self._request: web.Request | None = None

    def send(self, message: Message) -> None:
        with suppress(asyncio.QueueFull):
            self._queue.put_nowait(message)
            return
        if self._writer is not None:
            self._writer.cancel()

    def serve(self, request: web.Request) -> Self:
        self._request = request
        return self

    def cut(self) -> None:
        """The network between this page and us is gone, without a word."""
        transport = self._request.transport if self._request is not None else None
        if transport is not None:
            transport.abort()

    async def __aenter__(self) -> web.WebSocketResponse:
        assert self._request is not None
        await self._socket.prepare(self._request)
        self._sockets.add(self._socket)
        self._writer = asyncio.create_task(self._write())
        return self._socket

    async def __aexit__(self, *exc: object) -> None:
        assert self._writer is not None
        self._writer.cancel()
        await asyncio.gather(self._writer, return_exceptions=True)
        self._sockets.discard(self._socket)
        await _close(self._socket)

    async def _write(self) -> None:
        try:
            while True:
                message = await self._queue.get()
                frame = message["text"] if message["type"] == "frame" else json.dumps(message)
                await self._socket.send_str(frame)
        except ConnectionError:
            pass
        finally:
            await _close(self._socket)


def _is_origin(url: str) -> bool:
    address = address_of(url)
    return address is not None and address.scheme in ("http", "https") and address.tail in ("", "/")


def _page_of(base: str, room: Room, platform: str) -> str:
    return f"{base}/{room.code}" if platform == "meet" else f"{base}/{platform}/{room.code}"


def _host_page_of(base: str, room: Room) -> str:
    return f"{base}/host/{room.code}?token={room.host_token}"


def _understood(room: Room, seat: Seat, text: str) -> bool:
    body = _json_object(text)
    match body.get("type"):
        case "knock":
            room.knock(seat, str(body.get("name", "")), body)
        case "state":
            room.update(seat, body)
        case "chat":
            room.chat(seat, str(body.get("text", "")))
        case "signal":
            room.signal(seat, str(body.get("to", "")), body.get("body"))
        case "leave":
            room.leave(seat)
        case _:
            return False
    return True


def _json_object(text: str) -> Message:
    try:
        body = json.loads(text)
    except json.JSONDecodeError:
        return {}
    return body if isinstance(body, dict) else {}


def _same_origin(request: web.Request) -> None:
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc != request.host:
        raise web.HTTPForbidden(text="Only the simulator's own page may connect.")


async def _close(socket: web.WebSocketResponse) -> None:
    with suppress(TimeoutError, ConnectionError):
        async with asyncio.timeout(CLOSE_S):
            await socket.close()


@web.middleware
async def _with_headers(request: web.Request, handler: Any) -> web.StreamResponse:
    response: web.StreamResponse = await handler(request)
    if not isinstance(response, web.WebSocketResponse):
        response.headers.update(HEADERS)
    return response
