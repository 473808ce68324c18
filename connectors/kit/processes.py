"""Child processes that cannot outlive us. Knows nothing of what they do.

A child gets SIGKILL from the kernel when the thread that started it ends (prctl PR_SET_PDEATHSIG, by util-linux's
`setpriv`), so that a killed bot leaves nothing behind. Children get an environment of their own, not ours.
"""

from __future__ import annotations

import asyncio
import shutil
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from connectors.base import DeviceFailed

TERMINATE_S = 3.0
TAIL_LINES = 40
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def clean_environment(home: Path, **more: str) -> dict[str, str]:
    """The variables a child needs to run, with `home` as its home."""
    return {"PATH": PATH, "HOME": str(home), "LANG": "C.UTF-8", "TMPDIR": str(home), **more}


def find_program(name: str) -> str:
    """Its path. Raises DeviceFailed when it is not installed."""
    found = shutil.which(name, path=PATH)
    if found is None:
        raise DeviceFailed(f"the program {name} is not installed; `understudy doctor` says how to get it")
    return found


class Child:
    """One running program and the last lines of its standard error."""

    def __init__(self, name: str, process: asyncio.subprocess.Process) -> None:
        self.name, self._process = name, process
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, program: str, arguments: Sequence[str], environment: Mapping[str, str]) -> Child:
        """Raises DeviceFailed."""
        command = [find_program("setpriv"), "--pdeathsig", "KILL", "--", find_program(program), *arguments]
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            env=dict(environment),
            start_new_session=True,
        )
        return cls(program, process)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.returncode is None

    @property
    def said(self) -> str:
        """The last lines of its standard error."""
        return "\n".join(self._tail)

    async def stop(self) -> None:
        """Ask, then kill. Safe twice."""
        with suppress(ProcessLookupError):
            self._process.terminate()
        try:
            async with asyncio.timeout(TERMINATE_S):
                await self._process.wait()
        except TimeoutError:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
        await self._reader

    async def _read(self) -> None:
        assert self._process.stderr is not None
        with suppress(ValueError):  # a line beyond the reader's limit: its end is enough
            async for line in self._process.stderr:
                self._tail.append(line.decode(errors="replace").rstrip())


async def end_processes(processes: Sequence[psutil.Process]) -> None:
    """Wait a little for these to end by themselves, then kill them."""
    _, alive = await asyncio.to_thread(psutil.wait_procs, processes, TERMINATE_S)
    for process in alive:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    await asyncio.to_thread(psutil.wait_procs, alive, TERMINATE_S)
