"""What an owner sees of its processes."""

from __future__ import annotations

import subprocess
import sys

import pytest

# A child dies and is reaped by another thread, as asyncio does it, at the moment its children are looked for.
LOOKS = """
import os, subprocess, sys, threading
from bot.supervision import kernel

CHILD = (
    "import subprocess, time; [subprocess.Popen(['sleep', '60']) for _ in 'abc']; print(1, flush=True); time.sleep(60)"
)
with kernel.adopting_orphans() as spared:
    for _ in range(200):
        with subprocess.Popen([sys.executable, "-S", "-c", CHILD], stdout=subprocess.PIPE) as child:
            child.stdout.readline()
            reaping = threading.Thread(target=child.wait)
            reaping.start()
            child.kill()
            print(len(kernel.living(spared)) >= 3)
            reaping.join()
        for orphan in kernel.living(spared):
            orphan.kill()
        kernel.bury(spared)
"""


@pytest.mark.slow
@pytest.mark.parallel
def test_whom_a_child_leaves_that_is_reaped_at_this_moment_is_seen() -> None:
    done = subprocess.run([sys.executable, "-c", LOOKS], capture_output=True, text=True, timeout=100, check=True)
    assert done.stdout.split() == ["True"] * 200
