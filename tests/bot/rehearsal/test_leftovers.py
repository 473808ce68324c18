"""What a run leaves is found, and what others have is left to them."""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from bot.rehearsal.leftovers import Leftovers


def test_processes_sockets_and_files_that_stay_are_named(tmp_path: Path) -> None:
    leftovers = Leftovers(tmp_path, places=[tmp_path])
    assert leftovers.found() == []
    with (
        subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE) as child,
        socket.socket(socket.AF_UNIX) as listening,
        tempfile.NamedTemporaryFile(prefix="understudy-", dir=tmp_path) as file,
    ):
        listening.bind(str(tmp_path / "s"))
        file_held_by_us = file.name
        found = leftovers.found()
        child.kill()
    assert any(line.startswith(f"process {child.pid} ") for line in found)
    assert f"socket {tmp_path / 's'}" in found
    assert not any(file_held_by_us in line for line in found), "a living process holds it"


def test_a_file_that_nobody_holds_is_left_behind(tmp_path: Path) -> None:
    leftovers = Leftovers(tmp_path / "home", places=[tmp_path])
    (tmp_path / "understudy-frames").touch()
    assert leftovers.found() == [f"file {tmp_path / 'understudy-frames'}"]


def test_a_process_that_ran_before_is_not_ours(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE) as child:
        assert Leftovers(tmp_path, places=[]).found() == []
        child.kill()
