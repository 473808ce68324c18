"""An installation whose processes are killed at random and brought back, while clients send it bots and a receiver
takes their events. What came of it is told as a report; the tests judge it.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import aiohttp
import psutil
import redis
import sqlalchemy as sa

from bot.clock import RealClock
from bot.config import Settings, child_environment
from bot.domain.lifecycle import RUNNING, TERMINAL
from bot.store import bots, keys, tables
from bot.store.bots import Bot, BotEvent
from bot.supervision.installation import redis_server
from tests.bot.clocks import until
from tests.bot.scheduling.brokers import free_port
from tests.bot.scheduling.chaos import bot
from tests.bot.scheduling.chaos.bot import FLAKY
from tests.bot.stores import Seeded
from tests.bot.webhooks.receivers import Receiver, receiving

MODULES = ("api", "dispatcher", "worker", "courier")
VICTIMS = {"bot": 10, "frozen bot": 1, "worker": 3, "dispatcher 1": 2, "dispatcher 2": 2, "api": 2, "courier": 1}
VICTIMS |= {"broker": 2, "broker, emptied": 1}
PAUSE_S = 1.5  # between two kills, or as long as a process takes to start where that is longer
OVER_S = 900.0
AT_ONCE = 20  # requests of clients
STARTS_A_BOT = {"sqlite": 1.0, "postgresql": 0.2}  # what a bot costs, in starts of a process: there it is forked


@dataclass(kw_only=True)
class Report:
    killed: Counter[str] = field(default_factory=Counter)
    bots: list[Bot] = field(default_factory=list)
    events: dict[str, list[BotEvent]] = field(default_factory=dict)
    told: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))  # states by bot, as first received
    harmed: set[str] = field(default_factory=set)  # bots whose process was killed or frozen
    frozen: dict[str, tuple[int, float]] = field(default_factory=dict)  # bot -> pid, when
    fenced_s: list[float] = field(default_factory=list)  # from being frozen until the process was gone
    sent: dict[str, str] = field(default_factory=dict)  # what was asked for -> the bot the API answered with
    doubled: list[str] = field(default_factory=list)
    start_s: float = 0.0  # of a bot's process on this machine as it was
    over_s: float = 0.0  # over so long the bots' times were spread
    ended_s: float = 0.0  # from the first request until the last bot was over
    told_s: float = 0.0  # until its last event had been told

    def __str__(self) -> str:
        ends = Counter(f"{bot.state} {bot.code}" for bot in self.bots)
        tries = Counter(bot.attempt for bot in self.bots)
        gone_s = [round(took_s, 1) for took_s in self.fenced_s]
        return (
            f"{len(self.bots)} bots over {self.over_s:.0f} s, ended after {self.ended_s:.0f} s, told after"
            f" {self.told_s:.0f} s; a start takes {self.start_s:.1f} s; killed {self.killed}; ends {ends};"
            f" attempts {tries}; the frozen gone after {gone_s} s"
        )


class Chaos:
    def __init__(self, store: Seeded, home: Path, *, seed: int) -> None:
        self._store, self._home, self._dice = store, home, random.Random(seed)
        self._asking = asyncio.Semaphore(AT_ONCE)
        self.report, self.rooms = Report(), home / "rooms"
        self.settings = replace(
            Settings(), home=home, database_url=store.url, api_port=free_port(), egress_allow="127.0.0.1"
        )
        self.settings = replace(self.settings, log_level="WARNING", api_writes_per_minute=0)
        self._argv = self._commands()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._stopping = False

    def _commands(self) -> dict[str, list[str]]:
        run = self._home / "run"
        for folder in (run, self.rooms, self._home / "logs"):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        product = {name: [sys.executable, "-m", "bot", name] for name in MODULES}
        product |= {f"dispatcher {number}": product["dispatcher"] for number in (1, 2)}
        del product["dispatcher"]
        broker = [str(redis_server()), "--port", "0", "--unixsocket", str(run / "redis.sock"), "--save", ""]
        host = [sys.executable, "-m", "tests.bot.scheduling.chaos.host", self._store.url, str(self._home)]
        return {"broker": broker, "host": [*host, str(self.rooms)], **product}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Chaos]:
        keeping = asyncio.create_task(self._keep())
        try:
            yield self
        finally:
            self._stopping = True
            await asyncio.gather(keeping, return_exceptions=True)
            for name, process in self._processes.items():
                if name == "host":
                    process.terminate()
                else:
                    _kill_group(process)
            for process in self._processes.values():
                await asyncio.to_thread(process.wait, 60)

    async def _keep(self) -> None:
        """Whatever is not there is started, the broker first."""
        while not self._stopping:
            for name, argv in self._argv.items():
                process = self._processes.get(name)
                if process is None or process.poll() is not None:
                    self._processes[name] = self._start(name, argv)
            await asyncio.sleep(0.2)

    def _start(self, name: str, argv: list[str]) -> subprocess.Popen[bytes]:
        with (self._home / "logs" / f"{name}.log").open("ab") as log:
            environment = child_environment(self.settings)
            return subprocess.Popen(argv, env=environment, stdout=log, stderr=log, start_new_session=True)

    async def rage(self, pause_s: float) -> None:
        """Until cancelled."""
        kinds, weights = list(VICTIMS), list(VICTIMS.values())
        while True:
            await asyncio.sleep(pause_s)
            kind = self._dice.choices(kinds, weights)[0]
            if await self._strike(kind):
                self.report.killed[kind] += 1

    async def _strike(self, kind: str) -> bool:
        if kind in ("bot", "frozen bot"):
            return await self._strike_bot(frozen=kind != "bot")
        name = kind.partition(",")[0]
        if kind.endswith("emptied"):
            with suppress(redis.ConnectionError):
                redis.Redis(unix_socket_path=str(self._home / "run" / "redis.sock")).flushall()
        elif name in self._processes:
            _kill_group(self._processes[name])
        return True

    async def _strike_bot(self, *, frozen: bool) -> bool:
        host = self._processes.get("host")
        children = psutil.Process(host.pid).children() if host is not None and host.poll() is None else []
        pids = await self._pids()
        there = {child.pid for child in children}
        targets = [(bot_id, pid) for bot_id, pid in pids.items() if pid in there and bot_id not in self.report.harmed]
        if not targets:
            return False
        bot_id, pid = self._dice.choice(targets)
        self.report.harmed.add(bot_id)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP if frozen else signal.SIGKILL)
        if frozen:
            self.report.frozen[bot_id] = pid, time.monotonic()
        return True

    async def _pids(self) -> dict[str, int]:
        """The bots that have a process, and which, as their host told."""
        table, events = tables.bots, tables.bot_events
        of_this_attempt = sa.and_(table.c.id == events.c.bot_id, table.c.attempt == events.c.attempt)
        query = sa.select(events.c.bot_id, events.c.data).join(table, of_this_attempt)
        query = query.where(table.c.state.in_(RUNNING), events.c.kind == "process.launched")
        async with self._store.database.read() as session:
            return {row.bot_id: int(row.data["pid"]) for row in await session.execute(query)}

    async def watch_the_frozen(self) -> None:
        """How long until each is gone. Until cancelled."""
        while True:
            for bot_id, (pid, since_s) in list(self.report.frozen.items()):
                if not _runs(pid):
                    self.report.fenced_s.append(time.monotonic() - since_s)
                    del self.report.frozen[bot_id]
            await asyncio.sleep(0.2)

    async def send(self, key: str, number: int, join_in_s: float) -> None:
        """As a client does: again, with the same key, until there is an answer."""
        kind = FLAKY if number % 20 == 7 else "m"
        wanted = {
            "meeting_url": f"https://meet.google.com/{kind}-{number}",
            "character_id": self._store.character.id,
            "join_at": (RealClock().now() + timedelta(seconds=join_in_s)).isoformat(),
        }
        headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": f"bot-{number}"}
        url = f"http://127.0.0.1:{self.settings.api_port}/api/v1/bots"
        async with aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(total=20)) as client:
            while True:
                with suppress(aiohttp.ClientError, TimeoutError):
                    async with self._asking, client.post(url, json=wanted) as answer:
                        told = await answer.json()
                        found = told.get("id") if answer.status == 201 else told.get("bot_id")
                        if found:
                            self.report.sent[str(number)] = found
                            return
                await asyncio.sleep(0.3)

    async def state_counts(self) -> Counter[str]:
        return Counter(str(bot.state) for bot in await self._all())

    async def _all(self) -> list[Bot]:
        async with self._store.database.read() as session:
            return await bots.list_newest(session, workspace_id=self._store.workspace.id, limit=5000)

    async def finish(self, receiver: Receiver, count: int) -> Report:
        """When every bot is over and every event told, what came of it."""

        async def over() -> bool:
            found = await self._all()
            return len(found) >= count and all(bot.state in TERMINAL for bot in found)

        report, began_s = self.report, time.monotonic()
        await now_and_then(over)
        report.ended_s = time.monotonic() - began_s
        report.bots = await self._all()
        async with self._store.database.read() as session:
            report.events = {bot.id: await bots.events(session, bot.id) for bot in report.bots}
        expected = sum(event.kind == "state" for events in report.events.values() for event in events)

        async def told() -> bool:
            return len(set(receiver.ids)) >= expected and not report.frozen

        await now_and_then(told)
        report.told_s = time.monotonic() - began_s
        seen: set[str] = set()
        for event_id, body in zip(receiver.ids, receiver.bodies, strict=True):
            if event_id not in seen:
                seen.add(event_id)
                report.told[body["data"]["bot_id"]].append(body["data"]["state"])
        report.doubled = sorted(path.name for path in self.rooms.glob("*.doubled"))
        return report


async def now_and_then(holds: Callable[[], Awaitable[bool]]) -> None:
    """Until it holds; what is asked costs too much to be asked all the time. Raises TimeoutError."""
    async with asyncio.timeout(OVER_S):
        while True:
            if await holds():
                return
            await asyncio.sleep(1.0)


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


async def play(store: Seeded, home: Path, *, count: int, over_s: float, seed: int = 7) -> Report:
    """So many bots, whose times are spread over `over_s`, or over as long as this machine needs for them, through an
    installation under attack."""
    receiver = Receiver()
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(receiving(receiver))
        async with store.database.write() as session:
            _, key = await keys.create(session, workspace_id=store.workspace.id, name="chaos")
        chaos = await stack.enter_async_context(Chaos(store, home, seed=seed).running())
        await _hook(chaos.settings.api_port, key, url)
        start_s = await _start_s()
        over_s = max(over_s, count * start_s * STARTS_A_BOT[store.database.dialect])
        async with asyncio.TaskGroup() as group:
            raging = [group.create_task(chaos.rage(max(PAUSE_S, start_s)))]
            raging.append(group.create_task(chaos.watch_the_frozen()))
            for number in range(count):
                group.create_task(chaos.send(key, number, 15 + over_s * number / count))
            report = await chaos.finish(receiver, count)
            for task in raging:
                task.cancel()
        report.start_s, report.over_s = start_s, over_s
        return report


async def _start_s() -> float:
    """How long a bot's process takes to start here and now: what the machine can do beside what else it does."""
    began_s = time.monotonic()
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", f"import {bot.__name__}")
    assert await process.wait() == 0
    return time.monotonic() - began_s


async def _hook(port: int, key: str, url: str) -> None:
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {key}"}) as client:

        async def there() -> bool:
            with suppress(aiohttp.ClientError):
                async with client.post(f"http://127.0.0.1:{port}/api/v1/webhooks", json={"url": url}) as answer:
                    return answer.status == 201
            return False

        await until(there, 60.0)
