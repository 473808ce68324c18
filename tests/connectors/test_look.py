"""What one look at a real page finds."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from connectors.kit.browser import PROGRAMS, Browser
from connectors.kit.web.look import LOOK_JS, given, sighting_of
from connectors.meet.connector import MeetConnector
from connectors.teams.connector import TeamsConnector

pytestmark = [
    pytest.mark.slow,
    pytest.mark.parallel,
    pytest.mark.browser,
    pytest.mark.skipif(not any(map(shutil.which, PROGRAMS)), reason="no Chromium is installed"),
]
WRITTEN = """(numbers) => { document.body.innerHTML = numbers.map(
    (number) => `<div><b class="sender">Ada</b><p data-message-id="${number}">line ${number}</p></div>`).join(""); }"""


UNNAMED = """() => { document.body.innerHTML = '<div data-stream-type="Video">1</div>'
    + '<div data-stream-type="Video">2</div>'
    + '<div data-tid="participant-tile" data-participant="8:x"><span data-tid="participant-name">Ada</span></div>'; }"""


async def test_tiles_without_an_id_are_counted_and_are_nobody(tmp_path: Path) -> None:
    ways = TeamsConnector.ways
    async with Browser(tmp_path) as browser:
        await browser.page.evaluate(UNNAMED)
        asked = given(ways.screens, ways.roster, ways.least, "", joined=True)
        seen = sighting_of(await browser.page.evaluate(LOOK_JS, asked), frozenset())
    assert list(seen.people) == ["8:x"] and seen.tiles == 3 and seen.has_others


async def test_what_is_written_is_read_on_from_the_message_told_last_though_old_ones_are_dropped(
    tmp_path: Path,
) -> None:
    ways = MeetConnector.ways
    async with Browser(tmp_path) as browser:

        async def read(shown: range, after: str) -> list[str]:
            await browser.page.evaluate(WRITTEN, list(shown))
            asked = given(ways.screens, ways.roster, ways.least, after, joined=True)
            return [one.id for one in sighting_of(await browser.page.evaluate(LOOK_JS, asked), frozenset()).messages]

        assert await read(range(3), "") == ["0", "1", "2"]
        assert await read(range(5), "2") == ["3", "4"]
        assert await read(range(4, 7), "4") == ["5", "6"], "a page keeps only the latest"
        assert await read(range(200, 300), "4") == [str(number) for number in range(250, 300)]
