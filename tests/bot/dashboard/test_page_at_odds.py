"""The dashboard in Chromium on a bad day: lists that are slow or fail, fingers that slip, tabs nobody looks at."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import Page, Route

from bot.domain.lifecycle import BotState
from bot.store import bots
from tests.bot.clocks import until
from tests.bot.dashboard.stage import Shown

pytestmark = [pytest.mark.slow, pytest.mark.parallel, pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]
HOLD_MS, SLIP_MS = 1300, 400
WAIT_S = 30.0
HIDE_JS = """(hidden) => {
  Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""
DRAWN_JS = "new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))"
FETCH_JS = "fetch(location.pathname).then((answer) => answer.text())"


async def test_what_is_told_while_a_list_is_read_is_newer_than_the_list(shown: Shown) -> None:
    moved, asked, answered = await shown.dashboard.store.bot("mov-edxx-xxx"), asyncio.Event(), asyncio.Event()

    async def late(route: Route) -> None:
        asked.set()
        await answered.wait()
        await route.continue_()

    await shown.page.route("**/api/v1/bots?phase=ended*", late)
    await shown.enter()
    async with asyncio.timeout(WAIT_S):
        await asked.wait()
    await shown.bring_in(moved)
    await shown.dashboard.store.bot("new-onex-xxx")
    states = shown.page.locator(".bots .state")
    await states.filter(has_text="In the meeting").wait_for()
    await states.filter(has_text="Scheduled").wait_for()
    answered.set()
    await shown.page.locator(".hold", has_text="Stop all (1)").wait_for()  # as many as are known, once all are
    assert sorted(await states.all_inner_texts()) == ["In the meeting", "Scheduled"]


async def test_all_can_be_stopped_though_the_lists_cannot_be_read_and_they_are_read_again(shown: Shown) -> None:
    bot = await shown.live_bot()
    await shown.page.route("**/api/v1/bots?*", lambda route: route.fulfill(status=503, json={"title": "away"}))
    await shown.enter()
    await shown.page.locator(".problem").wait_for()
    await shown.page.locator(".hold", has_text="Stop all").click(delay=HOLD_MS)
    await until(lambda: _told(shown, bot, 1))
    await shown.page.unroute("**/api/v1/bots?*")
    await shown.page.locator(".hold", has_text="Stop all (1)").wait_for()


async def _told(shown: Shown, bot: bots.Bot, count: int) -> bool:
    return (await shown.kinds(bot)).count("asked.kill") == count


async def test_all_can_be_stopped_though_no_live_bot_is_known_and_only_what_came_of_it_is_told(shown: Shown) -> None:
    waiting = await shown.dashboard.store.bot()  # its time is past, as between two attempts
    await shown.enter()
    await shown.page.locator(".bots .state", has_text="Scheduled").wait_for()
    stop_all = shown.page.locator(".hold")
    assert await stop_all.inner_text() == "Stop all"
    await stop_all.click(delay=HOLD_MS)
    await shown.page.locator(".grow", has_text="1 told to stop").wait_for()
    async with shown.dashboard.store.database.read() as session:
        assert (await bots.get(session, waiting.id)).state is BotState.CANCELLED
    await shown.page.route("**/api/v1/kill", lambda route: route.fulfill(status=503, json={"title": "away"}))
    await stop_all.click(delay=HOLD_MS)
    await shown.page.locator(".problem").wait_for()
    assert await shown.page.inner_text(".bar .grow") == ""


async def test_a_bot_is_called_told_to_stop_when_the_server_has_said_so(shown: Shown) -> None:
    bot, asked, answered = await shown.live_bot(), asyncio.Event(), asyncio.Event()

    async def late(route: Route) -> None:
        asked.set()
        await answered.wait()
        await route.continue_()

    await shown.page.route("**/kill", late)
    await shown.enter()
    await shown.page.goto(f"{shown.address}#/bots/{bot.id}")
    await shown.page.click("text=Stop now")
    async with asyncio.timeout(WAIT_S):
        await asked.wait()
    await shown.page.evaluate(DRAWN_JS)
    assert "told to stop" not in await shown.page.inner_text(".actions")
    answered.set()
    await shown.page.locator(".actions", has_text="told to stop").wait_for()


async def test_a_finger_that_slides_off_or_lets_go_stops_nobody(shown: Shown) -> None:
    bot = await shown.live_bot()
    await shown.enter()
    await shown.page.locator(".hold").wait_for()
    await _touch(shown.page, held_ms=SLIP_MS, slides=False)
    await _touch(shown.page, held_ms=HOLD_MS, slides=True)
    assert await shown.kinds(bot) == []
    await _touch(shown.page, held_ms=HOLD_MS, slides=False)
    await until(lambda: _told(shown, bot, 1))


async def _touch(page: Page, *, held_ms: float, slides: bool) -> None:
    box = await page.locator(".hold").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    devtools = await page.context.new_cdp_session(page)
    await devtools.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    for step in range(1, 6 if slides else 1):
        point = {"x": x, "y": y + 40 * step}
        await devtools.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [point]})
    await page.wait_for_timeout(held_ms)
    await devtools.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    await devtools.detach()


async def test_a_page_nobody_sees_gives_its_connection_back_and_goes_on_when_it_is_seen(shown: Shown) -> None:
    await shown.page.clock.install()
    await shown.enter()
    await shown.page.evaluate(HIDE_JS, True)
    await shown.page.clock.run_for(11_000)
    await shown.live_bot()
    await shown.page.clock.run_for(11_000)
    await shown.page.wait_for_timeout(500)  # five times what the stream takes
    assert await shown.page.locator(".bot").count() == 0
    await shown.page.evaluate(HIDE_JS, False)
    await shown.page.clock.run_for(1_000)
    await shown.page.locator(".bot", has_text="In the meeting").wait_for()


async def test_a_page_seen_again_while_it_asks_why_it_was_refused_has_one_stream(shown: Shown) -> None:
    streams, asked, answered = 0, asyncio.Event(), asyncio.Event()

    async def live(route: Route) -> None:
        nonlocal streams
        streams += 1
        await (route.continue_() if streams > 1 else route.fulfill(status=503, json={}))

    async def late(route: Route) -> None:
        if route.request.method == "GET" and streams:
            asked.set()
            await answered.wait()
        await route.continue_()

    await shown.page.clock.install()
    await shown.page.route("**/api/v1/live*", live)
    await shown.page.route("**/dashboard/session", late)
    await shown.page.goto(f"{shown.address}#token={await shown.dashboard.token()}")
    async with asyncio.timeout(WAIT_S):
        await asked.wait()
    await shown.page.evaluate(HIDE_JS, True)
    await shown.page.clock.run_for(11_000)
    await shown.page.evaluate(HIDE_JS, False)
    await shown.page.wait_for_selector(".link.open")
    async with shown.page.expect_response("**/dashboard/session") as session:
        answered.set()
    await (await session.value).finished()
    for _ in range(2):
        await shown.page.evaluate(FETCH_JS)  # whatever was asked before it was asked by now
        await shown.page.clock.run_for(2_000)
    await shown.page.evaluate(FETCH_JS)
    assert streams == 2
