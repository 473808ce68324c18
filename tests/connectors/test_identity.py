"""A bot's browser does not pass for a person's: a page that asks is told that it is driven by a program."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

import connectors
from connectors.kit.browser import FLAGS, PROGRAMS, Browser

SOURCES = [path for path in Path(connectors.__file__).parent.rglob("*") if path.suffix in (".py", ".js")]
PRETENDS = re.compile(r"AutomationControlled|enable-automation|user[-_]?agent|\bwebdriver\b|stealth", re.IGNORECASE)


def test_nothing_in_the_connectors_touches_what_tells_a_program_from_a_person() -> None:
    found = [f"{path.name}: {line}" for path in SOURCES for line in path.read_text("utf-8").splitlines()]
    assert len(found) > 1000 and [line for line in found if PRETENDS.search(line)] == []
    assert [flag for flag in FLAGS if PRETENDS.search(flag)] == []


@pytest.mark.slow
@pytest.mark.parallel
@pytest.mark.browser
@pytest.mark.skipif(not any(map(shutil.which, PROGRAMS)), reason="no Chromium is installed")
async def test_a_page_that_asks_is_told_that_a_program_drives_its_browser(tmp_path: Path) -> None:
    async with Browser(tmp_path) as browser:
        assert await browser.page.evaluate("navigator.webdriver") is True
        assert "Headless" in await browser.page.evaluate("navigator.userAgent")
