"""One private X display for a headed browser, where there is none."""

from __future__ import annotations

import asyncio
import os
import re
import socket
from contextlib import suppress
from pathlib import Path
from typing import Self

import psutil

from connectors.base import DeviceFailed
from connectors.kit.processes import Child, clean_environment, find_program

START_S = 10.0
STEP_S = 0.02
SOCKET = "/tmp/.X11-unix/X{number}"  # where every X server has it; with -displayfd it has no lock beside it
_MARK = re.compile(r"display-(?P<number>\d{1,9})-(?P<pid>\d{1,9})", re.ASCII)


class Display:
    """An Xvfb of its own. The server picks a free number and writes it through a pipe (`-displayfd`)."""

    def __init__(self, folder: Path, *, width: int = 1280, height: int = 800) -> None:
        self._folder, self._size = folder, f"{width}x{height}x24"
        self._child: Child | None = None
        self.name = ""

    async def __aenter__(self) -> Self:
        """Raises DeviceFailed."""
        find_program("Xvfb")
        number = self._folder / "display"
        self._folder.mkdir(parents=True, exist_ok=True)
        os.mkfifo(number, 0o600)
        shell = 'exec 3>"$0"; exec Xvfb -displayfd 3 -screen 0 "$1" -nolisten tcp'
        self._child = await Child.start("sh", ["-c", shell, str(number), self._size], clean_environment(self._folder))
        try:
            async with asyncio.timeout(START_S):
                found = await self._number(number)
        except TimeoutError as error:
            await self._child.stop()
            raise DeviceFailed(f"the display did not start: {self._child.said}") from error
        finally:
            number.unlink()
        self.name = f":{found}"
        (self._folder / f"display-{found}-{self._child.pid}").touch()
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._child is not None:
            await self._child.stop()
        clear_display(self._folder)

    async def _number(self, fifo: Path) -> int:
        reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
        try:
            said = b""
            while not said.endswith(b"\n"):
                try:
                    said += os.read(reader, 16)
                except BlockingIOError:
                    pass
                await asyncio.sleep(STEP_S)
            return int(said)
        finally:
            os.close(reader)


def clear_display(folder: Path) -> bool:
    """Remove the socket of a display that was started in this folder and was killed: only one that ends by itself does
    that. False: it still runs."""
    for mark in folder.glob("display-*-*"):
        named = _MARK.fullmatch(mark.name)
        if named is None:
            continue
        if _runs(int(named["pid"])):
            return False
        path = Path(SOCKET.format(number=int(named["number"])))
        if is_dead(path):  # else the number is another's by now
            path.unlink(missing_ok=True)
    return True


def is_dead(path: Path) -> bool:
    """A socket of this user on which nobody listens."""
    with suppress(OSError), socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(str(path))
        except ConnectionRefusedError:
            return path.stat().st_uid == os.geteuid()
    return False


def _runs(pid: int) -> bool:
    with suppress(psutil.Error):  # gone; or another user's, and so no server of ours
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    return False
