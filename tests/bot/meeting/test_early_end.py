"""A bot that is asked to end before it has begun to join: nobody has seen it, so it is sent anew."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bot.clock import RealClock
from bot.config import Settings, child_environment
from bot.domain.lifecycle import BotState
from bot.meeting.signals import ENDING, KILLING
from bot.store import bots, leases, schema
from bot.store.bots import BotEvent
from bot.store.session import Database
from tests.bot.clocks import until
from tests.bot.stores import POSTGRES_START_S, Seeded, postgres_runs, postgres_server, seeded
from tests.polling import until_true

pytestmark = [pytest.mark.slow, pytest.mark.parallel]
END_S = 60.0


async def starting(store: Seeded) -> bots.Bot:
    now = RealClock().now()
    await store.bot(at=now)
    async with store.database.write() as session:
        given = {"owner": "test", "data": {}, "due_by": now, "now": now, "launch_by": now + timedelta(minutes=1)}
        (bot,) = await leases.claim_due(session, limit=1, **given)
        return await bots.move(session, bot.id, attempt=bot.attempt, to=BotState.STARTING, at=now)


def asked_to_end(bot: bots.Bot, store: Seeded, home: Path, number: int = signal.SIGTERM) -> subprocess.Popen[bytes]:
    """The meeting process as its parent starts it, asked to end at its first moment."""

    def block() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)

    settings = replace(Settings(), home=home, database_url=store.url)
    argv = (sys.executable, "-m", "bot.meeting", bot.id, "--attempt", str(bot.attempt))
    process = subprocess.Popen(argv, env=child_environment(settings), preexec_fn=block)
    process.send_signal(number)
    return process


async def how_it_ended(store: Seeded, bot: bots.Bot) -> BotEvent:
    async with store.database.read() as session:
        return [event for event in await bots.events(session, bot.id) if event.kind == "state"][-1]


async def test_a_bot_whose_host_is_stopped_before_it_joins_is_sent_anew(sqlite_store: Seeded, tmp_path: Path) -> None:
    bot = await starting(sqlite_store)
    with asked_to_end(bot, sqlite_store, tmp_path) as process:
        assert await asyncio.to_thread(process.wait, END_S) == 0
    ended = await how_it_ended(sqlite_store, bot)
    assert (ended.state, ended.code) == (BotState.SCHEDULED, "host_shutdown")
    async with sqlite_store.database.write() as session:
        now = RealClock().now()
        given = {"owner": "test", "data": {}, "due_by": now, "now": now, "launch_by": now + timedelta(minutes=1)}
        assert [one.id for one in await leases.claim_due(session, limit=1, **given)] == [bot.id]


async def test_a_bot_that_is_killed_before_it_joins_is_never_sent_again(sqlite_store: Seeded, tmp_path: Path) -> None:
    bot = await starting(sqlite_store)
    with asked_to_end(bot, sqlite_store, tmp_path, KILLING) as process:
        assert await asyncio.to_thread(process.wait, END_S) == 0
    ended = await how_it_ended(sqlite_store, bot)
    assert (ended.state, ended.code) == (BotState.ENDED, "killed")


@pytest.mark.postgres
async def test_a_bot_that_starts_while_its_database_is_away_waits_for_it(tmp_path: Path) -> None:
    with postgres_server() as server:
        url = f"postgresql://postgres@/postgres?host={server.pgdata}"
        async with Database.open(url) as database:
            await schema.upgrade(database)
        async with seeded(url) as store:
            bot = await starting(store)
            await asyncio.to_thread(server.stop)
            with asked_to_end(bot, store, tmp_path) as process:
                await until(partial(_waits, process))
                await asyncio.to_thread(until_true, partial(postgres_runs, server), POSTGRES_START_S)
                assert await asyncio.to_thread(process.wait, END_S) == 0
            assert (await how_it_ended(store, bot)).code == "host_shutdown"


def _waits(process: subprocess.Popen[bytes]) -> Any:
    """It has its parts, and nothing to go on with."""
    assert process.poll() is None, "it gave up"
    return b"sqlalchemy" in Path(f"/proc/{process.pid}/maps").read_bytes()
