"""A calendar's server on loopback that publishes a feed, and a keeper that reads it on a hand's clock."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.calendars.connect import connect
from bot.calendars.ics.feed import LIMITS
from bot.calendars.ics.source import IcsSource
from bot.calendars.keeper import Keeper
from bot.calendars.model import Join, Rules
from bot.calendars.policy import DEFAULT, Policy
from bot.calendars.sources import Source
from bot.domain.lifecycle import LIVE
from bot.egress.addresses import parse_networks
from bot.egress.requests import Egress
from bot.store import bots, calendars
from bot.store.calendar_tables import calendars as table
from bot.store.calendars import Calendar
from bot.vault import Vault
from tests.bot.clocks import HandClock
from tests.bot.stores import Seeded


@dataclass
class Publisher:
    """Gives `text` by the rules of conditional requests, or answers with `status`."""

    text: str = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    answers: list[int] = field(default_factory=list)
    url: str = ""
    meanwhile: Callable[[], Awaitable[object]] | None = None  # what happens while it is asked

    async def answer(self, request: web.Request) -> web.Response:
        if self.meanwhile is not None:
            await self.meanwhile()
        made = self._answer(request)
        self.answers.append(made.status)
        return made

    def _answer(self, request: web.Request) -> web.Response:
        if self.status != 200:
            return web.Response(status=self.status, headers=self.headers)
        etag = f'"{hashlib.sha256(self.text.encode()).hexdigest()[:16]}"'
        if request.headers.get("If-None-Match") == etag:
            return web.Response(status=304)
        return web.Response(text=self.text, content_type="text/calendar", headers={"ETag": etag, **self.headers})


@asynccontextmanager
async def publishing(publisher: Publisher) -> AsyncIterator[Publisher]:
    app = web.Application()
    app.router.add_get("/{name:.*}", publisher.answer)
    async with TestServer(app) as server:
        publisher.url = str(server.make_url("/secret/basic.ics"))
        yield publisher


@dataclass
class Office:
    """A workspace, its keeper, and time."""

    store: Seeded
    keeper: Keeper
    vault: Vault
    clock: HandClock

    async def connect(self, url: str, **options: Any) -> Calendar:
        given = {"rules": Rules(join=Join.ALL), "character_id": self.store.character.id, **options}
        async with self.store.database.write() as session:
            return await connect(
                session,
                self.vault,
                workspace_id=self.store.workspace.id,
                address=url,
                allow=parse_networks("127.0.0.1"),
                now=self.clock.now(),
                **given,
            )

    async def pass_time(self, *, minutes: float) -> None:
        """From one due sync to the next, to the end of these minutes."""
        end = self.clock.now() + timedelta(minutes=minutes)
        while True:
            while await self.keeper.sync_due():
                pass
            async with self.store.database.read() as session:
                active = table.c.state == calendars.ACTIVE
                next_at = (
                    await session.execute(sa.select(sa.func.min(table.c.next_sync_at)).where(active))
                ).scalar_one()
            until = min(end, next_at or end)
            if until >= end:
                break
            self.clock.advance((until - self.clock.now()).total_seconds())
        self.clock.advance((end - self.clock.now()).total_seconds())

    async def joins(self) -> list[str]:
        async with self.store.database.read() as session:
            found = await bots.list_newest(session, workspace_id=self.store.workspace.id, limit=99, states=LIVE)
        return sorted(f"{bot.join_at:%m-%d %H:%M}" for bot in found)

    async def calendar(self) -> Calendar:
        async with self.store.database.read() as session:
            return (await calendars.list_all(session, workspace_id=self.store.workspace.id))[0]


def office_of(
    store: Seeded, folder: Path, policy: Policy = DEFAULT, sources: Mapping[str, Source] | None = None
) -> Office:
    vault, clock = Vault(folder / "secret-keys"), HandClock()
    sender = Egress(allow=parse_networks("127.0.0.1"), limits=LIMITS)
    keeper = Keeper(
        store.database, vault, sources or {"ics": IcsSource(sender)}, clock=clock, policy=policy, chance=lambda: 1.0
    )
    return Office(store=store, keeper=keeper, vault=vault, clock=clock)
