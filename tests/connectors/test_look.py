"""What one look at a real page finds."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.kit.browser import Browser
from connectors.kit.web.look import LOOK_JS, given, sighting_of
from connectors.meet.connector import MeetConnector
from connectors.teams.connector import TeamsConnector
from tests.connectors import needs

pytestmark = [
    pytest.mark.slow,
    pytest.mark.parallel,
    *needs.browser,
]
WRITTEN = """(numbers) => { document.body.innerHTML = numbers.map(
    (number) => `<div><b class="sender">Ada</b><p data-message-id="${number}">line ${number}</p></div>`).join(""); }"""


WITHOUT_IDS = """() => { document.body.innerHTML = '<div data-stream-type="Video">Ada</div>'
    + '<div data-stream-type="Video"><p class="speaking">Ben</p></div><p data-mid="1">hi</p>'; }"""


async def test_tiles_without_an_id_are_counted_and_what_they_say_is_no_notice(tmp_path: Path) -> None:
    ways = TeamsConnector.ways
    async with Browser(tmp_path) as browser:
        await browser.page.evaluate(WITHOUT_IDS)
        asked = given(ways.screens, ways.roster, ways.least, "", joined=False)
        seen = sighting_of(await browser.page.evaluate(LOOK_JS, asked), frozenset())
    assert seen.people == {} and seen.tiles == 2 and seen.has_others and seen.phrases == ()
    found = {"people.tile": 1, "people.speaking": 1, "people.message": 0}
    assert {name: at for name, at in seen.ways.items() if name.startswith("people.")} == found


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
        assert await read(range(90), "") == [str(number) for number in range(40, 90)], "the first look takes the latest"
        assert await read(range(5), "2") == ["3", "4"]
        assert await read(range(4, 7), "4") == ["5", "6"], "a page keeps only the latest"
        assert await read(range(200, 300), "4") == [str(number) for number in range(250, 300)]
