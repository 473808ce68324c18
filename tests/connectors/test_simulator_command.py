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
from bot.config import Settings
from bot.supervision.installation import AddressInUse


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
