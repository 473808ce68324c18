"""The kill switch on the bot's host, with real processes that play the bot."""

from __future__ import annotations

import asyncio
import sys
from contextlib import asynccontextmanager
from uuid import UUID

import psutil
import pytest

from bot.clock import RealClock
from bot.domain.lifecycle import BotState, Command
from bot.meeting.lease import TTL_S
from bot.scheduling.kill_switch import STALE_GRACE_S, STALE_KILL_GRACE_S, KillSwitch, kill_all
from bot.store import bots, fence, leases
from bot.store.session import Database
from tests.bot.clocks import HandClock, until
from tests.bot.scheduling.test_host import claimed, hosting, last_event
from tests.bot.stores import NOW, seeded

pytestmark = [pytest.mark.slow, pytest.mark.parallel]
NOBODY = 2**30  # no process has this id
FALLS_SILENT = (
    sys.executable,
    "-c",
    "import signal, sys, time; signal.signal(signal.SIGUSR1, lambda *_: sys.exit(0)); print(1, flush=True); "
    "time.sleep(60)",
)
HANGS = (
    sys.executable,
    "-c",
    "import signal, time; [signal.signal(n, signal.SIG_IGN) for n in (10, 15)]; print(1, flush=True); time.sleep(60)",
)


async def ready(tmp_path):
    await until(lambda: any(log.read_bytes() for log in (tmp_path / "logs").iterdir()))


async def kill(store, bot):
    async with store.database.write() as session:
        await leases.ask(session, bot.id, command=Command.KILL, at=NOW, by={"by": "test"})


async def ended(store, bot):
    async def is_over():
        return (await last_event(store, bot)).state is BotState.ENDED

    await until(is_over)
    return await last_event(store, bot)


async def test_a_kill_reaches_the_process_without_its_help_and_is_the_outcome(sqlite_store, tmp_path):
    bot = await claimed(sqlite_store)
    async with hosting(sqlite_store, tmp_path, argv=FALLS_SILENT) as (launch, _, _):
        await launch(bot)
        await ready(tmp_path)
        await kill(sqlite_store, bot)
        event = await ended(sqlite_store, bot)
    assert (event.code, event.sub_code, event.data["exit_code"]) == ("killed", None, 0)
    assert (await last_event(sqlite_store, bot, kind="asked.kill")).data == {"by": "test"}
    assert "pid" in (await last_event(sqlite_store, bot, kind="kill.signalled")).data


async def test_every_bot_of_a_workspace_is_killed_by_one_order(sqlite_store, tmp_path):
    killed = [await claimed(sqlite_store, meeting) for meeting in ("one", "two", "three")]
    async with hosting(sqlite_store, tmp_path, argv=FALLS_SILENT) as (launch, _, _):
        for bot in killed:
            await launch(bot)
        await until(lambda: all(log.read_bytes() for log in (tmp_path / "logs").iterdir()))
        await kill_all(sqlite_store.database, sqlite_store.workspace.id, scheduled=False, at=NOW, by={"by": "test"})
        ends = [await ended(sqlite_store, bot) for bot in killed]
    assert [event.code for event in ends] == ["killed"] * 3


async def test_who_does_not_leave_after_a_kill_is_ended_by_force(sqlite_store, tmp_path):
    bot = await claimed(sqlite_store)
    async with hosting(sqlite_store, tmp_path, argv=HANGS, kill_grace_s=0.5) as (launch, _, _):
        launched = await launch(bot)
        await ready(tmp_path)
        await kill(sqlite_store, bot)
        event = await ended(sqlite_store, bot)
        assert not psutil.pid_exists(launched.pid)
    assert (event.code, event.sub_code, event.data["exit_code"]) == ("killed", "by_force", -9)


@pytest.mark.parametrize(
    ("over", "graces"),
    [(BotState.FAILED, {"over_grace_s": 0.0}), (BotState.LOST, {"stale_grace_s": 0.0})],
    ids=["over", "stale"],
)
async def test_a_process_that_outlives_its_bot_is_ended(sqlite_store, tmp_path, over, graces):
    bot = await claimed(sqlite_store)
    async with hosting(sqlite_store, tmp_path, argv=HANGS) as (launch, _, _):
        launched = await launch(bot)
        await ready(tmp_path)
        async with sqlite_store.database.write() as session:
            await bots.move(session, bot.id, attempt=1, to=over, code="lease_expired", at=NOW)
        target = Process(launched.pid)
        switch = KillSwitch(sqlite_store.database, RealClock(), lambda: {(bot.id, 1): target}, grace_s=0.0, **graces)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(switch.run())
            await until(lambda: not psutil.pid_exists(launched.pid))
            running.cancel()
    assert not target.killed and (await last_event(sqlite_store, bot)).state is over


@pytest.mark.postgres
@pytest.mark.parametrize("held", [0, 1])
async def test_killing_all_waits_for_a_bot_that_moves_and_for_no_other(postgres_template, tmp_path, held):
    async with seeded(await postgres_template.fresh(tmp_path)) as store:
        ids = sorted([(await store.bot(name)).id for name in ("one", "two")], key=lambda one: UUID(one).bytes)
        async with asyncio.TaskGroup() as group:
            async with store.database.write() as session:  # one bot is just being cancelled
                await fence.lock(session, ids[held])
                order = {"scheduled": True, "at": NOW, "by": {"by": "test"}}
                killing = group.create_task(kill_all(store.database, store.workspace.id, **order))
                await until(lambda: is_killed(store, ids[1 - held]))
                await bots.move(session, ids[held], attempt=0, to=BotState.CANCELLED, code="asked_to_leave", at=NOW)
        assert [bot.id for bot in killing.result()] == ids


class Faulty(Database):
    """Its first transaction that writes meets a fault of ours."""

    def __init__(self, database):
        super().__init__(database.engine)
        self._faults = 1

    @asynccontextmanager
    async def write(self):
        if self._faults:
            self._faults -= 1
            raise RuntimeError("a fault")
        async with super().write() as session:
            yield session


async def test_a_fault_that_meets_one_keeps_no_other_from_being_killed(sqlite_store):
    ids = sorted([(await sqlite_store.bot(name)).id for name in ("one", "two", "three")])
    order = {"scheduled": True, "at": NOW, "by": {"by": "test"}}
    with pytest.raises(RuntimeError, match="a fault"):
        await kill_all(Faulty(sqlite_store.database), sqlite_store.workspace.id, **order)
    assert sorted([await is_killed(sqlite_store, one) for one in ids]) == [False, True, True]


async def is_killed(store, bot_id):
    async with store.database.read() as session:
        return (await bots.get(session, bot_id)).code == "killed"


@pytest.mark.parametrize("heard_again", [False, True])
async def test_a_silent_process_is_ended_though_nobody_reaps_its_bot(sqlite_store, heard_again):
    bot, clock, target = await claimed(sqlite_store), HandClock(), Process(NOBODY)
    switch = KillSwitch(sqlite_store.database, clock, lambda: {(bot.id, 1): target})

    async def hear():
        async with sqlite_store.database.write() as session:
            await leases.renew(session, bot.id, attempt=1, pid=NOBODY, now=clock.now(), ttl_s=TTL_S)

    await hear()
    for passes_s in (TTL_S + 1, STALE_GRACE_S, STALE_KILL_GRACE_S):
        clock.advance(passes_s)
        await switch.look()
        if heard_again and clock.monotonic_s() < TTL_S + 2:
            await hear()
    assert target.forced != heard_again


class Process:
    def __init__(self, pid: int) -> None:
        self.pid, self.killed, self.forced = pid, False, False

    def force(self) -> None:
        self.forced = True
        if psutil.pid_exists(self.pid):
            psutil.Process(self.pid).kill()
