"""The asker in a real meeting with a participant made of a canvas and an oscillator."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Page

from bot.rehearsal.asker import AskerStuck, BrowserAsker
from bot.rehearsal.measure import Series, Sound, dark_area, frames_per_second, spans, speech_match
from connectors.kit.browser import Browser
from connectors.simulator import SimulatorServer
from connectors.simulator.rooms import Policy, Room
from tests.connectors import needs

pytestmark = [
    pytest.mark.slow,
    *needs.browser,
    *needs.sound,
    pytest.mark.skipif(not shutil.which("flite"), reason="flite is not installed"),
]
MOUTH = (0.45, 0.53, 0.1, 0.13)
TALK_S = 3.0
LATE_S = 0.2


@asynccontextmanager
async def meeting(folder: Path) -> AsyncIterator[tuple[BrowserAsker, Page, Room]]:
    """The asker and the other one, both in the call."""
    async with SimulatorServer() as simulator, BrowserAsker(folder / "asker") as asker, Browser(folder) as browser:
        room = simulator.create_meeting(Policy(lobby=False))
        await asker.join(simulator.url(room))
        await browser.page.add_init_script(path=Path(__file__).with_name("person.js"))
        await browser.page.goto(simulator.url(room))
        await browser.page.locator("#name").fill("Pat")
        await browser.page.locator("#join").click()
        await asker.watch(MOUTH)
        yield asker, browser.page, room


async def talk(asker: BrowserAsker, page: Page) -> tuple[Sound, Series, tuple[int, int] | None]:
    """What the asker heard and saw while the other one talked."""
    began_s = time.monotonic()
    await page.evaluate("(ms) => window.talk(ms)", TALK_S * 1000)
    await asyncio.sleep(TALK_S + 1.5)
    seen = asker.seen(began_s, began_s + TALK_S + 1)
    mouth = Series(times_s=seen.times_s, values=dark_area(seen.mouths))
    return asker.ears.sound(began_s, began_s + TALK_S + 1), mouth, seen.size()


async def lag_with(asker: BrowserAsker, page: Page, delay_s: float) -> float:
    """How late the sound is against the picture, when the picture is that much late."""
    await page.evaluate("(ms) => { window.late = ms; }", delay_s * 1000)
    heard, mouth, _ = await talk(asker, page)
    return lag_of(heard, mouth)


def lag_of(heard: Sound, mouth: Series) -> float:
    found = speech_match([(mouth, heard)])
    assert found is not None and found.r > 0.5, found
    return found.lag_s


async def test_the_asker_speaks_hears_sees_and_leaves(tmp_path: Path) -> None:
    async with meeting(tmp_path) as (asker, page, room):
        spoken = await asker.say("How often should I water my plants?")
        assert spoken is not None and 1.0 < spoken.seconds < 4.0
        await talk(asker, page)  # a call's buffers settle while there is sound
        heard, mouth, size = await talk(asker, page)
        assert size == (640, 360)
        assert (frames_per_second(mouth.times_s) or 0) > 12
        assert 2.0 < sum(span.seconds for span in spans(heard)) < 4.0
        # By turns, for what a call's buffers hold wanders by the length of the delay on a busy machine; each is held
        # against the mean of those before and after it, which an even drift leaves as it is.
        later_s = [await lag_with(asker, page, delay_s) for delay_s in (LATE_S, 0.0, LATE_S)]
        lags_s = [lag_of(heard, mouth), *later_s]
        told_s = (lags_s[0] - 3 * lags_s[1] + 3 * lags_s[2] - lags_s[3]) / 4
        assert abs(told_s - LATE_S) < 0.1, f"the injected delay of the picture is what is measured: {lags_s}"
        await asker.leave()
        assert [seat.name for seat in room.people()] == ["Pat"]


@pytest.mark.parallel
async def test_a_wrong_link_is_told_by_the_screen(tmp_path: Path) -> None:
    async with SimulatorServer() as simulator, BrowserAsker(tmp_path / "asker") as asker:
        with pytest.raises(AskerStuck, match="shows 'notice', not prejoin"):
            await asker.join(f"{simulator.base_url}/abc-defg-hij")
