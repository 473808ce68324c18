"""Scenarios by link: the same meeting each time, on each platform's page, without a word to the control API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import aiohttp
import pytest

from connectors.base import Refusal
from connectors.simulator import SimulatorServer
from connectors.simulator.scenarios import SCENARIOS, scenario, seconds, skin_of
from connectors.simulator.screens import PLATFORMS, Skin, can_be_shown, notice
from tests.polling import eventually


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with SimulatorServer() as simulator, aiohttp.ClientSession(simulator.base_url) as session:
        yield session


async def told(client: aiohttp.ClientSession, query: str) -> list[str]:
    """What a page is told until it is shown how it ends, by screen or type; "" when the network went away."""
    said: list[str] = []
    async with asyncio.timeout(5), client.ws_connect(f"/ws/abc-defg-hij?{query}") as page:
        while not said or said[-1] not in {*REFUSED, "removed", "ended", ""}:
            message = await page.receive()
            if message.type is not aiohttp.WSMsgType.TEXT:
                said.append("")
            elif message.data.startswith("3:::"):
                said.append("frame")
            else:
                body = message.json()
                said.append(body.get("screen", body["type"]))
                if body["type"] == "prejoin":
                    await page.send_json({"type": "knock", "name": "Ada"})
    return said


REFUSED = {refusal.value for refusal in Refusal}


@pytest.mark.parametrize(
    ("query", "screens"),
    [
        ("scenario=denied&after=0", ["prejoin", "lobby", "request_denied"]),
        ("scenario=unanswered&after=0", ["prejoin", "lobby", "lobby_timeout"]),
        ("scenario=removed&after=0", ["prejoin", "call", "removed"]),
        ("scenario=ended&after=0", ["prejoin", "call", "ended"]),
        ("scenario=cut&after=0", ["prejoin", "call", ""]),
        ("scenario=meeting_full&platform=teams", ["prejoin", "meeting_full"]),
        ("scenario=request_denied&platform=teams", ["prejoin", "frame", "request_denied"]),
        ("scenario=sign_in_required&platform=zoom", ["sign_in_required"]),
        ("scenario=nonsense", ["meeting_not_found"]),
    ],
)
async def test_a_link_alone_makes_its_scenario(client: aiohttp.ClientSession, query: str, screens: list[str]) -> None:
    assert await told(client, query) == screens


async def test_a_host_who_admits_by_himself_admits(client: aiohttp.ClientSession) -> None:
    async with client.ws_connect("/ws/abc-defg-hij?scenario=admitted&after=0") as page:
        await page.send_json({"type": "knock", "name": "Ada"})
        assert [(await page.receive_json())["type"] for _ in range(3)] == ["prejoin", "lobby", "call"]


HELD = {"open": "call", "lobby": "lobby", "admitted": "call"}  # where a page stays that nothing ends


async def step(page: aiohttp.ClientWebSocketResponse) -> str:
    """What a page is told next, by screen or type; "" when the network went away. What others do is left out."""
    while True:
        message = await page.receive(5)
        if message.type is not aiohttp.WSMsgType.TEXT:
            return ""
        body = {"type": "frame"} if message.data.startswith("3:::") else message.json()
        if body["type"] not in ("joined", "left"):
            return str(body.get("screen", body["type"]))


async def played(page: aiohttp.ClientWebSocketResponse, name: str) -> list[str]:
    """All a page is told that knocks."""
    said = [await step(page)]
    if said == ["prejoin"]:
        await page.send_json({"type": "knock", "name": "Ada"})
    while said[-1] not in {*REFUSED, "removed", "ended", "", HELD.get(name)}:
        said.append(await step(page))
    return said


def link_of(name: str) -> str:
    return f"/ws/abc-defg-hij?platform=zoom&after=0&scenario={name}"


ALL = [*SCENARIOS, *(refusal.value for refusal in can_be_shown())]


@pytest.mark.parametrize("name", ALL)
async def test_a_link_plays_the_same_again_and_beside_itself(client: aiohttp.ClientSession, name: str) -> None:
    said = []
    for _ in range(2):
        async with client.ws_connect(link_of(name)) as page, client.ws_connect(link_of(name)) as beside:
            said += [await played(page, name), await played(beside, name)]
    assert said[0] and said == [said[0]] * 4


async def test_each_scenario_is_played_whatever_was_played_under_its_code(client: aiohttp.ClientSession) -> None:
    alone = {}
    for name in ALL:
        async with SimulatorServer() as fresh, aiohttp.ClientSession(fresh.base_url) as session:
            async with session.ws_connect(link_of(name)) as page:
                alone[name] = await played(page, name)
    async with AsyncExitStack() as stack:
        pages = {name: await stack.enter_async_context(client.ws_connect(link_of(name))) for name in ALL}
        together = {name: await played(page, name) for name, page in pages.items()}
    assert together == alone and len({tuple(said) for said in alone.values()}) > len(SCENARIOS)


async def test_whoever_comes_when_all_have_gone_reads_nothing_of_what_was_said() -> None:
    async with SimulatorServer() as simulator, aiohttp.ClientSession(simulator.base_url) as client:
        for _ in range(2):
            async with client.ws_connect(link_of("open")) as page:
                assert await step(page) == "prejoin"
                await page.send_json({"type": "knock", "name": "Ada"})
                assert not (await page.receive_json())["chat"]
                await page.send_json({"type": "chat", "text": "hello"})
                assert await step(page) == "chat"
                room = simulator.room("abc-defg-hij")
            await eventually(lambda left=room: left.is_empty)


@pytest.mark.parametrize("path", ["/abc-defg-hij", "/teams/abc-defg-hij", "/zoom/abc-defg-hij"])
async def test_each_platform_has_its_page(client: aiohttp.ClientSession, path: str) -> None:
    async with client.get(path) as answer:
        assert answer.status == 200 and "meeting.js" in await answer.text()


def test_every_refusal_that_can_be_shown_is_a_scenario_too() -> None:
    assert all(scenario(refusal.value) is not None for refusal in can_be_shown())
    assert not SCENARIOS.keys() & REFUSED and scenario("") is None


def test_words_nobody_has_told_are_not_made_up() -> None:
    shown = notice(Skin(platform="zoom", language="ja"), "request_denied")
    assert not shown.known and "not known in ja" in shown.heading


def test_a_screen_a_platform_does_not_have_is_one_nobody_understands() -> None:
    for platform in PLATFORMS:
        skin = Skin(platform=platform)
        assert notice(skin, "no such screen") == notice(skin, Refusal.PAGE_NOT_UNDERSTOOD.value)


@pytest.mark.parametrize(("text", "after_s"), [("2", 2.0), ("", 3.0), ("-1", 3.0), ("nan", 3.0), ("1e9", 3.0)])
def test_a_links_seconds_are_bounded(text: str, after_s: float) -> None:
    assert seconds(text) == after_s


def test_what_a_link_asks_of_its_page_is_one_there_is() -> None:
    skin = skin_of("nonsense", {"lang": "xx", "variant": "a.b"})
    assert skin == Skin(platform="meet", language="en", variants=frozenset({"a", "b"}))
