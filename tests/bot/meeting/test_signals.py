"""A process that is asked to end before it can listen."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

PROCESS = """
import asyncio, os, signal, sys
from bot.meeting.signals import ENDING, listen

signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
os.kill(os.getpid(), int(sys.argv[1]))

async def main():
    told = asyncio.Queue()
    listen(lambda: told.put_nowait("left in order"), lambda: told.put_nowait("killed"))
    print(await asyncio.wait_for(told.get(), 20))

asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("number", "said"),
    [(signal.SIGTERM, "left in order"), (signal.SIGINT, "left in order"), (signal.SIGUSR1, "killed")],
)
def test_what_asked_the_process_to_end_before_it_listened_is_heard_then(number: int, said: str) -> None:
    done = subprocess.run([sys.executable, "-c", PROCESS, str(number)], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout) == (0, f"{said}\n"), done.stderr
