"""What servers in the shape of a calendar's provider share: people's events with versions, OAuth, serving, telling.

It knows no provider: a server of one is a file beside this, written from that provider's documentation.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urlencode

import aiohttp
from aiohttp import web


@dataclass
class CalendarServer:
    page: int = 250  # events a page
    refused: list[tuple[int, str]] = field(default_factory=list)  # (status, reason) of the next answers of the API
    drop_messages: bool = False
    time_s: Callable[[], float] = time.time
    asked: list[str] = field(default_factory=list)  # "GET events", "POST watch"...
    answered: list[int] = field(default_factory=list)  # by receivers of messages
    url: str = ""

    def __post_init__(self) -> None:
        self._events: dict[str, dict[str, tuple[int, dict[str, Any]]]] = {}  # calendar: id: (version, item)
        self._version, self._dead_before = 0, 0
        self._grants: set[str] = set()  # refresh tokens
        self._access: set[str] = set()
        self._codes: dict[str, str] = {}  # code: the challenge it was asked for with
        self._sending: set[asyncio.Task[None]] = set()

    # for a provider's own

    def routes(self) -> list[web.RouteDef]:
        raise NotImplementedError

    @property
    def followers(self) -> Collection[str]:
        """Those who are told of changes, by the ids that they were given."""
        raise NotImplementedError

    def tell(self, calendar: str) -> None:
        """It has changed."""
        raise NotImplementedError

    # what people and operators do

    def keep(self, calendar: str, event_id: str, item: Mapping[str, Any]) -> None:
        """An event is as it is now, and who follows its calendar is told."""
        self._version += 1
        self._events.setdefault(calendar, {})[event_id] = (self._version, dict(item))
        self.tell(calendar)

    def kill_sync_tokens(self) -> None:
        self._version += 1
        self._dead_before = self._version

    def revoke(self) -> None:
        """All grants end."""
        self._grants.clear()
        self._access.clear()

    def grant(self) -> str:
        """A refresh token, as consent gives one."""
        self._grants.add(made := f"1//{secrets.token_urlsafe(16)}")
        return made

    async def told(self) -> None:
        """All messages are delivered or given up."""
        while self._sending:
            await asyncio.gather(*self._sending)

    @asynccontextmanager
    async def serving(self, *, host: str = "127.0.0.1") -> AsyncIterator[Self]:
        app = web.Application()
        app.add_routes(self.routes())
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            site = web.TCPSite(runner, host, 0)
            await site.start()
            self.url = f"http://{host}:{runner.addresses[0][1]}"
            yield self
        finally:
            for sending in self._sending:
                sending.cancel()
            await runner.cleanup()

    # shared parts of an answer

    async def consent(self, request: web.Request) -> web.Response:
        """A person who says yes at once."""
        self._codes[code := secrets.token_urlsafe(8)] = request.query.get("code_challenge", "")
        back = urlencode({"code": code, "state": request.query.get("state", "")})
        raise web.HTTPFound(f"{request.query['redirect_uri']}?{back}")

    def is_code(self, said: Mapping[str, Any]) -> bool:
        """Is a code shown, for the first time, by who asked for it (RFC 7636, 4.6)?"""
        challenge = self._codes.pop(str(said.get("code")), None)
        if said.get("grant_type") != "authorization_code" or challenge is None:
            return False
        digest = hashlib.sha256(str(said.get("code_verifier", "")).encode()).digest()
        return not challenge or challenge == urlsafe_b64encode(digest).decode().rstrip("=")

    def is_grant(self, said: Mapping[str, Any]) -> bool:
        return said.get("grant_type") == "refresh_token" and said.get("refresh_token") in self._grants

    def access_token(self) -> dict[str, Any]:
        self._access.add(made := secrets.token_urlsafe(16))
        return {"access_token": made, "expires_in": 3599, "token_type": "Bearer"}

    def is_open_to(self, request: web.Request) -> bool:
        return request.headers.get("Authorization", "").removeprefix("Bearer ") in self._access

    def since(self, calendar: str, version: int) -> list[dict[str, Any]]:
        """What is newer, oldest first."""
        known = sorted(self._events.get(calendar, {}).values(), key=lambda one: one[0])
        return [item for at, item in known if at > version]

    def send(self, address: str, *, tries: int, retried: frozenset[int], **message: Any) -> None:
        """Post a message, in the background."""
        sending = asyncio.get_running_loop().create_task(self.post(address, tries=tries, retried=retried, **message))
        self._sending.add(sending)
        sending.add_done_callback(self._sending.discard)

    async def post(self, address: str, *, tries: int, retried: frozenset[int], **message: Any) -> None:
        async with aiohttp.ClientSession() as session:
            for _ in range(tries):
                async with session.post(address, **message) as answer:
                    self.answered.append(answer.status)
                    if answer.status not in retried:
                        return
