"""The simulator's HTTP face, over a real loopback connection."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest

from connectors.simulator import Policy, SimulatorServer
from connectors.simulator.screens import REFUSALS


@pytest.fixture
async def simulator() -> AsyncIterator[SimulatorServer]:
    async with SimulatorServer() as server:
        yield server


@pytest.fixture
async def client(simulator: SimulatorServer) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(simulator.base_url) as session:
        yield session


def bearer(simulator: SimulatorServer) -> dict[str, str]:
    return {"Authorization": f"Bearer {simulator.control_token}"}


async def test_pages_run_only_our_own_scripts(client: aiohttp.ClientSession) -> None:
    async with client.get("/abc-defg-hij") as answer:
        policy = answer.headers["Content-Security-Policy"]
        assert answer.status == 200 and "default-src 'none'" in policy and "unsafe" not in policy
        assert "<script>" not in await answer.text()


async def test_a_meeting_can_be_run_through_the_control_api(
    simulator: SimulatorServer, client: aiohttp.ClientSession
) -> None:
    async with client.post("/control/meetings", json={"lobby": True}, headers=bearer(simulator)) as answer:
        assert answer.status == 201
        code = (await answer.json())["code"]
    async with client.ws_connect(f"/ws/{code}") as page:
        assert (await page.receive_json())["type"] == "prejoin"
        await page.send_json({"type": "knock", "name": "Ada"})
        assert (await page.receive_json())["type"] == "lobby"
        async with client.post(
            f"/control/meetings/{code}/admit", json={"who": "Ada"}, headers=bearer(simulator)
        ) as answer:
            assert [one["name"] for one in (await answer.json())["people"]] == ["Ada"]
        assert (await page.receive_json())["type"] == "call"


@pytest.mark.parametrize(
    "body",
    [
        {"admit_after_s": "soon"},
        {"refuse": "no_such_refusal"},
        {"code": "WRONG"},
        {"capacity": "many"},
        {"capacity": 1e999},
        {"capacity": 10**400},
    ],
)
async def test_a_meeting_that_cannot_be_is_refused(
    simulator: SimulatorServer, client: aiohttp.ClientSession, body: dict[str, str]
) -> None:
    async with client.post("/control/meetings", json=body, headers=bearer(simulator)) as answer:
        assert answer.status == 422


async def test_control_and_host_page_need_their_tokens(
    simulator: SimulatorServer, client: aiohttp.ClientSession
) -> None:
    room = simulator.create_meeting()
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        async with client.post("/control/meetings", json={}, headers=headers) as answer:
            assert answer.status == 401
    for path in (f"/host/{room.code}", f"/ws/host/{room.code}?token=wrong", f"/host/zzz-zzzz-zzz?token={'a' * 22}"):
        async with client.get(path) as answer:
            assert answer.status == 403


async def test_the_host_sees_and_admits_who_knocks(simulator: SimulatorServer, client: aiohttp.ClientSession) -> None:
    room = simulator.create_meeting(Policy(lobby=True))
    async with (
        client.ws_connect(f"/ws/host/{room.code}?token={room.host_token}") as host,
        client.ws_connect(f"/ws/{room.code}") as page,
    ):
        assert not (await host.receive_json())["knocks"]
        await page.send_json({"type": "knock", "name": "Ada"})
        knock = (await host.receive_json())["knocks"][0]
        await host.send_json({"verb": "admit", "who": knock["id"]})
        assert (await host.receive_json())["people"][0]["name"] == "Ada"


async def test_a_lobby_ends_when_nobody_answers(simulator: SimulatorServer, client: aiohttp.ClientSession) -> None:
    room = simulator.create_meeting(Policy(lobby=True, lobby_timeout_s=0.05))
    async with client.ws_connect(f"/ws/{room.code}") as page:
        await page.send_json({"type": "knock", "name": "Ada"})
        told = [await page.receive_json() for _ in range(3)]
    assert [one["type"] for one in told] == ["prejoin", "lobby", "notice"]
    assert told[-1]["screen"] == "lobby_timeout"


async def test_an_unknown_code_and_a_wrong_link_are_told_apart(client: aiohttp.ClientSession) -> None:
    for code, refusal in (("zzz-zzzz-zzz", "meeting_not_found"), ("nothing", "invalid_link")):
        async with client.ws_connect(f"/ws/{code}") as page:
            assert (await page.receive_json())["heading"] == REFUSALS[refusal].heading  # type: ignore[index]


async def test_another_sites_page_cannot_speak_here(simulator: SimulatorServer, client: aiohttp.ClientSession) -> None:
    room = simulator.create_meeting()
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await client.ws_connect(f"/ws/{room.code}", origin="https://elsewhere.example")
    assert refused.value.status == 403


@pytest.mark.parametrize("text", ["not json", "[]", '{"type": "no such thing"}'])
async def test_a_page_that_does_not_speak_our_language_is_closed(
    simulator: SimulatorServer, client: aiohttp.ClientSession, text: str
) -> None:
    room = simulator.create_meeting(Policy(lobby=False))
    async with client.ws_connect(f"/ws/{room.code}") as page:
        assert (await page.receive_json())["type"] == "prejoin"
        await page.send_str(text)
        assert (await page.receive()).type is aiohttp.WSMsgType.CLOSE


@pytest.mark.slow
@pytest.mark.parallel
async def test_a_dead_page_has_left_within_ten_seconds(
    simulator: SimulatorServer, client: aiohttp.ClientSession
) -> None:
    room = simulator.create_meeting(Policy(lobby=False))
    async with (
        client.ws_connect(f"/ws/{room.code}", autoping=False) as dead,
        client.ws_connect(f"/ws/{room.code}") as page,
    ):
        await dead.send_json({"type": "knock", "name": "Dead"})
        assert [(await dead.receive_json())["type"] for _ in range(2)] == ["prejoin", "call"]
        await page.send_json({"type": "knock", "name": "Ada"})
        told = {(await page.receive_json(timeout=10))["type"] for _ in range(3)}
        assert told == {"prejoin", "call", "left"}
