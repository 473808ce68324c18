"""The page in a real Chromium on a real server, and bots moved by hand in the database, as their processes would."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page, async_playwright

from bot.api.feed import Pace
from bot.domain.lifecycle import BotState
from bot.domain.roles import Role
from bot.store import bots, leases, transcripts
from connectors.kit.browser import find_chromium
from tests.bot.api.dashboard_server import Dashboard, dashboard_on
from tests.bot.stores import NOW, Seeded

WAIT_MS = 30_000
HOUR = timedelta(hours=1)
LIVE_PATH = (BotState.STARTING, BotState.JOINING, BotState.IN_CALL)


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One page, signed in or not, and what its console complained of."""

    page: Page
    dashboard: Dashboard
    complaints: list[str] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"{self.dashboard.origin}/dashboard/"

    async def enter(self, role: Role = Role.ADMIN) -> None:
        """Signed in by the link, as `up` prints it."""
        await self.page.goto(f"{self.address}#token={await self.dashboard.token(role)}")
        await self.page.wait_for_selector(".link.open")

    async def live_bot(self, meeting: str = "abc-defg-hij", **options: Any) -> bots.Bot:
        return await self.bring_in(await self.dashboard.store.bot(meeting, **options))

    async def bring_in(self, made: bots.Bot) -> bots.Bot:
        async with self.dashboard.store.database.write() as session:
            await leases.claim_due(session, owner="d", data={}, due_by=NOW, now=NOW, launch_by=NOW + HOUR, limit=9)
            for state in LIVE_PATH:
                made = await bots.move(session, made.id, attempt=1, to=state, at=NOW)
        return made

    async def say(self, bot: bots.Bot, text: str, **more: Any) -> None:
        words = {"speaker_id": "1", "speaker_name": "Ada", "start_ms": 0, "end_ms": 9, "source": "test", **more}
        async with self.dashboard.store.database.write() as session:
            await transcripts.append(session, bot.id, attempt=1, segment=transcripts.Segment(text=text, **words))

    async def kinds(self, bot: bots.Bot) -> list[str]:
        """Of the bot's events, moves left out."""
        async with self.dashboard.store.database.read() as session:
            return [event.kind for event in await bots.events(session, bot.id) if event.kind != "state"]


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """As users have it: a page's policy holds, which the kit's own browser sets aside."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=find_chromium(), chromium_sandbox=os.geteuid() != 0)
        async with browser:
            yield browser


@asynccontextmanager
async def shown_in(browser: Browser, store: Seeded, home: Path) -> AsyncIterator[Shown]:
    async with dashboard_on(store, home, pace=Pace(tick_s=0.1)) as dashboard:
        page = await browser.new_page()
        page.set_default_timeout(WAIT_MS)
        shown = Shown(page=page, dashboard=dashboard)
        page.on("pageerror", lambda error: shown.complaints.append(str(error)))
        page.on("dialog", lambda dialog: shown.complaints.append(dialog.message))
        page.on("console", lambda said: "Security Policy" in said.text and shown.complaints.append(said.text))
        try:
            yield shown
        finally:
            await page.close()
