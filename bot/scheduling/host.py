"""The bot host: owns the bot processes of this machine. Workers come and go; meetings end only with their bots.

It listens on a unix socket for launches and starts each bot once per attempt: the move from claimed to starting, in
the database, is the one that counts, so a doubled message, or a second host, starts nothing. Each bot runs in a session
of its own; when the host dies, the kernel tells it to leave (PR_SET_PDEATHSIG with SIGTERM). An exit is noticed at once
and put to the reaper's rule. Asked to stop, the host asks every bot to leave, waits, and kills what is left.

A kill does not go through the bot: see `kill_switch.py`.

The host is a child subreaper, and so is every bot's parent process: a child the host did not start is what a dead bot
left behind, and is killed.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil

from bot.clock import Clock
from bot.domain.figures import Observation
from bot.domain.lifecycle import BotState
from bot.errors import BotError, Conflict
from bot.log import get_log
from bot.scheduling.kill_switch import KILL_GRACE_S, KillSwitch, end_as_killed
from bot.scheduling.launchers import HostFull, HostUnavailable, Launch, LaunchFailed, LaunchRefused
from bot.scheduling.launchers.subprocess import MAX_LINE_BYTES
from bot.scheduling.policy import DEFAULT, Policy
from bot.scheduling.reaper import Cause, bury
from bot.sockets import make_private
from bot.store import bots, counters, leases
from bot.store.session import Database
from bot.supervision.kernel import adopting_orphans, dying_with_parent
from connectors.kit.folders import sweep

log = get_log(__name__)

LEAVE_GRACE_S = 28.0  # a bot's goodbye takes at most 25 s, its own parent sees to that
REQUEST_TIMEOUT_S = 8.0  # less than the launcher waits
SWEEP_S = 5.0
ORPHAN_S = 3.0  # from being killed to being gone
RUN_BOT = (sys.executable, "-m", "bot", "run", "{bot_id}", "--attempt", "{attempt}", "--task-id", "{task_id}")


class HostRunning(Conflict):
    """Another bot host of this installation is running."""

    code = "bot_host_running"


@dataclass(kw_only=True, slots=True)
class _Running:
    launch: Launch
    process: asyncio.subprocess.Process
    watch: asyncio.Task[None] | None = field(default=None)
    killed: bool = False
    asked: bool = False  # to leave, as this host ends
    cpu_s: float = 0.0  # of all its processes, ended ones too, when last looked

    @property
    def pid(self) -> int:
        return self.process.pid

    def force(self) -> None:
        _kill(_tree(self.process.pid))

    def look(self) -> None:
        self.cpu_s = max(self.cpu_s, sum(map(_cpu_s, _tree(self.process.pid))))


class BotHost:
    """`argv` is the command of a bot, with {bot_id}, {attempt} and {task_id} to be filled in."""

    def __init__(
        self,
        database: Database,
        *,
        socket: Path,
        logs: Path,
        max_bots: int,
        clock: Clock,
        policy: Policy = DEFAULT,
        argv: Sequence[str] = RUN_BOT,
        leave_grace_s: float = LEAVE_GRACE_S,
        kill_grace_s: float = KILL_GRACE_S,
        sweep_s: float = SWEEP_S,
    ) -> None:
        self._database, self._socket, self._logs, self._clock, self._policy = database, socket, logs, clock, policy
        self._max_bots, self._argv, self._leave_grace_s = max_bots, tuple(argv), leave_grace_s
        self._sweep_s = sweep_s
        self._running: dict[tuple[str, int], _Running] = {}
        self._kill_switch = KillSwitch(database, clock, lambda: dict(self._running), grace_s=kill_grace_s)
        self._launching = asyncio.Lock()
        self._stopping = False
        self._group: asyncio.TaskGroup
        self._not_ours: set[int] = set()  # children this process had before

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set, then end every bot in order. Raises HostRunning, FolderNotOurs."""
        server = await self._listen()
        async with self._owning():
            log.info("bot host listening", socket=str(self._socket), max_bots=self._max_bots)
            await stop.wait()
            server.close()
            self._socket.unlink(missing_ok=True)

    async def run_one(self, launch: Launch, stop: asyncio.Event) -> bool:
        """Start this bot and own it until it is over, or, once `stop` is set, has left: for a container of its own.
        False: it was not to be started, or could not be."""
        self._logs.mkdir(parents=True, exist_ok=True, mode=0o700)
        async with self._owning():
            answer = await self._launch(launch)
            here = self._running.get((launch.bot_id, launch.attempt))
            if here is not None and here.watch is not None:
                stopping = asyncio.create_task(stop.wait())
                await asyncio.wait({here.watch, stopping}, return_when=asyncio.FIRST_COMPLETED)
                stopping.cancel()
        return bool(answer.get("new"))

    @asynccontextmanager
    async def _owning(self) -> AsyncIterator[None]:
        """Bots can be started; at the end each is asked to leave, and what they left behind is killed."""
        self._not_ours = {child.pid for child in psutil.Process().children()}
        with adopting_orphans():
            async with asyncio.TaskGroup() as self._group:
                sweeper = self._group.create_task(self._sweep(), name="sweep")
                kills = self._group.create_task(self._kill_switch.run(), name="kill switch")
                yield
                async with self._launching:  # one that is under way becomes a bot to be ended
                    self._stopping = True
                await self._end_all()
                sweeper.cancel()
                kills.cancel()
            await self._kill_orphans()

    async def _listen(self) -> asyncio.Server:
        make_private(self._socket.parent)
        self._logs.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            _, writer = await asyncio.open_unix_connection(str(self._socket))
        except OSError:
            self._socket.unlink(missing_ok=True)  # left by a host that was killed
        else:
            writer.close()
            raise HostRunning
        return await asyncio.start_unix_server(self._serve, str(self._socket), limit=MAX_LINE_BYTES)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                answer = await self._answer(await reader.readline())
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        except (TimeoutError, ConnectionError) as error:
            log.warning("a request to the bot host came to nothing", error=type(error).__name__)
        finally:
            writer.close()

    async def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            question = json.loads(line)
            launch = Launch(
                bot_id=str(question["bot_id"]),
                attempt=int(question["attempt"]),
                task_id=str(question["task_id"]),
                worker_pid=int(question["worker_pid"]),
            )
        except (ValueError, TypeError, KeyError):
            return {"code": LaunchFailed.code, "detail": "The bot host did not understand the request."}
        # A launch goes on when the asker is gone: half of one would be worse than one too many answers.
        return await asyncio.shield(self._group.create_task(self._launch(launch)))

    async def _launch(self, launch: Launch) -> dict[str, Any]:
        try:
            pid, new = await self._launch_once(launch)
        except BotError as error:
            log.warning("launch refused", bot_id=launch.bot_id, attempt=launch.attempt, code=error.code)
            if isinstance(error, HostFull):
                self._group.create_task(self._tell_full(launch), name="refusal")  # nobody waits for a note
            return {"code": error.code, "detail": str(error)}
        return {"pid": pid, "new": new}

    async def _tell_full(self, launch: Launch) -> None:
        told = {"code": HostFull.code, "max_bots": self._max_bots, "bot_host_pid": os.getpid()}
        with suppress(BotError):  # not to be launched any more, or the database is away: the note is a convenience
            async with self._database.read() as session:
                if await bots.refusal(session, launch.bot_id, attempt=launch.attempt) is not None:
                    return
            async with self._database.write() as session:
                await bots.note_refusal(session, launch.bot_id, attempt=launch.attempt, data=told, at=self._clock.now())

    async def _launch_once(self, launch: Launch) -> tuple[int | None, bool]:
        async with self._launching:
            here = self._running.get((launch.bot_id, launch.attempt))
            if here is not None:
                return here.process.pid, False
            if self._stopping:
                raise HostUnavailable
            if len(self._running) >= self._max_bots:
                raise HostFull
            if not await self._mark_starting(launch):
                return None, False
            process = await self._spawn(launch)
            running = _Running(launch=launch, process=process)
            self._running[launch.bot_id, launch.attempt] = running
            running.watch = self._group.create_task(self._watch(running), name=f"bot {launch.bot_id}")
            log.info("bot started", bot_id=launch.bot_id, attempt=launch.attempt, pid=process.pid)
            return process.pid, True

    async def _mark_starting(self, launch: Launch) -> bool:
        """Make this attempt ours to start. False when it was started before. Raises LaunchRefused."""
        now = self._clock.now()
        told = {"task_id": launch.task_id, "worker_pid": launch.worker_pid, "bot_host_pid": os.getpid()}
        try:
            async with self._database.write() as session:
                bot = await bots.get(session, launch.bot_id)
                if bot.attempt == launch.attempt and bot.state is BotState.STARTING:
                    return False
                await bots.move(session, bot.id, attempt=launch.attempt, to=BotState.STARTING, data=told, at=now)
                start_by = now + timedelta(seconds=self._policy.start_ttl_s)
                await leases.extend(session, bot.id, attempt=launch.attempt, expires_at=start_by)
        except (bots.Fenced, bots.IllegalTransition, bots.UnknownBot) as error:
            raise LaunchRefused from error
        return True

    async def _spawn(self, launch: Launch) -> asyncio.subprocess.Process:
        values = {"bot_id": launch.bot_id, "attempt": str(launch.attempt), "task_id": launch.task_id}
        argv = [word.format_map(values) for word in self._argv]
        path = self._logs / f"{launch.bot_id}-{launch.attempt}.log"
        try:
            with path.open("ab") as output:
                return await asyncio.create_subprocess_exec(
                    *argv,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                    preexec_fn=dying_with_parent(signal.SIGTERM),  # a bot whose host died says goodbye
                )
        except OSError as error:
            log.error("a bot's process could not be started", bot_id=launch.bot_id, error=str(error))
            await self._bury(launch, Cause(code="launch_failed", detail=str(error), heard_of=True), {})
            raise LaunchFailed from error

    async def _watch(self, running: _Running) -> None:
        """Wait for the bot's end, clean up behind it, and tell the database what it has not told itself."""
        launch, process = running.launch, running.process
        await self._tell_started(launch, process.pid)
        exit_code = await process.wait()
        del self._running[launch.bot_id, launch.attempt]
        log.info(
            "bot ended", bot_id=launch.bot_id, attempt=launch.attempt, exit_code=exit_code, cpu_s=round(running.cpu_s)
        )
        await self._kill_orphans()
        await self._count(running)
        ended = {"exit_code": exit_code, "bot_host_pid": os.getpid()}
        if running.killed:
            await self._end_as_killed(launch, exit_code, ended)
            return
        # A bot's parent knows what to do with this signal before it begins anything: there was no bot yet.
        unheard = running.asked and exit_code == -signal.SIGTERM
        detail = f"The bot's process ended without saying why (exit code {exit_code})."
        cause = Cause(code="process_exited", sub_code=str(exit_code), detail=detail, heard_of=not unheard)
        await self._bury(launch, cause, ended)

    async def _tell_started(self, launch: Launch, pid: int) -> None:
        told = {"pid": pid, "bot_host_pid": os.getpid(), "task_id": launch.task_id}
        with suppress(BotError):  # overtaken already, or the database is away: the note is a convenience
            async with self._database.write() as session:
                await bots.note(
                    session,
                    launch.bot_id,
                    attempt=launch.attempt,
                    kind="process.launched",
                    data=told,
                    at=self._clock.now(),
                )

    async def _count(self, running: _Running) -> None:
        """What the bot has cost, up to the last look at it."""
        with suppress(BotError):  # the database is away: a figure is a convenience
            async with self._database.write() as session:
                seen = Observation(figure="bot_cpu", value=running.cpu_s)
                await counters.add(session, [seen], shard_of=running.launch.bot_id)

    async def _bury(self, launch: Launch, cause: Cause, data: dict[str, Any]) -> None:
        try:
            async with self._database.write() as session:
                now, policy = self._clock.now(), self._policy
                await bury(
                    session, launch.bot_id, attempt=launch.attempt, cause=cause, now=now, policy=policy, data=data
                )
        except BotError as error:  # one bot's end must not end the others; its lease runs out all the same
            log.warning("an end is left to the reaper", bot_id=launch.bot_id, code=error.code)

    async def _end_as_killed(self, launch: Launch, exit_code: int, data: dict[str, Any]) -> None:
        bot_id, attempt, now = launch.bot_id, launch.attempt, self._clock.now()
        try:
            async with self._database.write() as session:
                await end_as_killed(session, bot_id, attempt=attempt, exit_code=exit_code, now=now, data=data)
        except BotError as error:
            log.warning("an end is left to the reaper", bot_id=launch.bot_id, code=error.code)

    async def _end_all(self) -> None:
        """Ask every bot to leave, wait, kill those that have not."""
        if self._running:
            log.info("asking every bot to leave", bots=len(self._running))
        watches = [running.watch for running in self._running.values() if running.watch is not None]
        for running in self._running.values():
            running.asked = True
            with suppress(ProcessLookupError):
                running.process.terminate()
        if not watches:
            return
        await asyncio.wait(watches, timeout=self._leave_grace_s)
        for running in list(self._running.values()):
            log.warning("killing a bot that did not leave", bot_id=running.launch.bot_id, pid=running.process.pid)
            running.force()
        await asyncio.gather(*watches)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(self._sweep_s)
            await self._kill_orphans()
            for running in list(self._running.values()):
                await asyncio.to_thread(running.look)

    async def _kill_orphans(self) -> None:
        """What dead bots left: first their processes, each of which may hand us its children, then their folders."""
        while orphans := await self._orphans():
            _kill(orphans)
            _, alive = await asyncio.to_thread(psutil.wait_procs, orphans, ORPHAN_S)
            if alive:  # stuck in the kernel: met again by the next sweep
                break
        await asyncio.to_thread(sweep)

    async def _orphans(self) -> list[psutil.Process]:
        async with self._launching:  # a process being started is a child that is not yet in the table
            owned = {running.process.pid for running in self._running.values()} | self._not_ours
            return [child for child in psutil.Process().children() if child.pid not in owned]


def _tree(pid: int) -> list[psutil.Process]:
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _cpu_s(process: psutil.Process) -> float:
    """Its own time and that of its children it has seen the end of: those that live count for themselves."""
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)


def _kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
