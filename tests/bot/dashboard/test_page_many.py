"""The dashboard in Chromium with more bots than a page of a list has: who is next is there, and that there are more."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from playwright.async_api import Route

from bot.calendars import shape
from bot.calendars.model import Rules
from bot.domain.lifecycle import Command
from bot.store import bots, calendar_events, calendars, leases
from bot.store.session import Session
from bot.store.tables import new_id
from tests.bot.calendars.desk import event
from tests.bot.dashboard.stage import HOUR, LIVE_PATH, Shown
from tests.bot.stores import NOW

pytestmark = [pytest.mark.slow, pytest.mark.parallel, pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]
PAGE = 100
DAY = timedelta(days=1)
MANY = PAGE + 3
RESET = "retry: 100\nid: other-1\nevent: reset\ndata: {}\n\n"


async def booked(shown: Shown, count: int = MANY) -> list[str]:
    """Bots of the days to come, whoever joins next made first; their ids."""
    async with shown.dashboard.store.database.write() as session:
        return [await one_of(shown, session, day) for day in range(1, count + 1)]


async def one_of(shown: Shown, session: Session, day: float) -> str:
    store, at = shown.dashboard.store, NOW + timedelta(seconds=day)
    bot = await bots.create(
        session,
        workspace_id=store.workspace.id,
        character_id=store.character.id,
        meeting_url=f"https://meet.google.com/of-day-{day}",
        bot_name=f"Of {day}",
        join_at=NOW + day * DAY,
        at=at,
    )
    return bot.id


def names(shown: Shown, phase: str) -> str:
    return f"section[aria-labelledby='of-{phase}'] .bot strong"


async def listed(shown: Shown, phase: str) -> list[str]:
    return [name.split("(")[0].strip() for name in await shown.page.locator(names(shown, phase)).all_inner_texts()]


async def count(shown: Shown, phase: str) -> str:
    return await shown.page.inner_text(f"#of-{phase} .count")


def of_days(*days: float) -> list[str]:
    return [f"Of {day}" for day in days]


async def test_who_joins_next_is_on_the_page_and_all_others_behind_show_later_ones(shown: Shown) -> None:
    await booked(shown)
    await shown.enter()
    await shown.page.locator(names(shown, "upcoming")).first.wait_for()
    assert await listed(shown, "upcoming") == of_days(*range(1, PAGE + 1))
    assert await count(shown, "upcoming") == "100+"
    async with shown.dashboard.store.database.write() as session:
        await one_of(shown, session, MANY - 1.5)  # behind two that are not here yet
        await one_of(shown, session, 1.5)
    await shown.page.locator(names(shown, "upcoming"), has_text="Of 1.5").wait_for()
    assert (await listed(shown, "upcoming"))[:3] == of_days(1, 1.5, 2) and await count(shown, "upcoming") == "101+"
    await shown.page.click("text=Show later ones")
    await shown.page.locator("text=Show later ones").wait_for(state="detached")
    rest = [*range(2, MANY - 1), MANY - 1.5, MANY - 1, MANY]
    assert await listed(shown, "upcoming") == of_days(1, 1.5, *rest)
    assert await count(shown, "upcoming") == str(MANY + 2)


async def test_when_those_that_were_listed_are_over_the_next_ones_are_there_by_themselves(shown: Shown) -> None:
    made = await booked(shown)
    await shown.enter()
    await shown.page.locator(names(shown, "upcoming")).first.wait_for()
    async with shown.dashboard.store.database.write() as session:
        for bot_id in made[: PAGE - 5]:
            await leases.ask(session, bot_id, command=Command.LEAVE, at=NOW + HOUR, by={})
    await shown.page.locator(names(shown, "upcoming"), has_text=f"Of {MANY}").wait_for()
    assert await count(shown, "upcoming") == str(MANY - PAGE + 5)


async def test_of_more_live_ones_than_are_listed_it_is_said_that_there_are_more(shown: Shown) -> None:
    store, due = shown.dashboard.store, {"owner": "d", "data": {}, "due_by": NOW, "now": NOW, "launch_by": NOW + HOUR}
    made = [await store.bot(f"m-{number}") for number in range(PAGE + 2)]
    async with store.database.write() as session:
        await leases.claim_due(session, **due, limit=len(made))
        for bot in made:
            for state in LIVE_PATH:
                await bots.move(session, bot.id, attempt=1, to=state, at=NOW)
    await shown.enter()
    await shown.page.locator("#of-live .count", has_text="100+").wait_for()
    await shown.page.locator(".hold", has_text="Stop all (100+)").wait_for()
    assert await shown.page.title() == "Understudy: 100+ live"
    section = shown.page.locator("section[aria-labelledby='of-live']")
    await section.locator("button", has_text="Show more").click()
    await shown.page.locator(".hold", has_text=f"Stop all ({PAGE + 2})").wait_for()
    assert await count(shown, "live") == str(PAGE + 2) and await section.locator("button").count() == 0


async def test_what_comes_up_in_calendars_goes_on_behind_the_first_hundred(shown: Shown) -> None:
    store, calendar_id = shown.dashboard.store, new_id()
    mine: dict[str, Any] = {"workspace_id": store.workspace.id, "now": NOW}
    values = {"provider": "ics", "name": "Ann", "sealed_secret": "-", "source_sha256": "-", "shown_address": "-"}
    values |= {"owner": "", "rules": shape.rules_body(Rules()), "character_id": store.character.id}
    fresh = [shape.stored(event(f"e{number}", number, title=f"Of {number}")) for number in range(1, MANY + 1)]
    async with store.database.write() as session:
        await calendars.create(session, id=calendar_id, **values, **mine)
        await calendar_events.replace_all(session, calendar_id=calendar_id, events=fresh, **mine)
    await shown.enter()
    await shown.page.goto(f"{shown.address}#/calendar")
    of_list, more = shown.page.locator("li.event strong"), shown.page.locator("text=Show later events")
    await more.wait_for()
    assert await of_list.count() == PAGE and await shown.page.inner_text("#upcoming-heading .count") == "100+"
    await more.click()
    await more.wait_for(state="detached")
    assert [name.strip() for name in await of_list.all_inner_texts()] == of_days(*range(1, MANY + 1))
    assert await shown.page.inner_text("#upcoming-heading .count") == str(MANY)


async def test_a_bot_behind_the_list_that_is_looked_at_stays_when_the_lists_are_read_anew(shown: Shown) -> None:
    last, reads = (await booked(shown))[-1], 0

    async def anew(route: Route) -> None:
        nonlocal reads
        reads += 1
        await route.fulfill(status=200, content_type="text/event-stream", body=RESET)

    await shown.page.route("**/api/v1/live*", anew)
    await shown.enter()
    await shown.page.goto(f"{shown.address}#/bots/{last}")
    name = shown.page.locator("#bot-name", has_text=f"Of {MANY}")
    await name.wait_for()
    for _ in range(2):
        async with shown.page.expect_response("**/api/v1/bots?phase=ended*") as ended:
            pass
        await (await ended.value).finished()
    await shown.page.locator("#of-upcoming .count", has_text="100+").wait_for()
    await name.wait_for()
    assert reads > 1
