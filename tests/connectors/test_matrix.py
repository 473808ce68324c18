"""Every screen of the simulator's table is known for what it is: by recorded looks, and before a real browser."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.base import Evidence
from connectors.kit.browser import Browser
from connectors.kit.web.classifier import Sighting, classify, sighting
from connectors.kit.web.screens import Place
from connectors.simulator import SimulatorServer
from connectors.simulator.screens import LANGUAGES, PLAIN, PLATFORMS, TABLES, Cell, rows, table
from tests.connectors import needs
from tests.connectors.matrix import (
    CONNECTORS,
    OPEN,
    REPLICA,
    SOURCE,
    Outcome,
    chosen,
    counts,
    expected,
    key,
    meaning,
    play,
    recorded,
    sighting_from,
    to_record,
    wrong,
)

real = [
    *needs.browser,
]
TOLD = Cell(platform="meet", name="meeting_ended", variant=PLAIN, language="en")
MARKED = Cell(platform="teams", name="blocked_by_policy", variant=PLAIN, language="ja")
TOLD_ENDING = Cell(platform="zoom", name="removed", variant=PLAIN, language="en")
UNTOLD = Cell(platform="meet", name="meeting_ended", variant=PLAIN, language="ja")
LOOK = sighting("(the words of this screen are not known in ja)")
SHOWN = Evidence(url="", screenshot=Path("shown.png"), html=Path("shown.html"))
LOBBIES = (("meet", "meeting_not_started"),)  # one may wait on that screen, though it is no "lobby" of the table's
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
    assert all(one["url"].startswith("https://") for one in sources.values()), "no wording is our own"


def test_every_kind_of_cell_has_been_seen() -> None:
    assert {key(cell) for cell, _ in recorded()} == {key(cell) for cell in to_record()}


def test_the_readme_says_what_decides_of_how_many_cells() -> None:
    found, readme = counts(), (TABLES.parent / "README.md").read_text("utf-8")
    told = f"{found.total()} places", f"{found[SOURCE]} by what a source tells", f"{found[REPLICA]} by marks of our own"
    assert all(one in " ".join(readme.split()) for one in (*told, f"other {found[OPEN]} stay open")), found


def test_a_cell_of_which_something_is_known_has_one_outcome() -> None:
    for cell, evidence in ((TOLD, None), (MARKED, None), (TOLD_ENDING, None), (UNTOLD, SHOWN)):
        missing = Outcome(cell=cell, said="page_not_understood", lobby=False, call=False, evidence=evidence, seen=LOOK)
        assert bool(wrong(missing)) == (cell is not UNTOLD), cell
        right = replace(missing, said=expected(cell))
        assert ("no evidence" in wrong(right)) == (evidence is None), cell
    assert "before it was shown" in wrong(replace(missing, seen=Sighting()))


@pytest.mark.parametrize("platform", PLATFORMS)
def test_recorded_screens_are_known_for_what_they_are(platform: str) -> None:
    misread = []
    for cell, look in recorded():
        if cell.platform == platform:
            verdict = classify(CONNECTORS[platform].ways.screens, sighting_from(look))
            if meaning(cell, verdict) != expected(cell):
                misread.append((cell, verdict))
            waits = cell.name == "lobby" or (platform, cell.name) in LOBBIES
            assert (verdict is not None and verdict.place is Place.LOBBY) == waits, cell
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
