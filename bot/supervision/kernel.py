"""What the kernel does for an owner of processes: adopt orphans, end children with their parent, list descendants.

Linux only (prctl(2)). Knows neither readiness nor restarts.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
POLL_S = 0.05
KILL_TIMEOUT_S = 5.0  # from SIGKILL to gone; only a process stuck in the kernel takes longer
REAP_EVERY_S = 5.0
_LOOKS = 5  # at all processes, while one's parent is not among them

_LIBC = ctypes.CDLL(None, use_errno=True)  # loaded here: after a fork it is too late to load anything


@contextmanager
def adopting_orphans() -> Iterator[frozenset[psutil.Process]]:
    """While inside, a descendant whose parent ends becomes our child, however often it forked. Yields those that
    descend from us already: they belong to somebody else."""
    _LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        yield frozenset(_descendants())
    finally:
        _LIBC.prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


def dying_with_parent(death_signal: int = signal.SIGKILL) -> Callable[[], None]:
    """For `preexec_fn`: the kernel sends `death_signal` to the child when the thread that forked it ends."""
    parent = os.getpid()

    def ask() -> None:
        _LIBC.prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
        if os.getppid() != parent:  # it ended before we asked
            os._exit(1)

    return ask


def die_with_parent() -> None:
    """For a child that knows its place: the kernel kills this process when the thread that started it ends."""
    _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def living(spared: frozenset[psutil.Process]) -> list[psutil.Process]:
    """Our descendants that still run, but for the spared. A zombie runs no more."""
    found = []
    for process in _descendants():
        with suppress(psutil.NoSuchProcess):
            if process not in spared and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def _descendants() -> list[psutil.Process]:
    """`psutil.Process.children` loses whom a child leaves that is reaped while it looks: those are still under the dead
    one's number, and it is no more. So who is whose child is read first, and again where a parent is missing."""
    parents: dict[int, int] = {}
    for _ in range(_LOOKS):
        parents = dict(filter(None, map(_parent, psutil.pids())))
        if all(parent in parents or not parent for parent in parents.values()):
            break
    children = defaultdict(list)
    for pid, parent in parents.items():
        children[parent].append(pid)
    found, left = [], [os.getpid()]
    while left:
        below = children.pop(left.pop(), [])
        left += below
        for pid in below:
            with suppress(psutil.NoSuchProcess):
                found.append(psutil.Process(pid))
    return found


def _parent(pid: int) -> tuple[int, int] | None:
    """With its parent's number, the second field behind the name in brackets (proc_pid_stat(5))."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    return pid, int(stat[stat.rindex(b")") + 2 :].split()[1])


def tell(processes: list[psutil.Process], number: int) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)


def in_session(session: int, spared: frozenset[psutil.Process]) -> list[psutil.Process]:
    """Our living descendants in that session: what a child left behind without making a session of its own."""
    found = []
    for process in living(spared):
        with suppress(ProcessLookupError):
            if os.getsid(process.pid) == session:
                found.append(process)
    return found


def adopted(ours: set[int], spared: frozenset[psutil.Process]) -> list[psutil.Process]:
    """Living children of ours that we did not start: orphans of those we did."""
    found = []
    for process in living(spared):
        with suppress(psutil.NoSuchProcess):
            if process.pid not in ours and process.ppid() == os.getpid():
                found.append(process)
    return found


async def end_descendants(spared: frozenset[psutil.Process], *, grace_s: float) -> int:
    """End all that descend from us but the spared: told first, killed after `grace_s`. Returns how many were killed.

    Looks again until nothing is found, because a process may fork while we look."""
    told: set[psutil.Process] = set()
    killed: set[psutil.Process] = set()
    kill_at_s = time.monotonic() + grace_s
    while (left := living(spared)) and time.monotonic() < kill_at_s + KILL_TIMEOUT_S:
        if time.monotonic() < kill_at_s:
            tell([process for process in left if process not in told], signal.SIGTERM)
            told.update(left)
        else:
            tell(left, signal.SIGKILL)
            killed.update(left)
        await asyncio.sleep(POLL_S)
    bury(spared)
    return len(killed)


def bury(spared: frozenset[psutil.Process]) -> None:
    """Collect the exit status of every child that has ended, also where somebody waits for it."""
    _bury(_zombies(spared))


async def bury_orphans(ours: Callable[[], set[int]], spared: frozenset[psutil.Process]) -> None:
    """For ever: collect the exit status of adopted orphans, so that none stays as a zombie.

    asyncio collects its own children within milliseconds; one that is a zombie twice in a row is nobody's."""
    seen: set[int] = set()
    while True:
        zombies = _zombies(spared)
        _bury((zombies & seen) - ours())
        seen = zombies
        await asyncio.sleep(REAP_EVERY_S)


def _zombies(spared: frozenset[psutil.Process]) -> set[int]:
    found = set()
    for process in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):
            if process not in spared and process.status() == psutil.STATUS_ZOMBIE:
                found.add(process.pid)
    return found


def _bury(pids: set[int]) -> None:
    for pid in pids:
        with suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
