"""The cost of a tree is that of all its processes."""

from __future__ import annotations

import subprocess
import sys
import time

from bot.rehearsal.usage import Meter, tree

BUSY_CHILD = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "x = bytearray(30_000_000)\\nwhile True: pass"])
print("ready", flush=True)
child.wait()
"""


def test_a_busy_child_counts_for_its_parent() -> None:
    with subprocess.Popen([sys.executable, "-c", BUSY_CHILD], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None and parent.stdout.readline()
        everyone = tree(parent.pid)
        try:
            meter = Meter(parent.pid)
            meter.start()
            deadline = time.monotonic() + 10
            while everyone[-1].cpu_times().user < 0.3 and time.monotonic() < deadline:
                pass
            cost = meter.stop()
        finally:
            for process in everyone:
                process.kill()
    assert cost is not None and cost.processes == 2
    assert cost.share_of_core > 0.05 and cost.pss_mb > 30


def test_a_process_that_is_gone_costs_nothing() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    assert Meter(gone.pid).stop() is None
