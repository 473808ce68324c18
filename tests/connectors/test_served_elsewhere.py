"""A meeting server that a container's name leads to, without TLS: a browser takes it for no place to show a camera."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from connectors.base import JoinRequest
from connectors.kit.browser import find_chromium
from connectors.kit.web.connector import WebConnector
from connectors.registry import open_connector
from connectors.simulator import Policy, SimulatorServer
from tests.connectors import needs
from tests.connectors.contract import NAME, playing, until
from tests.connectors.luma import LUMA_JS

pytestmark = [
    pytest.mark.acceptance,
    *needs.browser,
    *needs.sound,
]
OWN_LUMA_JS = "() => (LUMA_OF)(document.querySelector('.tile.own video'))".replace("LUMA_OF", LUMA_JS)


def knowing(name: str, folder: Path) -> str:
    """A Chromium for which this machine has that name."""
    program = folder / "chromium"
    rule = shlex.quote(f"--host-resolver-rules=MAP {name} 127.0.0.1")
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(find_chromium())} {rule} "$@"\n')
    program.chmod(0o755)
    return str(program)


async def test_a_bot_shows_its_picture_where_its_operator_says_that_it_may(tmp_path: Path) -> None:
    async with SimulatorServer() as simulator:
        room = simulator.create_meeting(Policy(lobby=False))
        here = simulator.base_url.replace("127.0.0.1", "simulator")
        url = f"{here}/{room.code}"
        chromium = knowing("simulator", tmp_path)
        async with open_connector(url, tmp_path / "bot", chromium=chromium, own_hosts=[here]) as connector:
            assert isinstance(connector, WebConnector)
            page = connector.browser.page
            await connector.join(JoinRequest(meeting_url=url, display_name=NAME))
            assert await page.evaluate("() => [location.origin, isSecureContext]") == [here, True]
            assert [seat.state["camera"] for seat in room.people()] == [True]
            with playing(connector, hz=440.0, luma=200):
                await until(lambda: page.evaluate(f"async () => ({OWN_LUMA_JS})() > 175"))
            await connector.leave()
