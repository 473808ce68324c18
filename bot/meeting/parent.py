"""The small parent of one bot: starts the meeting process, passes signals on, and leaves nothing behind.

It is a child subreaper (prctl(2), PR_SET_CHILD_SUBREAPER): whatever the meeting process starts and loses (a browser's
helpers, a sound server) becomes its child and is ended with it. It imports nothing heavy, so that it can always act:

    SIGTERM, SIGINT   leave the meeting in order; a second one, or no end within the grace time, kills
    SIGUSR1           the kill switch: a byte on the device thread's own pipe, then leave as killed, in a shorter time
"""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import FrameType

import psutil

from bot.meeting.signals import ENDING, KILLING
from bot.supervision.kernel import adopting_orphans, dying_with_parent, living, tell
from connectors.kit.folders import sweep

LEAVE_GRACE_S = 25.0
KILL_GRACE_S = 6.0
REPEATED_S = 1.0  # the kernel may tell of a parent's death once for each of its threads: that is one wish, not two
_POLL_S = 0.1


class Parent:
    def __init__(
        self, arguments: Sequence[str], *, grace_s: float = LEAVE_GRACE_S, kill_grace_s: float = KILL_GRACE_S
    ) -> None:
        self._arguments, self._grace_s, self._kill_grace_s = list(arguments), grace_s, kill_grace_s
        self._end_by_s = math.inf
        self._asked_at_s: float | None = None
        self._kill_now = False
        self._kill_write = -1
        self._child: subprocess.Popen[bytes] | None = None
        self._wishes: list[int] = []  # in their order
        self._told: set[int] = set()  # the child: each once, for it has no ear left once it has ended its loop

    def run(self) -> int:
        """Run the meeting process to its end; its exit code, or 128 + the signal that ended it."""
        with adopting_orphans():
            return self._run()

    def _run(self) -> int:
        kill_read, self._kill_write = os.pipe()
        for number in ENDING:
            signal.signal(number, self._on_signal)
        self._child = subprocess.Popen(
            [*self._arguments, "--kill-fd", str(kill_read)],
            pass_fds=(kill_read,),
            preexec_fn=_before_the_child(),
            start_new_session=True,  # a terminal's Ctrl-C reaches the parent alone
        )
        os.close(kill_read)
        self._tell()  # what came while there was no child yet
        try:
            return self._wait(self._child)
        finally:
            end_descendants()
            sweep()  # what a killed process could not remove itself: profile, camera file, sockets

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        now_s, killing = time.monotonic(), number == KILLING
        if killing:
            with suppress(OSError):  # a child that is gone has closed its end
                os.write(self._kill_write, b"k")
        self._end_by_s = min(self._end_by_s, now_s + (self._kill_grace_s if killing else self._grace_s))
        if self._asked_at_s is None:
            self._asked_at_s = now_s
        elif not killing and now_s - self._asked_at_s >= REPEATED_S:
            self._kill_now = True
        self._wishes.append(KILLING if killing else signal.SIGTERM)
        self._tell()

    def _tell(self) -> None:
        if self._child is None:
            return
        for number in self._wishes:
            if number not in self._told:
                self._told.add(number)
                self._child.send_signal(number)

    def _wait(self, child: subprocess.Popen[bytes]) -> int:
        while True:
            try:
                code = child.wait(_POLL_S)
                return code if code >= 0 else 128 - code
            except subprocess.TimeoutExpired:
                if self._kill_now or time.monotonic() > self._end_by_s:
                    child.kill()
                _reap_orphans(child.pid)


def _reap_orphans(own_pid: int) -> None:
    """Collect children that were handed to us when their parents ended; our own child is Popen's to collect."""
    while True:
        try:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return
        if ended is None or ended.si_pid == own_pid:
            return
        os.waitpid(ended.si_pid, os.WNOHANG)


def end_descendants(timeout_s: float = 5.0) -> None:
    """Kill every process below this one and wait until none is left; new ones that appear meanwhile included."""
    deadline_s = time.monotonic() + timeout_s
    while time.monotonic() < deadline_s and (left := living(frozenset())):
        tell(left, signal.SIGKILL)
        psutil.wait_procs(left, timeout=0.5)


def run_bot(bot_id: str, *, attempt: int | None, task_id: str | None) -> int:
    """The bot's whole life in a meeting process of its own, under a fresh parent: this process."""
    arguments = [sys.executable, "-m", "bot.meeting", bot_id]
    if attempt is not None:
        arguments += ["--attempt", str(attempt)]
    if task_id:
        arguments += ["--task-id", task_id]
    return Parent(arguments).run()


def _before_the_child() -> Callable[[], None]:
    """It dies with us; and what asks it to end waits from its very first moment until it can act on it."""
    die = dying_with_parent()

    def prepare() -> None:
        die()
        signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)

    return prepare
