"""A real server of page and API on a real SQLite database, and a browser's manners without a browser."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp.test_utils import TestClient, TestServer

from bot.api.app import make_app
from bot.api.feed import Feed, Pace
from bot.api.handlers.live import StreamLimits
from bot.domain.roles import Role
from bot.store import sign_ins
from tests.bot.api.conftest import google, microsoft
from tests.bot.clocks import HandClock
from tests.bot.stores import Seeded

SESSION = "/dashboard/session"


@dataclass(frozen=True, kw_only=True)
class Dashboard:
    client: TestClient[Any, Any]
    store: Seeded
    clock: HandClock
    home: Path

    @property
    def origin(self) -> str:
        return f"http://{self.client.host}:{self.client.port}"

    async def token(self, role: Role = Role.ADMIN) -> str:
        mine = {"workspace_id": self.store.workspace.id, "role": role}
        async with self.store.database.write() as session:
            return await sign_ins.issue_token(session, **mine, now=self.clock.now())

    async def ask(self, method: str, path: str, *, origin: str | None = None, **more: Any) -> aiohttp.ClientResponse:
        """As our own page does, or one from `origin`; "" for none."""
        headers = {"Origin": self.origin if origin is None else origin}
        return await self.client.request(method, path, headers=headers if headers["Origin"] else {}, **more)

    async def sign_in(self, *, role: Role = Role.ADMIN, **more: Any) -> aiohttp.ClientResponse:
        return await self.ask("POST", SESSION, json={"token": await self.token(role)}, **more)

    def secret(self) -> str:
        return next((cookie.value for cookie in self.client.session.cookie_jar), "")


def split(name: str, text: str) -> list[tuple[str, str]]:
    return [(name, text)]


@asynccontextmanager
async def dashboard_on(
    store: Seeded, home: Path, *, pace: Pace | None = None, limits: StreamLimits | None = None
) -> AsyncIterator[Dashboard]:
    clock = HandClock()
    feed = Feed(store.database, pace or Pace(tick_s=0.01))
    given = {"home": home, "split": split, "clock": clock, "feed": feed, "stream_limits": limits}
    given |= {"google": google(), "microsoft": microsoft()}
    app = make_app(store.database, **given)
    jar = aiohttp.CookieJar(unsafe=True)  # the server's name is an address
    async with TestClient(TestServer(app), cookie_jar=jar) as client:
        yield Dashboard(client=client, store=store, clock=clock, home=home)
