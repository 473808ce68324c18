"""A tree of processes with one owner. Knows no bots: it starts, watches, restarts and stops what its table says.

    specs = (ChildSpec(name="broker", ...), ChildSpec(name="api", ...))
    result = await run_tree(specs, log_folder=folder, body=work)

Children start in the order of the table, each when the one before is ready, and stop in reverse order. Each is in a
session of its own, so Ctrl-C at a terminal reaches the owner alone, who decides what it means:

    first SIGINT or SIGTERM    `body` is cancelled, the children are told to stop, one after the other, each in its time
    second                     everything is killed at once

When `run_tree` returns, nothing runs any more that descends from this process and was not there when it was called:
orphans are adopted (child subreaper) and ended too. So start helpers of your own before it, or end them in `body`.
"""

from __future__ import annotations

import asyncio
import math
import signal
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TypeVar

import psutil

from bot.errors import BotError
from bot.log import get_log
from bot.supervision import kernel
from bot.supervision.probes import Probe

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
READY_POLL_S = 0.05
ORPHAN_GRACE_S = 2.0
LOG_LIMIT_BYTES = 10 * 1024 * 1024
LOG_TAIL_LINES = 15
MOST_DOUBLINGS = 30

Result = TypeVar("Result")

log = get_log(__name__)


class ChildFailed(BotError):
    """A part of this installation did not start; its log says why."""

    code = "child_failed"


class ChildKeepsEnding(BotError):
    """A part of this installation ends again and again; its log says why."""

    code = "child_keeps_ending"


class _AskedToStop(Exception):
    """Somebody sent SIGINT or SIGTERM."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Restarts:
    """How long to wait before each new start of a child that ended by itself: `first_delay_s`, doubled each time within
    the window, never over `longest_delay_s`. Over `most` ends in the window end the whole tree when the child has never
    stood for `stood_s`, for it cannot; one that has is started again and again, for the others run, and bots with
    them."""

    most: int = 5
    window_s: float = 300.0
    stood_s: float = 60.0
    first_delay_s: float = 0.5
    longest_delay_s: float = 15.0


@dataclass(frozen=True, kw_only=True, slots=True)
class ChildSpec:
    name: str  # also of its log file
    argv: tuple[str, ...]
    folder: Path | None = None  # it runs in; None: ours
    environment: Mapping[str, str] | None = None  # the whole of it; None: ours
    ready: Probe | None = None  # None: ready as soon as it runs
    ready_timeout_s: float = 30.0
    stop_timeout_s: float = 10.0  # from SIGTERM to SIGKILL
    restarts: Restarts = Restarts()
    death_signal: int = signal.SIGKILL  # what the kernel sends it when its owner is killed


class Tree:
    """What `body` sees: who runs, and where their logs are."""

    def __init__(self, specs: Sequence[ChildSpec], log_folder: Path) -> None:
        self._hurry = asyncio.Event()
        self._asked = asyncio.Event()
        self._children = [_Child(spec, log_folder, self._hurry) for spec in specs]

    def pid_of(self, name: str) -> int:
        """The process of that child now; a restart changes it. Raises KeyError for a name that is not in the table."""
        return self._named(name).pid

    def log_of(self, name: str) -> Path:
        return self._named(name).log_path

    async def until_stopped(self) -> NoReturn:
        """Waits; `body` is cancelled here when the tree is asked to stop or a child never stands."""
        await asyncio.Event().wait()
        raise AssertionError

    def _named(self, name: str) -> _Child:
        return {child.spec.name: child for child in self._children}[name]

    async def _live(self, body: Callable[[Tree], Awaitable[Result]], spared: frozenset[psutil.Process]) -> Result:
        async with asyncio.TaskGroup() as group:
            watch = [group.create_task(self._until_asked())]
            watch.append(group.create_task(kernel.bury_orphans(self._pids, spared)))
            for child in self._children:
                await child.start()
                watch.append(group.create_task(child.keep(spared)))
            result = await body(self)
            for task in watch:
                task.cancel()
        return result

    async def _until_asked(self) -> None:
        await self._asked.wait()
        raise _AskedToStop

    async def _stop(self, spared: frozenset[psutil.Process]) -> None:
        orphans = kernel.adopted(self._pids(), spared)
        kernel.tell(orphans, signal.SIGTERM)  # they have as long as the first child to stop
        for child in reversed(self._children):
            await child.stop(spared)
        killed = await kernel.end_descendants(spared, grace_s=0 if self._hurry.is_set() else ORPHAN_GRACE_S)
        if killed:
            log.warning("processes left behind were killed", processes=killed)

    def _pids(self) -> set[int]:
        return {child.pid for child in self._children if child.started}

    @contextmanager
    def _hearing_signals(self, spared: frozenset[psutil.Process]) -> Iterator[None]:
        loop = asyncio.get_running_loop()

        def hear() -> None:
            if self._asked.is_set():
                self._hurry.set()
                kernel.tell(kernel.living(spared), signal.SIGKILL)
            self._asked.set()

        for number in STOP_SIGNALS:
            loop.add_signal_handler(number, hear)
        try:
            yield
        finally:
            for number in STOP_SIGNALS:
                loop.remove_signal_handler(number)


async def run_tree(
    specs: Sequence[ChildSpec], *, log_folder: Path, body: Callable[[Tree], Awaitable[Result]]
) -> Result | None:
    """Run the children while `body` runs; its result, or None when the tree was asked to stop before it ended.

    Raises what `body` raises, ChildFailed when a child does not get ready, ChildKeepsEnding when one ends again and
    again from the start on. In every case all is stopped first. Takes over SIGINT and SIGTERM of this process; call
    from its main thread."""
    tree = Tree(specs, log_folder)
    with kernel.adopting_orphans() as spared, tree._hearing_signals(spared):
        try:
            return await tree._live(body, spared)
        except BaseExceptionGroup as errors:
            for other in errors.exceptions[1:]:
                log.warning("another error while the tree stopped", error=type(other).__name__)
            if isinstance(errors.exceptions[0], _AskedToStop):
                return None
            raise errors.exceptions[0] from None
        finally:
            await tree._stop(spared)


class _Child:
    """One row of the table, running."""

    def __init__(self, spec: ChildSpec, log_folder: Path, hurry: asyncio.Event) -> None:
        self.spec = spec
        self.log_path = log_folder / f"{spec.name}.log"
        self._hurry = hurry
        self._process: asyncio.subprocess.Process | None = None
        self._ends: deque[float] = deque()
        self._ready_at_s = math.inf  # not yet
        self._has_stood = False

    @property
    def started(self) -> bool:
        return self._process is not None

    @property
    def pid(self) -> int:
        if self._process is None:
            raise ChildFailed(f"{self.spec.name} has not been started")
        return self._process.pid

    async def start(self) -> None:
        """Returns when it is ready. Raises ChildFailed."""
        self._ready_at_s = math.inf
        try:
            self.log_path.parent.mkdir(parents=True, exist_ok=True)
            if self.log_path.exists() and self.log_path.stat().st_size > LOG_LIMIT_BYTES:
                self.log_path.replace(self.log_path.with_suffix(".log.1"))
            with self.log_path.open("ab") as output:
                self._process = await asyncio.create_subprocess_exec(
                    *self.spec.argv,
                    cwd=self.spec.folder,
                    env=None if self.spec.environment is None else dict(self.spec.environment),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                    preexec_fn=kernel.dying_with_parent(self.spec.death_signal),
                )
        except OSError as error:
            raise ChildFailed(f"{self.spec.name} cannot be started: {error.strerror}") from error
        await self._until_ready()
        self._ready_at_s = time.monotonic()

    async def keep(self, spared: frozenset[psutil.Process]) -> None:
        """For ever: start it again when it ends. Raises ChildKeepsEnding for one that has never stood."""
        while True:
            assert self._process is not None
            code = await self._process.wait()
            kernel.tell(kernel.in_session(self._process.pid, spared), signal.SIGKILL)
            delay_s = self._delay_after(time.monotonic())
            log.warning("child ended", child=self.spec.name, code=code, again_in_s=delay_s)
            await asyncio.sleep(delay_s)
            try:
                await self.start()
            except ChildFailed as error:
                log.warning("child did not start again", child=self.spec.name, code=error.code)
                await self.stop(spared)

    async def stop(self, spared: frozenset[psutil.Process]) -> None:
        """Tell it, wait, kill what is left of its session. Safe twice, and before `start`."""
        if self._process is None:
            return
        if self._process.returncode is None:
            began_s = time.monotonic()
            with suppress(ProcessLookupError):
                self._process.terminate()
            if not await self._gone_within(self.spec.stop_timeout_s):
                log.warning("child did not stop in time and is killed", child=self.spec.name)
                with suppress(ProcessLookupError):
                    self._process.kill()
                await self._process.wait()
            log.info("child stopped", child=self.spec.name, took_s=round(time.monotonic() - began_s, 2))
        kernel.tell(kernel.in_session(self.pid, spared), signal.SIGKILL)

    async def _gone_within(self, timeout_s: float) -> bool:
        """False when it still runs after `timeout_s`, or when there is no time any more."""
        assert self._process is not None
        gone, hurry = asyncio.create_task(self._process.wait()), asyncio.create_task(self._hurry.wait())
        done, pending = await asyncio.wait({gone, hurry}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        return gone in done

    async def _until_ready(self) -> None:
        assert self._process is not None
        deadline_s = time.monotonic() + self.spec.ready_timeout_s
        while True:
            if self._process.returncode is not None:
                raise ChildFailed(f"{self.spec.name} ended with code {self._process.returncode}.{self._told()}")
            if self.spec.ready is None or await self.spec.ready():
                return
            if time.monotonic() > deadline_s:
                raise ChildFailed(f"{self.spec.name} was not ready in {self.spec.ready_timeout_s:g} s.{self._told()}")
            await asyncio.sleep(READY_POLL_S)

    def _delay_after(self, now_s: float) -> float:
        """How long to wait before the next start. Raises ChildKeepsEnding."""
        policy = self.spec.restarts
        self._has_stood = self._has_stood or now_s - self._ready_at_s >= policy.stood_s
        while self._ends and self._ends[0] < now_s - policy.window_s:
            self._ends.popleft()
        self._ends.append(now_s)
        ends = len(self._ends)
        if ends > policy.most:
            if not self._has_stood:
                raise ChildKeepsEnding(f"{self.spec.name} ended {ends} times in {policy.window_s:g} s.{self._told()}")
            log.error("child keeps ending", child=self.spec.name, times=ends, within_s=policy.window_s)
        return float(min(policy.longest_delay_s, policy.first_delay_s * 2.0 ** min(ends - 1, MOST_DOUBLINGS)))

    def _told(self) -> str:
        """Where its log is, and how it ends, for the message of an error."""
        with self.log_path.open("rb") as file:
            file.seek(max(0, self.log_path.stat().st_size - 64 * 1024))
            lines = file.read().decode(errors="replace").splitlines()
        return "\n".join([f" The end of {self.log_path}:", *lines[-LOG_TAIL_LINES:]])
