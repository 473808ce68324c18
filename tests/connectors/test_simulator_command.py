"""`understudy simulator`, as a user runs it."""

from __future__ import annotations

import argparse
import asyncio
import re
import subprocess
import sys

import aiohttp
import pytest

from bot.commands import simulator
from bot.config import Settings, load_settings
from bot.supervision.installation import AddressInUse
from connectors.urls import find_meeting


@pytest.mark.slow
@pytest.mark.parallel
@pytest.mark.parametrize("platform", ["zoom"])
async def test_the_command_prints_links_that_work(platform: str) -> None:
    command = [sys.executable, "-m", "bot", "simulator", "--port", "0", "--code", "abc-defg-hij", "--no-lobby"]
    command += ["--platform", platform]
    server = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    assert server.stdout is not None
    try:
        async with asyncio.timeout(20):
            meeting, host, _ = [
                re.split(r"\s{2,}", (await server.stdout.readline()).decode().strip())[1] for _ in "123"
            ]
            assert meeting.endswith(f"/{platform}/abc-defg-hij")
            async with aiohttp.ClientSession() as session:
                for link in (meeting, host):
                    async with session.get(link) as answer:
                        assert answer.status == 200
    finally:
        server.terminate()
        await server.wait()


@pytest.mark.slow
@pytest.mark.parallel
async def test_a_service_container_says_how_it_is_reached_and_what_its_bots_need() -> None:
    command = [sys.executable, "-m", "bot", "simulator", "--host", "0.0.0.0", "--port", "0", "--code", "abc-defg-hij"]
    command += ["--url", "http://simulator:8480", "--token", "ci-secret", "--platform", "teams"]
    server = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    assert server.stdout is not None
    try:
        async with asyncio.timeout(20):
            said = [re.split(r"\s{2,}", (await server.stdout.readline()).decode().strip())[1] for _ in "1234"]
    finally:
        server.terminate()
        await server.wait()
    meeting, host, token, bots = said
    assert (meeting, token) == ("http://simulator:8480/teams/abc-defg-hij", "ci-secret")
    assert host.startswith("http://simulator:8480/host/abc-defg-hij?token=")
    assert bots == "UNDERSTUDY_MEETING_HOSTS=http://simulator:8480"
    settings = load_settings(dict([bots.split("=", 1)]))
    assert find_meeting(meeting, own_hosts=settings.own_meeting_hosts) is not None


@pytest.mark.parametrize(
    ("url", "hosts"),
    [
        ("http://127.0.0.1:8480/abc-defg-hij", None),
        ("https://sim.example.org/abc-defg-hij", "sim.example.org"),
        ("http://10.0.0.7:8480/abc-defg-hij", "http://10.0.0.7:8480"),
    ],
)
def test_what_bots_need_is_told_where_they_need_it(url: str, hosts: str | None) -> None:
    said = simulator.how_to_join(url)
    assert said == ([f"bots need      UNDERSTUDY_MEETING_HOSTS={hosts}", ""] if hosts else [])
    named = load_settings({"UNDERSTUDY_MEETING_HOSTS": hosts or ""}).own_meeting_hosts
    assert find_meeting(url, own_hosts=named) is not None


@pytest.mark.parametrize("url", ["http://10.0.0.7/abc-defg-hij", "http://[fd00::7]:8480/teams/abc-defg-hij"])
def test_an_address_no_bot_can_be_told_of_is_said_to_be_one(url: str) -> None:
    assert "--url" in simulator.how_to_join(url)[0]


@pytest.mark.slow
@pytest.mark.parallel
async def test_a_refusal_that_cannot_be_staged_is_named() -> None:
    command = [sys.executable, "-m", "bot", "simulator", "--port", "0", "--refuse", "bad_weather"]
    server = await asyncio.create_subprocess_exec(*command, stderr=subprocess.PIPE)
    _, complaint = await asyncio.wait_for(server.communicate(), 20)
    assert server.returncode == 1 and b"bad_weather" in complaint and b"meeting_full" in complaint


@pytest.mark.parametrize("words", [("--host", "192.0.2.1"), ("--port", "99999")])
def test_an_address_that_cannot_be_had_is_named(words: tuple[str, str]) -> None:
    parser = argparse.ArgumentParser()
    simulator.arguments(parser)
    with pytest.raises(AddressInUse, match=words[1]):
        simulator.run(parser.parse_args(words), Settings())
