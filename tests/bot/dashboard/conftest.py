"""One Chromium for the tests of a file, and a page of its own for each."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from playwright.async_api import Browser

from tests.bot.dashboard.stage import Shown, chromium, shown_in
from tests.bot.stores import SqliteTemplate, seeded


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="module")
async def shown(browser: Browser, sqlite_template: SqliteTemplate, tmp_path: Path) -> AsyncIterator[Shown]:
    async with seeded(await sqlite_template.fresh(tmp_path)) as store, shown_in(browser, store, tmp_path) as shown:
        yield shown
        assert shown.complaints == []
