"""The small parent, with real processes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.parallel]
RUN = """
import sys
from bot.meeting.parent import Parent
sys.exit(Parent(sys.argv[1:], grace_s=GRACE, kill_grace_s=0.2).run())
"""
CHILD = """
import os, signal, subprocess, sys, time
folder = sys.argv[1]
if "stubborn" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
if "late" in sys.argv:
    open(folder + "/pids", "w").write(f"{os.getpid()} {os.getpid()}")
    time.sleep(0.5)  # it imports its parts
if "polite" in sys.argv:
    def leave(*_):
        time.sleep(0.4)
        sys.exit(5)
    signal.signal(signal.SIGTERM, leave)
if "told" in sys.argv:  # both, in whichever order
    signal.signal(signal.SIGTERM, lambda *_: open(folder + "/asked", "w").close())
    signal.signal(signal.SIGUSR1, lambda *_: sys.exit(6))
signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, signal.SIGUSR1})
helper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
open(folder + "/pids", "w").write(f"{os.getpid()} {helper.pid}")
if "ends" in sys.argv:
    sys.exit(7)
kill_fd = int(sys.argv[sys.argv.index("--kill-fd") + 1])
if "killed" in sys.argv:
    sys.exit(9 if os.read(kill_fd, 1) == b"k" else 1)
time.sleep(600)
"""


def until(probe: Callable[[], object], timeout_s: float = 10.0) -> object:
    deadline = time.monotonic() + timeout_s
    while not (value := probe()):
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.02)
    return value


def start(folder: Path, *words: str) -> tuple[subprocess.Popen[bytes], list[int]]:
    run = RUN.replace("GRACE", "600" if "killed-hanging" in words else "1.0")
    parent = subprocess.Popen([sys.executable, "-c", run, sys.executable, "-c", CHILD, str(folder), *words])
    pids = folder / "pids"
    until(lambda: pids.exists() and len(pids.read_text().split()) == 2)
    return parent, [int(pid) for pid in pids.read_text().split()]


def gone(pids: list[int]) -> bool:
    return not any(psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE for pid in pids)


def test_what_the_child_lost_is_ended_with_it(tmp_path: Path) -> None:
    parent, pids = start(tmp_path, "ends")
    assert parent.wait(10) == 7
    assert gone(pids)


def test_a_child_that_does_not_leave_in_time_is_killed(tmp_path: Path) -> None:
    parent, pids = start(tmp_path, "stubborn")
    parent.send_signal(signal.SIGTERM)
    assert parent.wait(10) == 128 + signal.SIGKILL
    assert gone(pids)


def test_a_wish_told_twice_at_once_is_one_wish(tmp_path: Path) -> None:
    parent, pids = start(tmp_path, "polite")
    parent.send_signal(signal.SIGTERM)
    parent.send_signal(signal.SIGTERM)
    assert parent.wait(10) == 5, "it was let to leave by itself"
    assert gone(pids)


def test_a_wish_that_comes_while_the_child_imports_its_parts_is_heard_when_it_listens(tmp_path: Path) -> None:
    parent, _ = start(tmp_path, "late", "polite")
    parent.send_signal(signal.SIGTERM)
    assert parent.wait(10) == 5


EARLY = """
import signal, sys
from bot.meeting.parent import Parent
UNBLOCKS = "import signal, time; signal.pthread_sigmask(signal.SIG_UNBLOCK, signal.valid_signals()); time.sleep(600)"
parent = Parent([sys.executable, "-c", UNBLOCKS], grace_s=60, kill_grace_s=60)
parent._on_signal(getattr(signal, sys.argv[1]), None)
sys.exit(parent.run())
"""


@pytest.mark.parametrize("name", ["SIGTERM", "SIGUSR1"])
def test_a_wish_that_comes_before_the_child_does_is_passed_on(name: str) -> None:
    code = subprocess.run([sys.executable, "-c", EARLY, name], timeout=30, check=False).returncode
    assert code == 128 + getattr(signal, name)


def test_a_kill_is_told_as_one_also_to_a_child_that_was_asked_to_leave(tmp_path: Path) -> None:
    parent, pids = start(tmp_path, "told")
    parent.send_signal(signal.SIGTERM)
    until((tmp_path / "asked").exists)
    parent.send_signal(signal.SIGUSR1)
    assert parent.wait(10) == 6
    assert gone(pids)


def test_the_kill_switch_reaches_the_child_by_its_own_pipe(tmp_path: Path) -> None:
    parent, pids = start(tmp_path, "stubborn", "killed")
    parent.send_signal(signal.SIGUSR1)
    assert parent.wait(10) == 9
    assert gone(pids)


def test_a_killed_child_that_hangs_is_ended_long_before_one_that_says_goodbye(tmp_path: Path) -> None:
    parent, pids = start(tmp_path, "stubborn", "killed-hanging")
    parent.send_signal(signal.SIGUSR1)
    assert parent.wait(10) == 128 + signal.SIGKILL
    assert gone(pids)


def test_the_child_does_not_outlive_a_killed_parent(tmp_path: Path) -> None:
    parent, pids = start(tmp_path)
    parent.kill()
    parent.wait(10)
    until(lambda: gone(pids[:1]))
    if psutil.pid_exists(pids[1]):  # a helper that asked for a session of its own ends by its own means
        os.kill(pids[1], signal.SIGKILL)
