"""Every screen of the simulator's table is known for what it is: by recorded looks, and before a real browser."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from connectors.kit.browser import PROGRAMS, Browser
from connectors.kit.web.classifier import Sighting, classify
from connectors.kit.web.screens import Place
from connectors.simulator import SimulatorServer
from connectors.simulator.screens import LANGUAGES, PLAIN, PLATFORMS, Cell, cells, rows, table
from tests.connectors.matrix import (
    CONNECTORS,
    Outcome,
    chosen,
    expected,
    is_known,
    key,
    meaning,
    play,
    recorded,
    wrong,
)

real = [
    pytest.mark.browser,
    pytest.mark.skipif(not any(map(shutil.which, PROGRAMS)), reason="no Chromium is installed"),
]
FEW = (
    Cell(platform="meet", name="lobby", variant="host_brings", language="en"),
    Cell(platform="teams", name="request_denied", variant=PLAIN, language="de"),
    Cell(platform="zoom", name="sdk_required", variant=PLAIN, language="en"),
)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_the_table_marks_what_is_missing_and_names_its_sources(platform: str) -> None:
    sources = table(platform)["sources"]
    for (name, variant), row in rows(platform).items():
        known = {language for language in LANGUAGES if language in row}
        assert known | set(row["missing"]) == set(LANGUAGES) and not known & set(row["missing"]), (name, variant)
        assert all(row[language]["source"] in sources for language in known)
    assert all(one["url"].startswith("https://") or name == "ours" for name, one in sources.items())


def test_every_cell_whose_words_are_known_has_been_seen() -> None:
    assert {key(cell) for cell, _ in recorded()} == {key(cell) for cell in cells() if is_known(cell)}


@pytest.mark.parametrize("platform", PLATFORMS)
def test_recorded_screens_are_known_for_what_they_are(platform: str) -> None:
    misread = []
    for cell, look in recorded():
        if cell.platform == platform:
            seen = Sighting(**{name: value if name == "title" else frozenset(value) for name, value in look.items()})
            verdict = classify(CONNECTORS[platform].ways.screens, seen)
            if meaning(cell, verdict) != expected(cell):
                misread.append((cell, verdict))
            assert (verdict is not None and verdict.place is Place.LOBBY) == (cell.name == "lobby"), cell
    assert misread == []


@pytest.fixture
async def browser(tmp_path: Path) -> AsyncIterator[Browser]:
    async with Browser(tmp_path) as browser:
        yield browser


async def played(browser: Browser, chosen: list[Cell]) -> list[Outcome]:
    async with SimulatorServer() as simulator:
        return [await play(browser, simulator.base_url, cell) for cell in chosen]


@pytest.mark.slow
@pytest.mark.usefixtures("browser")
class TestBeforeABrowser:
    pytestmark = real

    async def test_a_few_screens_of_each_platform_are_known(self, browser: Browser) -> None:
        outcomes = await played(browser, list(FEW))
        assert [said for said in map(wrong, outcomes) if said] == []
        assert [one.said for one in outcomes] == ["lobby_timeout", "request_denied", "sdk_required"]
        assert [one.lobby for one in outcomes] == [True, False, False]


@pytest.mark.acceptance
@pytest.mark.timeout(600)
class TestTheWholeTable:
    pytestmark = real

    @pytest.mark.parametrize("language", LANGUAGES)
    @pytest.mark.parametrize("platform", PLATFORMS)
    async def test_every_cell_is_known_or_left_open(self, browser: Browser, platform: str, language: str) -> None:
        outcomes = await played(browser, chosen(platform, language))
        assert [said for said in map(wrong, outcomes) if said] == []
