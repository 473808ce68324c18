"""Two bots on one machine, in two meetings: neither hears the other, and nothing of either is left."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from connectors.base import JoinRequest
from connectors.kit.browser import PROGRAMS
from connectors.registry import open_connector
from connectors.simulator import SimulatorServer
from tests.connectors.contract import NAME, Notes, playing, until

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.browser,
    pytest.mark.sound,
    pytest.mark.skipif(not any(map(shutil.which, PROGRAMS)), reason="no Chromium is installed"),
    pytest.mark.skipif(not shutil.which("pulseaudio"), reason="no PulseAudio is installed"),
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


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]
