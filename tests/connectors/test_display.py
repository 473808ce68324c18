"""A private display: nothing of it stays in the common folder, however it or its owner ends."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from connectors.kit.display import SOCKET, Display, clear_display, is_dead
from connectors.kit.folders import sweep
from tests.polling import eventually, until_true

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not shutil.which("Xvfb"), reason="no Xvfb is installed")]

OWNS_ONE = """
import asyncio, sys
from pathlib import Path
from connectors.kit.display import Display
from connectors.kit.folders import make_folder

async def own(place):
    async with Display(make_folder("browser", Path(place))) as display:
        print(display.name, flush=True)
        await asyncio.sleep(60)

asyncio.run(own(sys.argv[1]))
"""


def socket_of(name: str) -> Path:
    return Path(SOCKET.format(number=name.lstrip(":")))


def server_of(folder: Path) -> psutil.Process:
    (mark,) = folder.glob("display-*")
    return psutil.Process(int(mark.name.split("-")[2]))


def runs(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


async def test_a_display_that_was_killed_leaves_no_socket(tmp_path: Path) -> None:
    async with Display(tmp_path) as display:
        server = server_of(tmp_path)
        server.kill()
        await eventually(lambda: not runs(server))
        assert is_dead(socket_of(display.name))
    assert not socket_of(display.name).exists()


def test_the_display_of_an_owner_that_was_killed_is_swept_with_its_folder(tmp_path: Path) -> None:
    words = [sys.executable, "-c", OWNS_ONE, str(tmp_path)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        path = socket_of(owner.stdout.readline().strip())
        (folder,) = tmp_path.iterdir()
        server = server_of(folder)
        owner.kill()
    until_true(lambda: not runs(server), 10.0)
    assert is_dead(path)
    assert sweep([tmp_path]) == [folder] and not path.exists()


async def test_a_display_that_lives_is_left_alone(tmp_path: Path) -> None:
    async with Display(tmp_path / "living") as living:
        (tmp_path / f"display-{living.name[1:]}-999999999").touch()
        assert not clear_display(tmp_path / "living") and clear_display(tmp_path)
        assert socket_of(living.name).exists()
