"""The simulator's HTTP face, over a real loopback connection."""

from __future__ import annotations

import asyncio
import inspect
import json
import re
import subprocess
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest

from connectors.simulator import Policy, SimulatorServer, control
from connectors.simulator.screens import REFUSALS
from connectors.urls import find_meeting

README = (Path(control.__file__).parent / "README.md").read_text("utf-8")
EXAMPLE = "".join(re.findall(r"```sh\n(.*?)```", README, re.DOTALL))


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
        {"capacity": 1.5},
        {"capacity": True},
        {"capacity": -1},
        {"lobby": "false"},
        {"lobby": None},
        {"lobby": 0},
        {"refuse": ["meeting_full"]},
        {"lobby_timeout_s": "5"},
        {"lobby_timeout_s": None},
        {"remove_after_s": -1},
        {"remove_after_s": float("nan")},
        {"end_after_s": False},
        {"code": 7},
        {"platform": "webex"},
        {"admit_after": 3},
        {"refuses": "meeting_full"},
        {"self": 1},
        {"\ud83d": 1},
    ],
)
async def test_a_meeting_that_cannot_be_is_refused(
    simulator: SimulatorServer, client: aiohttp.ClientSession, body: dict[str, str]
) -> None:
    async with client.post("/control/meetings", json=body, headers=bearer(simulator)) as answer:
        told = await answer.json()
        assert answer.status == told["status"] == 422 and answer.content_type == "application/problem+json"
        assert told["code"] == "invalid_request" and told["type"] == "urn:understudy:problem:invalid_request"
        assert [one["pointer"] for one in told["errors"]] == [f"/{name}" for name in body]
        assert all(name in told["detail"] for name in body)


@pytest.mark.parametrize(
    "text",
    [
        b"{",
        b"[]",
        b"null",
        b'"lobby"',
        b"lobby=true",
        b"\xff",
        b"\xef\xbb\xbf{}",
        b'{"lobby": true, "lobby": false}',
        b"[" * 100_000,
    ],
)
@pytest.mark.parametrize("path", ["", "/abc-defg-hij/admit"])
async def test_a_body_that_is_no_object_is_refused(
    simulator: SimulatorServer, client: aiohttp.ClientSession, path: str, text: bytes
) -> None:
    simulator.create_meeting(code="abc-defg-hij")
    async with client.post(f"/control/meetings{path}", data=text, headers=bearer(simulator)) as answer:
        assert (answer.status, (await answer.json())["code"]) == (422, "malformed_json")


@pytest.mark.parametrize(
    ("method", "path", "body", "code"),
    [
        ("POST", "?lobby=false", None, "invalid_request"),
        ("POST", "", {"code": "abc-defg-hij"}, "code_taken"),
        ("POST", "", {"code": "x" * 2_000_000}, "body_too_large"),
        ("GET", "/zzz-zzzz-zzz", None, "no_such_meeting"),
        ("GET", "/abc-defg-hij?after=3", None, "invalid_request"),
        ("GET", "/abc-defg-hij?scenario=opne", None, "invalid_request"),
        ("GET", "/abc-defg-hij?scenario=open&after=soon", None, "invalid_request"),
        ("GET", "/abc-defg-hij?scenario=open&after=nan", None, "invalid_request"),
        ("GET", "/abc-defg-hij?scenario=open", None, "no_such_meeting"),
        ("GET", "/xyz-xyzz-xyz", None, "several_meetings"),
        ("POST", "/abc-defg-hij/admit", None, "invalid_request"),
        ("POST", "/abc-defg-hij/admit", {"who": ""}, "invalid_request"),
        ("POST", "/abc-defg-hij/admit", {"who": True}, "invalid_request"),
        ("POST", "/abc-defg-hij/admit", {"who": "Ada", "when": "now"}, "invalid_request"),
        ("POST", "/abc-defg-hij/admit", {"who": "Ada"}, "nobody_there"),
        ("POST", "/abc-defg-hij/end", {"who": "Ada"}, "invalid_request"),
        ("POST", "/abc-defg-hij/invite", {"who": "Ada"}, "no_such_request"),
        ("GET", "", None, "no_such_request"),
        ("DELETE", "/abc-defg-hij", None, "no_such_request"),
        ("POST", "/abc-defg-hij/admit/Ada", None, "no_such_request"),
    ],
)
async def test_what_cannot_be_done_is_told_by_its_code(
    simulator: SimulatorServer, client: aiohttp.ClientSession, method: str, path: str, body: object, code: str
) -> None:
    room = simulator.create_meeting(code="abc-defg-hij")
    link = "/ws/xyz-xyzz-xyz?scenario="
    async with client.ws_connect(f"{link}open") as one, client.ws_connect(f"{link}lobby") as another:
        assert [(await page.receive_json())["type"] for page in (one, another)] == ["prejoin"] * 2
        async with client.request(method, f"/control/meetings{path}", json=body, headers=bearer(simulator)) as answer:
            told = await answer.json()
    assert told["code"] == code and answer.status == told["status"] >= 400 and told["title"]
    assert not room.over


def test_each_problem_is_raised_somewhere_and_says_another_thing() -> None:
    problems = control.Problem.__subclasses__()
    assert len({problem.code for problem in problems}) == len({problem.title() for problem in problems}) > 8
    source = inspect.getsource(control)
    assert [problem for problem in problems if f"raise {problem.__name__}" not in source] == []


async def test_a_meeting_is_reached_by_each_platforms_page_as_the_api_was(client: aiohttp.ClientSession) -> None:
    async with SimulatorServer(platform="teams") as simulator:
        port = simulator.base_url.rsplit(":", 1)[1]
        asked = {**bearer(simulator), "Host": f"simulator:{port}"}
        for said, platform in (({}, "teams"), ({"platform": "zoom"}, "zoom")):
            async with client.post(f"{simulator.base_url}/control/meetings", json=said, headers=asked) as answer:
                made = await answer.json()
            here, code = f"http://simulator:{port}", made["code"]
            assert made["urls"] == {
                "meet": f"{here}/{code}",
                "teams": f"{here}/teams/{code}",
                "zoom": f"{here}/zoom/{code}",
            }
            assert made["url"] == made["urls"][platform] and made["host_url"].startswith(f"{here}/host/{code}?token=")
            assert all(find_meeting(url, own_hosts=[here]) for url in made["urls"].values())
            async with client.get(f"{simulator.base_url}/control/meetings/{code}", headers=asked) as answer:
                assert (await answer.json())["urls"] == made["urls"]


@pytest.mark.parametrize(
    ("host", "public_url", "address"),
    [
        ("127.0.0.1", "", "http://127.0.0.1:8480"),
        ("0.0.0.0", "", "http://127.0.0.1:8480"),
        ("", "", "http://127.0.0.1:8480"),
        ("::", "", "http://[::1]:8480"),
        ("::1", "", "http://[::1]:8480"),
        ("0.0.0.0", "https://sim.example.org/", "https://sim.example.org"),
        ("0.0.0.0", "http://simulator:8480", "http://simulator:8480"),
    ],
)
def test_the_address_that_is_told_can_be_joined(host: str, public_url: str, address: str) -> None:
    simulator = SimulatorServer(host, 8480, public_url=public_url)
    url = simulator.url(simulator.create_meeting())
    assert simulator.base_url == address
    assert find_meeting(url, own_hosts=("sim.example.org", "http://simulator:8480")) is not None


@pytest.mark.parametrize("url", ["simulator:8480", "ftp://simulator", "http://me@simulator", "http://simulator/x", "x"])
def test_a_public_address_is_one_that_can_be_linked_to(url: str) -> None:
    with pytest.raises(ValueError, match="no address"):
        SimulatorServer(public_url=url)


async def test_the_readmes_example_runs(simulator: SimulatorServer, client: aiohttp.ClientSession) -> None:
    start, *lines = EXAMPLE.replace("http://127.0.0.1:8480", simulator.base_url).strip().splitlines()
    lines = [line.replace("ci-secret", simulator.control_token) for line in lines]
    assert start.startswith("understudy simulator --token ci-secret") and len(lines) == 5
    async with AsyncExitStack() as stack:
        answers = []
        for line in lines[1:]:
            if "/admit" in line:
                page = await stack.enter_async_context(client.ws_connect("/ws/abc-defg-hij"))
                await page.send_json({"type": "knock", "name": "Iris (AI)"})
                assert [(await page.receive_json())["type"] for _ in range(2)] == ["prejoin", "lobby"]
            answers.append(json.loads(await said_by("bash", "-euc", f"{lines[0]}\n{line}")))
    made, admitted, seen, ended = answers
    assert made["url"] == f"{simulator.base_url}/teams/abc-defg-hij"
    assert [one["name"] for one in admitted["people"]] == [one["name"] for one in seen["people"]] == ["Iris (AI)"]
    assert ended["over"]


async def said_by(*command: str) -> bytes:
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    said, _ = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 0, command
    return said


def test_all_that_can_be_asked_for_is_in_the_readme() -> None:
    named = {*control.NEW_MEETING, *control.ACTS, *(problem.code for problem in control.Problem.__subclasses__())}
    assert [name for name in named if f"`{name}`" not in README] == []


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
