"""The bot host with real processes that play the bot."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import asynccontextmanager
from datetime import timedelta

import psutil
import pytest

from bot.clock import RealClock
from bot.domain.lifecycle import BotState
from bot.scheduling.host import BotHost, HostRunning
from bot.scheduling.launchers import HostFull, HostUnavailable, Launch, LaunchFailed, LaunchRefused
from bot.scheduling.launchers.subprocess import SubprocessLauncher
from bot.scheduling.policy import DEFAULT
from bot.scheduling.reaper import Cause, bury
from bot.store import bots, counters, endings, leases
from tests.bot.clocks import until
from tests.bot.stores import NOW

STAYS = (sys.executable, "-c", "import time; time.sleep(60)", "{bot_id}", "{attempt}", "{task_id}")
IGNORES = (
    sys.executable,
    "-c",
    "import signal, time; signal.signal(15, signal.SIG_IGN); print(1, flush=True); time.sleep(60)",
)
CRASHES = (sys.executable, "-c", "raise SystemExit(41)")
LEAVES_A_CHILD = (sys.executable, "-c", "import subprocess; subprocess.Popen(['sleep', '987'])")

BURNS = "import time; [None for _ in iter(lambda: time.process_time() < 0.3, False)]; {}"
# twice as much in a child that ends before it does, and the same again in itself
WORKS = (
    sys.executable,
    "-c",
    f"import subprocess, sys; subprocess.run([sys.executable, '-c', {BURNS.format('')!r}]); "
    + BURNS.format("time.sleep(0.5)"),
)


@asynccontextmanager
async def hosting(store, tmp_path, argv=STAYS, max_bots=4, leave_grace_s=2.0, kill_grace_s=2.0, sweep_s=5.0):
    """A host in this process; yields its launcher as a coroutine, and the event that stops it."""
    socket = tmp_path / "run" / "bot-host.sock"
    host = BotHost(
        store.database,
        socket=socket,
        logs=tmp_path / "logs",
        max_bots=max_bots,
        clock=RealClock(),
        argv=argv,
        leave_grace_s=leave_grace_s,
        kill_grace_s=kill_grace_s,
        sweep_s=sweep_s,
    )
    stop = asyncio.Event()
    launcher = SubprocessLauncher(socket)

    async def launch(bot, attempt=1):
        asked = Launch(bot_id=bot.id, attempt=attempt, task_id="t-1", worker_pid=os.getpid())
        return await asyncio.to_thread(launcher.start, asked)

    async with asyncio.TaskGroup() as group:
        serving = group.create_task(host.run(stop))
        await until(socket.exists)
        yield launch, stop, serving
        stop.set()


async def claimed(store, meeting="abc"):
    await store.bot(meeting)
    async with store.database.write() as session:
        later = NOW + timedelta(days=999)
        return (await leases.claim_due(session, owner="d", data={}, due_by=NOW, now=NOW, launch_by=later, limit=9))[0]


async def last_event(store, bot, kind="state"):
    async with store.database.read() as session:
        return [event for event in await bots.events(session, bot.id) if event.kind == kind][-1]


async def test_a_launch_starts_the_command_and_records_who_was_part_of_it(sqlite_store, tmp_path):
    bot = await claimed(sqlite_store)
    async with hosting(sqlite_store, tmp_path) as (launch, _, _):
        launched = await launch(bot)
        assert psutil.Process(launched.pid).cmdline()[-3:] == [bot.id, "1", "t-1"]
        assert os.getsid(launched.pid) == launched.pid
        event = await last_event(sqlite_store, bot)
    assert event.state is BotState.STARTING
    assert event.data == {"task_id": "t-1", "worker_pid": os.getpid(), "bot_host_pid": os.getpid()}


async def test_a_host_of_one_bot_owns_it_to_its_end_and_starts_none_that_is_not_to_be(sqlite_store, tmp_path):
    bot = await claimed(sqlite_store)
    launch = Launch(bot_id=bot.id, attempt=1, task_id="t-1", worker_pid=os.getpid())
    database, logs = sqlite_store.database, tmp_path / "logs"
    started = []
    for _ in range(2):
        host = BotHost(database, socket=tmp_path / "none", logs=logs, max_bots=1, clock=RealClock(), argv=CRASHES)
        started.append(await host.run_one(launch, asyncio.Event()))
    assert started == [True, False]
    event = await last_event(sqlite_store, bot)
    assert (event.state, event.code, event.sub_code) == (BotState.LOST, "process_exited", "41")


async def test_a_repeated_launch_starts_nothing(sqlite_store, tmp_path):
    bot = await claimed(sqlite_store)
    async with hosting(sqlite_store, tmp_path) as (launch, _, _):
        first, second = await asyncio.gather(launch(bot), launch(bot))
        assert first.pid == second.pid
        assert sorted([first.new, second.new]) == [False, True]


async def test_a_second_host_does_not_start_what_a_first_one_started(sqlite_store, tmp_path):
    bot = await claimed(sqlite_store)
    async with hosting(sqlite_store, tmp_path / "a") as (launch_a, _, _):
        await launch_a(bot)
        async with hosting(sqlite_store, tmp_path / "b") as (launch_b, _, _):
            assert not (await launch_b(bot)).new


async def test_a_stale_or_cancelled_launch_is_refused(sqlite_store, tmp_path):
    bot = await claimed(sqlite_store)
    async with hosting(sqlite_store, tmp_path) as (launch, _, _):
        with pytest.raises(LaunchRefused):
            await launch(bot, attempt=2)
        async with sqlite_store.database.write() as session:
            await bots.move(session, bot.id, attempt=1, to=BotState.CANCELLED, at=NOW)
        with pytest.raises(LaunchRefused):
            await launch(bot)


async def test_a_full_host_says_so_and_the_bot_stays_claimed(sqlite_store, tmp_path):
    first, second = await claimed(sqlite_store, "a"), await claimed(sqlite_store, "b")
    async with hosting(sqlite_store, tmp_path, max_bots=1) as (launch, _, _):
        await launch(first)
        with pytest.raises(HostFull) as full:
            await launch(second)
        assert full.value.retryable
        assert (await last_event(sqlite_store, second)).state is BotState.CLAIMED


async def refused(store, bot):
    async with store.database.read() as session:
        return await bots.refusal(session, bot.id, attempt=1)


@pytest.mark.parametrize(
    ("join_at", "given_up", "end"),
    [
        ("started", False, (BotState.SCHEDULED, "launch_lost", None)),
        ("soon", False, (BotState.SCHEDULED, "launch_lost", "bot_host_full")),
        ("long ago", False, (BotState.LOST, "join_window_missed", "bot_host_full")),
        ("soon", True, (BotState.FAILED, "join_window_missed", "bot_host_full")),
    ],
)
async def test_a_bot_for_which_there_was_no_room_says_so_at_its_end(sqlite_store, tmp_path, join_at, given_up, end):
    database, (first, second) = sqlite_store.database, [await claimed(sqlite_store, name) for name in ("a", "b")]
    async with hosting(sqlite_store, tmp_path, max_bots=1) as (launch, _, _):
        await launch(first)
        for _ in range(2):
            with pytest.raises(HostFull):
                await launch(second)
        await until(lambda: refused(sqlite_store, second))
    async with database.read() as session:
        refusals = [event for event in await bots.events(session, second.id) if event.kind == "launch.refused"]
    assert [event.data["max_bots"] for event in refusals] == [1], "once for each attempt"
    now = NOW + timedelta(seconds=3600 if join_at == "long ago" else 1)
    cause = Cause(code="lease_expired", detail="", heard_of=False)
    async with database.write() as session:
        if join_at == "started":  # by the second try of the same launch
            await bots.move(session, second.id, attempt=1, to=BotState.STARTING, at=NOW)
        await bury(session, second.id, attempt=1, cause=cause, now=now, policy=DEFAULT, data={})
        if given_up:
            await endings.give_up(session, second.id, now=NOW + timedelta(hours=1))
    event = await last_event(sqlite_store, second)
    assert (event.state, event.code, event.sub_code) == end
    assert event.detail.endswith(bots.NO_ROOM) == (end[2] is not None)


async def test_a_bot_that_crashes_is_recorded_at_once_with_its_exit_code(sqlite_store, tmp_path):
    bot = await claimed(sqlite_store)
    async with hosting(sqlite_store, tmp_path, argv=CRASHES) as (launch, _, _):
        await launch(bot)

        async def lost():
            return (await last_event(sqlite_store, bot)).state is BotState.LOST

        await until(lost)
    event = await last_event(sqlite_store, bot)
    assert (event.code, event.sub_code, event.data["exit_code"]) == ("process_exited", "41", 41)


async def test_a_command_that_cannot_be_started_is_final(sqlite_store, tmp_path):
    bot = await claimed(sqlite_store)
    async with hosting(sqlite_store, tmp_path, argv=("/no/such/program",)) as (launch, _, _):
        with pytest.raises(LaunchFailed):
            await launch(bot)
    assert (await last_event(sqlite_store, bot)).code == "launch_failed"


async def test_stopping_asks_bots_to_leave_and_kills_those_that_do_not(sqlite_store, tmp_path):
    bot = await claimed(sqlite_store)
    async with hosting(sqlite_store, tmp_path, argv=IGNORES, leave_grace_s=0.3) as (launch, stop, serving):
        launched = await launch(bot)
        await until(lambda: any(log.read_bytes() for log in (tmp_path / "logs").iterdir()))
        stop.set()
        await serving
    assert not psutil.pid_exists(launched.pid)
    assert (await last_event(sqlite_store, bot)).code == "process_exited"


async def test_a_bot_that_had_not_begun_when_its_host_was_stopped_is_scheduled_again(sqlite_store, tmp_path):
    now = RealClock().now()
    await sqlite_store.bot(at=now)
    async with sqlite_store.database.write() as session:
        later = now + timedelta(minutes=1)
        (bot,) = await leases.claim_due(session, owner="d", data={}, due_by=now, now=now, launch_by=later, limit=1)
    async with hosting(sqlite_store, tmp_path) as (launch, stop, serving):
        await launch(bot)
        stop.set()
        await serving
    event = await last_event(sqlite_store, bot)
    assert (event.state, event.code, event.data["cause"]) == (BotState.SCHEDULED, "launch_lost", "process_exited")


async def test_what_a_dead_bot_leaves_behind_is_killed(sqlite_store, tmp_path):
    bot = await claimed(sqlite_store)
    async with hosting(sqlite_store, tmp_path, argv=LEAVES_A_CHILD) as (launch, _, _):
        await launch(bot)

        async def lost():
            return (await last_event(sqlite_store, bot)).state is BotState.LOST

        await until(lost)
    assert not [p for p in psutil.Process().children() if p.status() != "zombie" and p.cmdline()[-1:] == ["987"]]


@pytest.mark.slow
@pytest.mark.parallel
async def test_what_a_bot_and_its_children_cost_is_counted_when_it_has_ended(sqlite_store, tmp_path):
    bot = await claimed(sqlite_store)
    async with hosting(sqlite_store, tmp_path, argv=WORKS, sweep_s=0.02) as (launch, _, _):
        await launch(bot)

        async def counted():
            async with sqlite_store.database.read() as session:
                return (await counters.read(session)).get("bot_cpu")

        await until(counted)
        (cost,) = (await counted()).values()
    assert cost.total > 0.4 and sum(cost.buckets.values()) == 1


async def test_a_second_host_on_the_same_socket_is_refused(sqlite_store, tmp_path):
    async with hosting(sqlite_store, tmp_path):
        rival = BotHost(
            sqlite_store.database,
            socket=tmp_path / "run" / "bot-host.sock",
            logs=tmp_path / "logs",
            max_bots=1,
            clock=RealClock(),
        )
        with pytest.raises(HostRunning):
            await rival.run(asyncio.Event())


async def test_without_a_host_a_launch_is_told_to_try_again(tmp_path):
    launcher = SubprocessLauncher(tmp_path / "nobody.sock")
    with pytest.raises(HostUnavailable) as away:
        launcher.start(Launch(bot_id="b", attempt=1, task_id="t", worker_pid=1))
    assert away.value.retryable
