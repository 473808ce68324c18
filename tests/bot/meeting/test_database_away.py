"""A running bot and a PostgreSQL server that is restarted under it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bot.clock import RealClock
from bot.domain.lifecycle import BotState
from bot.meeting.lease import Lease
from bot.meeting.record import Recorder
from bot.meeting.run import WAITS
from bot.store import leases, schema, transcripts
from bot.store.fence import Fenced
from bot.store.own_thread import OwnThread
from bot.store.session import Database, DatabaseUnavailable
from tests.bot.meeting.test_record import claimed, said
from tests.bot.store.test_failures import wire
from tests.bot.stores import NOW, POSTGRES_START_S, PostgresTemplate, postgres_runs, postgres_server, seeded
from tests.polling import until_true

pytestmark = [pytest.mark.slow, pytest.mark.parallel, pytest.mark.postgres]


@pytest.fixture
async def server() -> AsyncIterator[Any]:
    """A server of its own: it is stopped and started."""
    with postgres_server() as server:
        yield server


async def test_a_failover_that_nobody_tells_of_costs_no_move_and_no_lease(
    postgres_template: PostgresTemplate, tmp_path: Path
) -> None:
    """The other end of every connection that was kept is gone without a word; a new one works."""
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(seeded(await postgres_template.fresh(tmp_path)))
        url, _, each = await stack.enter_async_context(wire(store, tmp_path))
        bot = await claimed(store)
        database = await stack.enter_async_context(OwnThread(Database.open(url, held=1, waits=WAITS)))
        recorder = Recorder(database, bot_id=bot.id, attempt=bot.attempt, clock=RealClock())
        writing = asyncio.create_task(recorder.run())
        said(recorder, "before")
        await recorder.flush()
        for mine in each:
            mine.clear()
        said(recorder, "after")
        await recorder.move(BotState.STARTING)
        writing.cancel()
        async with store.database.read() as session:
            assert [one.text for _, one in await transcripts.list(session, bot.id)] == ["before", "after"]


async def test_a_restart_of_the_database_loses_no_word_and_no_lease(server: Any) -> None:
    url = f"postgresql://postgres@/postgres?host={server.pgdata}"
    async with Database.open(url) as database:
        await schema.upgrade(database)
    async with seeded(url) as store:
        bot = await claimed(store)
        recorder = Recorder(store.database, bot_id=bot.id, attempt=bot.attempt, clock=RealClock())
        lease = Lease(recorder.renew, fenced=Fenced, unreachable=(DatabaseUnavailable, OSError), clock=RealClock())
        tasks = [asyncio.create_task(recorder.run()), asyncio.create_task(lease.keep(lambda command: None))]
        said(recorder, "before")
        await recorder.flush()
        await asyncio.to_thread(server.stop)
        said(recorder, "while it was away")
        with pytest.raises(DatabaseUnavailable):
            await recorder.renew(pid=1, now=NOW, ttl_s=15)
        await asyncio.to_thread(until_true, partial(postgres_runs, server), POSTGRES_START_S)
        said(recorder, "after")
        await recorder.flush()
        async with store.database.read() as session:
            segments = await transcripts.list(session, bot.id)
            assert await leases.get(session, bot.id) is not None
        assert [one.text for _, one in segments] == ["before", "while it was away", "after"]
        assert not any(task.done() for task in tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
