"""Two bots on one machine, in two meetings: neither hears or shows the other, and nothing of either is left."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import numpy as np
import pytest

from connectors.base import JoinRequest
from connectors.kit.web.connector import WebConnector
from connectors.registry import open_connector
from connectors.simulator import SimulatorServer
from tests.connectors import needs
from tests.connectors.contract import NAME, Notes, playing, until
from tests.connectors.luma import LUMA_JS

pytestmark = [
    pytest.mark.acceptance,
    *needs.browser,
    *needs.sound,
]
HEARD_SAMPLES = 3 * 48_000


async def test_two_bots_on_one_machine_hear_nothing_of_each_other(tmp_path: Path) -> None:
    async with SimulatorServer() as simulator:
        links = [f"{simulator.base_url}/{page}?scenario=open" for page in ("teams/aaa-aaaa-aaa", "zoom/bbb-bbbb-bbb")]
        async with (
            open_connector(links[0], tmp_path / "a") as speaker,
            open_connector(links[1], tmp_path / "b") as ear,
        ):
            for connector, url in ((speaker, links[0]), (ear, links[1])):
                await connector.join(JoinRequest(meeting_url=url, display_name=NAME))
            notes = Notes(ear)
            with playing(speaker, hz=440.0, luma=180):
                await until(lambda: speaker.microphone.heard()[1] > HEARD_SAMPLES, 30)
            assert notes.chunks, "it listens"
            assert max(int(np.abs(chunk.pcm.astype(np.int32)).max()) for chunk in notes.chunks) < 50
            assert ear.microphone.heard()[0] == 0
            families = [connector.browser.processes() for connector in (speaker, ear)]
            await notes.close()
    assert not [one for family in families for one in family if one.is_running() and one.status() != "zombie"]
    assert {path.suffix for path in files_in(tmp_path)} <= {".png", ".html"}


# The bot's own picture as its page gives it to the connections.
PUBLISHED_JS = """() => {
  const video = document.querySelector(".tile.own video");
  return (LUMA_OF)(video);
}""".replace("LUMA_OF", LUMA_JS)


async def test_two_bots_that_start_together_publish_each_its_own_picture(tmp_path: Path) -> None:
    lumas = {"teams/aaa-aaaa-aaa": 200, "zoom/bbb-bbbb-bbb": 60}
    async with SimulatorServer() as simulator, AsyncExitStack() as stack:

        async def bot(path: str) -> WebConnector:
            url = f"{simulator.base_url}/{path}?scenario=open"
            connector = await stack.enter_async_context(open_connector(url, tmp_path / path))
            await connector.join(JoinRequest(meeting_url=url, display_name=NAME))
            assert isinstance(connector, WebConnector)
            return connector

        bots = await asyncio.gather(*map(bot, lumas))
        for connector, luma in zip(bots, lumas.values(), strict=True):
            stack.enter_context(playing(connector, hz=440.0, luma=luma))
        for connector, luma in zip(bots, lumas.values(), strict=True):
            await until(lambda one=connector, luma=luma: publishes(one, luma))
        seen = [[await one.browser.page.evaluate(PUBLISHED_JS) for one in bots] for _ in range(20)]
    assert all(abs(found - luma) < 25 for look in seen for found, luma in zip(look, lumas.values(), strict=True)), seen


async def publishes(connector: WebConnector, luma: int) -> bool:
    return bool(abs(await connector.browser.page.evaluate(PUBLISHED_JS) - luma) < 25)


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]
