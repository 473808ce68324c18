"""The loopback channel between this process and its own page: pictures go in, sound comes out.

One server on 127.0.0.1 and a free port. Its addresses hold a token, so that no other page or process on the host can
speak to it. A page that a public site served reaches it only with Chromium's `local-network-access` permission.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Self

from aiohttp import web

HOST = "127.0.0.1"
CLOSE_S = 1.0
MESSAGE_LIMIT = 64 * 1024

Handler = Callable[[web.WebSocketResponse], Awaitable[None]]


class Channel:
    """Entered, it listens. `serve` says who talks to the page that opens `ws_url(name)`."""

    def __init__(self) -> None:
        self._token = secrets.token_urlsafe(24)
        self._handlers: dict[str, Handler] = {}
        self._sockets: set[web.WebSocketResponse] = set()
        self._runner: web.AppRunner | None = None
        self._port = 0

    def serve(self, name: str, handler: Handler) -> None:
        self._handlers[name] = handler

    def ws_url(self, name: str) -> str:
        return f"ws://{HOST}:{self._port}/{self._token}/{name}"

    @property
    def blank_url(self) -> str:
        """An empty page in a secure context, for trying devices."""
        return f"http://{HOST}:{self._port}/{self._token}/"

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.add_routes([web.get("/{token}/", self._blank), web.get("/{token}/{name}", self._socket)])
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=CLOSE_S)
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, 0).start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        assert self._runner is not None
        await asyncio.gather(*(_close(socket) for socket in tuple(self._sockets)))
        await self._runner.cleanup()

    def _require_token(self, request: web.Request) -> None:
        if not hmac.compare_digest(request.match_info["token"].encode(), self._token.encode()):
            raise web.HTTPNotFound

    async def _blank(self, request: web.Request) -> web.Response:
        self._require_token(request)
        return web.Response(text="<!doctype html><title>.</title>", content_type="text/html")

    async def _socket(self, request: web.Request) -> Any:
        self._require_token(request)
        handler = self._handlers.get(request.match_info["name"])
        if handler is None:
            raise web.HTTPNotFound
        socket = web.WebSocketResponse(compress=False, max_msg_size=MESSAGE_LIMIT)
        await socket.prepare(request)
        self._sockets.add(socket)
        try:
            await handler(socket)
        finally:
            self._sockets.discard(socket)
            await _close(socket)
        return socket


async def _close(socket: web.WebSocketResponse) -> None:
    with suppress(TimeoutError, ConnectionError):
        async with asyncio.timeout(CLOSE_S):
            await socket.close()
