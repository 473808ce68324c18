"""One private X display for a headed browser, where there is none."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Self

from connectors.base import DeviceFailed
from connectors.kit.processes import Child, clean_environment, find_program

START_S = 10.0
STEP_S = 0.02


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
                self.name = await self._number(number)
        except TimeoutError as error:
            await self._child.stop()
            raise DeviceFailed(f"the display did not start: {self._child.said}") from error
        finally:
            number.unlink()
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._child is not None:
            await self._child.stop()

    async def _number(self, fifo: Path) -> str:
        reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
        try:
            said = b""
            while not said.endswith(b"\n"):
                try:
                    said += os.read(reader, 16)
                except BlockingIOError:
                    pass
                await asyncio.sleep(STEP_S)
            return f":{int(said)}"
        finally:
            os.close(reader)
