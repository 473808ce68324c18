"""A person at the dashboard: signs in by the link, sends a bot, lets it and a friend into the meeting, hears it talk,
lets it say something, stops it. Every click is counted; what the friend's browser plays is recorded.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from playwright.async_api import Page

from bot.rehearsal.client import Json
from bot.rehearsal.devices import Devices
from bot.rehearsal.measure import spans
from bot.store import sign_ins, workspaces
from connectors.kit.browser import Browser
from connectors.kit.sound import SoundServer
from connectors.simulator import Policy, Room
from tests.journeys.small_stage import SmallStage
from tests.polling import eventually

WAIT_S = 90.0
SILENT_S = 1.5  # after which sound has ended and not only paused
LINE = ("I am telling you a rather long story about tomatoes, and beans, and peas, and soil. " * 5).strip()


@dataclass(frozen=True, kw_only=True, slots=True)
class Watched:
    """Times are `time.monotonic` seconds of this process; `said` is the bot's transcript."""

    clicks_to_talk: int
    clicks: int
    stop_s: float
    silent_s: float
    over_s: float
    bot: Json
    said: list[Json]
    events: list[str]


class Hand:
    def __init__(self) -> None:
        self.clicks = 0

    async def click(self, page: Page, what: str) -> None:
        await page.locator(what).click(timeout=WAIT_S * 1000)
        self.clicks += 1


@asynccontextmanager
async def listener(folder: Path) -> AsyncIterator[tuple[Browser, Devices]]:
    """A browser whose sound is recorded; all the person's pages are in it."""
    async with AsyncExitStack() as stack:
        sound = await stack.enter_async_context(SoundServer(folder / "sound"))
        devices = await stack.enter_async_context(Devices(sound))
        yield await stack.enter_async_context(Browser(folder / "browser", sound=sound)), devices


async def link(stage: SmallStage) -> str:
    """As `up` prints it."""
    async with stage.database.write() as session:
        workspace = await workspaces.ensure(session)
        token = await sign_ins.issue_token(session, workspace_id=workspace.id, now=datetime.now(UTC))
    return f"{stage.url}/dashboard/#token={token}"


async def watch(stage: SmallStage, browser: Browser, devices: Devices) -> Watched:
    hand, page = Hand(), browser.page
    room = stage.simulator.create_meeting(Policy(lobby=True))
    bot_id = await send(stage, hand, page, stage.simulator.url(room))
    await let_in(stage, hand, browser, room)
    await page.locator(".line.own").first.wait_for(timeout=WAIT_S * 1000)
    clicks_to_talk = hand.clicks
    await talk(page, devices)
    await page.locator(".bot-card .picture.live").wait_for(timeout=WAIT_S * 1000)
    stop_s = time.monotonic()
    await hand.click(page, "text=Stop now")
    await page.locator(".bot-card .state", has_text="Ended").wait_for(timeout=WAIT_S * 1000)
    over_s = time.monotonic()
    await eventually(lambda: time.monotonic() - _sound_after(devices, stop_s) > SILENT_S, WAIT_S)
    return Watched(
        clicks_to_talk=clicks_to_talk,
        clicks=hand.clicks,
        stop_s=stop_s,
        silent_s=_sound_after(devices, stop_s),
        over_s=over_s,
        bot=await stage.client.bot(bot_id),
        said=[one for one in await stage.client.transcript(bot_id) if one["own"]],
        events=[event["kind"] for event in await stage.client.events(bot_id)],
    )


async def send(stage: SmallStage, hand: Hand, page: Page, meeting_url: str) -> str:
    """Sign in by the link, paste the meeting's, send; returns the bot's id."""
    await page.goto(await link(stage))
    await hand.click(page, "#link")
    await page.keyboard.insert_text(meeting_url)
    await hand.click(page, "text=Send now")
    await page.wait_for_url("**/#/bots/*")
    bot_id = page.url.rpartition("/")[2]
    await stage.launch(bot_id)
    return bot_id


async def let_in(stage: SmallStage, hand: Hand, browser: Browser, room: Room) -> None:
    """The host lets the bot in, and a friend who hears it."""
    host, friend = await browser.context.new_page(), await browser.context.new_page()
    await host.goto(stage.simulator.host_url(room))
    await hand.click(host, "[aria-label='Admit Iris (AI)']")
    await friend.goto(stage.simulator.url(room))
    await friend.fill("#name", "Ada")
    await hand.click(friend, "#join")
    await hand.click(host, "[aria-label='Admit Ada']")


async def talk(page: Page, devices: Devices) -> None:
    """Let the bot say something long; returns in the middle of it."""
    await page.fill("#line", LINE)
    await page.press("#line", "Enter")
    asked_s = time.monotonic()
    await eventually(lambda: _sound_after(devices, asked_s) > asked_s, WAIT_S)
    began_s = time.monotonic()
    await eventually(lambda: _sound_after(devices, began_s) > began_s + 1.0, WAIT_S)


def _sound_after(devices: Devices, since_s: float) -> float:
    """When the last sound ended that was heard after `since_s`; `since_s` where there was none."""
    found = spans(devices.ears.sound(since_s, time.monotonic()))
    return found[-1].end_s if found else since_s
