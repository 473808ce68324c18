"""A process that is asked to end before it can listen."""

from __future__ import annotations

import subprocess
import sys

PROCESS = """
import asyncio, os, signal
from bot.meeting.signals import ENDING, listen

signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
os.kill(os.getpid(), signal.SIGTERM)

async def main():
    ended = asyncio.Event()
    listen(ended.set)
    await asyncio.wait_for(ended.wait(), 20)
    print("left in order")

asyncio.run(main())
"""


def test_what_asked_the_process_to_end_before_it_listened_is_heard_then():
    done = subprocess.run([sys.executable, "-c", PROCESS], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout) == (0, "left in order\n"), done.stderr
