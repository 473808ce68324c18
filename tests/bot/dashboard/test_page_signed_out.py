"""The dashboard in Chromium when its session has ended: what was asked for then and not done is told as not done."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from playwright.async_api import Page, Route

from bot.store import bots, sign_ins
from tests.bot.dashboard.looks import CONTRAST_JS, UNNAMED_JS
from tests.bot.dashboard.stage import Shown

pytestmark = [pytest.mark.slow, pytest.mark.parallel, pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]
HOLD_MS = 1300
WAIT_S = 30.0
LOOK_JS = "Promise.all([import('./model.js'), import('./api.js')]).then(([page, api]) => page.attempt(api.characters))"
API = "**/api/v1/**"

Deed = Callable[[Page], Awaitable[None]]


async def stop_all(page: Page) -> None:
    await page.locator(".hold").click(delay=HOLD_MS)


async def stop(page: Page) -> None:
    await page.click("text=Stop now")


async def leave(page: Page) -> None:
    await page.locator(".actions button", has_text="Leave").click()


async def say(page: Page) -> None:
    await page.fill("#line", "Good morning")
    await page.press("#line", "Enter")


async def send(page: Page) -> None:
    await page.fill("#link", "https://meet.google.com/new-onex-xxx")
    await page.click("text=Send now")


async def end_sessions(shown: Shown) -> None:
    async with shown.dashboard.store.database.write() as session:
        await sign_ins.end_all(session, workspace_id=shown.dashboard.store.workspace.id)


async def with_a_bot(shown: Shown) -> bots.Bot:
    """In a meeting, and looked at."""
    bot = await shown.live_bot()
    await shown.enter()
    await shown.page.goto(f"{shown.address}#/bots/{bot.id}")
    await shown.page.wait_for_selector(".say")
    return bot


@pytest.mark.parametrize(
    ("deed", "what", "instead"),
    [
        (stop_all, "Stop all", "./understudy kill --all"),
        (stop, "Stop now", "./understudy kill {bot}"),
        (leave, "Telling the bot to leave", ""),
        (say, "The line to say", ""),
        (send, "Sending a bot", ""),
    ],
)
async def test_what_meets_an_ended_session_is_told_as_not_done(
    shown: Shown, deed: Deed, what: str, instead: str
) -> None:
    bot = await with_a_bot(shown)

    async def late(route: Route) -> None:  # the session ends while the deed is on its way
        if route.request.method != "GET":
            await end_sessions(shown)
        await route.continue_()

    await shown.page.route(API, late)
    await deed(shown.page)
    told = shown.page.locator(".sign-in .problem", has_text=f"{what} was not carried out: the session has ended.")
    await told.wait_for()
    assert ("run " + instead.format(bot=bot.id) + " on the server" in await told.inner_text()) is bool(instead)
    assert await shown.kinds(bot) == []


async def test_it_is_told_whoever_hears_first_that_the_session_has_ended_and_until_someone_is_in(shown: Shown) -> None:
    bot, asked, answered = await with_a_bot(shown), asyncio.Event(), asyncio.Event()

    async def late(route: Route) -> None:
        asked.set()
        await answered.wait()
        await route.continue_()

    await shown.page.route("**/kill", late)
    await stop(shown.page)
    async with asyncio.timeout(WAIT_S):
        await asked.wait()
    await end_sessions(shown)
    await shown.page.evaluate(LOOK_JS)
    over = shown.page.locator(".session-over")
    await over.filter(has_text="The session has ended.").wait_for()
    answered.set()
    await over.filter(has_text="Stop now was not carried out").wait_for()
    await shown.page.evaluate(LOOK_JS)  # whoever hears it last takes nothing back
    await shown.page.fill("#token", "wrong")
    await shown.page.press("#token", "Enter")
    await shown.page.locator("form .problem").wait_for()
    assert "Stop now was not carried out" in await over.inner_text()
    await shown.page.fill("#token", await shown.dashboard.token())
    await shown.page.press("#token", "Enter")
    await shown.page.wait_for_selector(".say")
    assert await over.count() == 0 and await shown.kinds(bot) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_what_was_not_done_can_be_read_on_a_narrow_screen(shown: Shown, scheme: str) -> None:
    await shown.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    await shown.page.set_viewport_size({"width": 320, "height": 800})
    await with_a_bot(shown)
    await end_sessions(shown)
    await stop(shown.page)
    await shown.page.locator(".sign-in .problem", has_text="Stop now").wait_for()
    assert await shown.page.evaluate(CONTRAST_JS) == [] and await shown.page.evaluate(UNNAMED_JS) == []
    assert await shown.page.evaluate("document.documentElement.scrollWidth") <= 320


AWAY = {"status": 503, "json": {"detail": "The database is away."}}
OVER = {"status": 401, "json": {"code": "signed_out"}}


@pytest.mark.parametrize("answer", [AWAY, None], ids=["an error", "no answer"])
async def test_a_sign_out_that_failed_is_told_and_the_page_stays(shown: Shown, answer: Any) -> None:
    await with_a_bot(shown)

    async def fail(route: Route) -> None:
        ends = route.request.method == "DELETE"
        await (route.continue_() if not ends else route.fulfill(**answer) if answer else route.abort())

    await shown.page.route("**/dashboard/session", fail)
    await shown.page.click("text=Sign out")
    told = shown.page.locator(".notes .problem", has_text="You may still be signed in on this browser")
    await told.wait_for()
    assert ("The database is away." if answer else "does not answer") in await told.inner_text()
    assert await shown.page.locator(".say").count() == 1 and await shown.page.locator("#token").count() == 0
    await shown.page.unroute("**/dashboard/session")
    await shown.page.click("text=Sign out")
    await shown.page.wait_for_selector("#token")
    await shown.page.reload()
    await shown.page.wait_for_selector("#token")


async def test_who_signs_out_of_an_ended_session_is_out_and_nothing_was_left_undone(shown: Shown) -> None:
    await with_a_bot(shown)
    await shown.page.route("**/dashboard/session", lambda route: route.fulfill(**OVER))
    await shown.page.click("text=Sign out")
    await shown.page.wait_for_selector("#token")
    assert await shown.page.locator(".session-over, .problem").count() == 0
