"""A user's server on loopback, up or down as a test wants, and a courier that brings it messages on a hand's clock."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.domain.lifecycle import BotState
from bot.egress.addresses import parse_networks
from bot.egress.requests import Egress
from bot.store import bots, tables, webhook_deliveries, webhook_endpoints
from bot.store.webhook_endpoints import Endpoint
from bot.store.webhook_tables import deliveries
from bot.vault import Vault
from bot.webhooks import signing
from bot.webhooks.courier import Courier
from tests.bot.clocks import HandClock
from tests.bot.stores import Seeded

SETTLED = timedelta(seconds=webhook_deliveries.SETTLED_AFTER_S)


@dataclass
class Receiver:
    """Answers with `status`, and keeps what it took with a 2xx: headers and body."""

    status: int = 200
    says: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    taken: list[tuple[dict[str, str], str]] = field(default_factory=list)
    asked: int = 0
    port: int = 0

    async def answer(self, request: web.Request) -> web.Response:
        self.asked += 1
        if self.status < 300:
            self.taken.append((dict(request.headers), await request.text()))
        return web.Response(status=self.status, text=self.says, headers=self.headers)

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.taken]

    @property
    def ids(self) -> list[str]:
        return [headers["webhook-id"] for headers, _ in self.taken]


@asynccontextmanager
async def receiving(receiver: Receiver) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/hook", receiver.answer)
    async with TestServer(app, port=receiver.port) as server:
        receiver.port = server.port or 0
        yield str(server.make_url("/hook"))


@dataclass
class Post:
    """A workspace's endpoints and the courier that serves them."""

    store: Seeded
    courier: Courier
    vault: Vault
    clock: HandClock

    async def endpoint(self, url: str, **options: Any) -> tuple[Endpoint, str]:
        """And its secret."""
        secret, endpoint_id = signing.new_secret(), tables.new_id()
        sealed = self.vault.seal(secret, place=webhook_endpoints.place(endpoint_id))
        given = {"workspace_id": self.store.workspace.id, "now": self.clock.now(), **options}
        async with self.store.database.write() as session:
            made = await webhook_endpoints.create(
                session, endpoint_id=endpoint_id, url=url, sealed_secret=sealed, **given
            )
        return made, secret

    async def bot(self, meeting: str, *states: BotState) -> bots.Bot:
        """A bot that has come through these states, now."""
        bot = await self.store.bot(meeting, at=self.clock.now())
        for state in states:
            async with self.store.database.write() as session:
                bot = await bots.move(session, bot.id, attempt=0, to=state, at=self.clock.now())
        return bot

    async def pass_time(self, *, hours: float) -> None:
        """From one due delivery to the next, to the end of these hours."""
        end = self.clock.now() + timedelta(hours=hours)
        while self.clock.now() < end:
            await self.work()
            async with self.store.database.read() as session:
                later = sa.and_(deliveries.c.state == "waiting", deliveries.c.next_at > self.clock.now())
                next_at = (
                    await session.execute(sa.select(sa.func.min(deliveries.c.next_at)).where(later))
                ).scalar_one()
                if await webhook_deliveries.any_untold(session, now=self.clock.now() + SETTLED):
                    next_at = self.clock.now() + SETTLED
            until = min(end, next_at or end)
            self.clock.advance((until - self.clock.now()).total_seconds())
        await self.work()

    async def settle(self) -> None:
        """What happened just now is told, and sent once."""
        self.clock.advance(webhook_deliveries.SETTLED_AFTER_S)
        await self.work()

    async def work(self) -> None:
        while await self.courier.tell() or await self.courier.deliver():
            pass

    async def now(self, endpoint: Endpoint) -> Endpoint:
        async with self.store.database.read() as session:
            return await webhook_endpoints.get(session, endpoint.id, workspace_id=endpoint.workspace_id)


def post_of(store: Seeded, folder: Path, clock: HandClock, **options: Any) -> Post:
    vault = Vault(folder / "secret-keys")
    sender = options.pop("sender", None) or Egress(allow=parse_networks("127.0.0.1"))
    given = {"clock": clock, "chance": lambda: 0.5, **options}
    return Post(store=store, courier=Courier(store.database, vault, sender, **given), vault=vault, clock=clock)
