"""What real databases do to those who use them: break off, refuse, run into each other. Each has its typed error."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest
import sqlalchemy as sa

from bot.errors import BadSettings
from bot.store.session import Database, DatabaseUnavailable, Waits
from tests.bot.stores import PostgresTemplate, Seeded, seeded

pytestmark = pytest.mark.postgres
TAKE = "UPDATE workspaces SET name = name WHERE slug = '{}'"


@pytest.fixture
async def postgres(postgres_template: PostgresTemplate, tmp_path: Any) -> AsyncIterator[Seeded]:
    async with seeded(await postgres_template.fresh(tmp_path)) as store:
        yield store


@asynccontextmanager
async def administrator(store: Seeded) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(store.url)
    try:
        yield connection
    finally:
        await connection.close()


async def end_the_others(store: Seeded) -> None:
    """As a restart of the server does it."""
    async with administrator(store) as connection:
        others = "pid <> pg_backend_pid() AND datname = current_database()"
        await connection.execute(f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE {others}")


async def test_a_connection_that_breaks_in_the_middle_is_told_as_a_database_that_is_away(postgres: Seeded) -> None:
    with pytest.raises(DatabaseUnavailable) as broken:
        async with postgres.database.write() as session:
            await session.execute(sa.text("SELECT 1"))
            await end_the_others(postgres)
            await session.execute(sa.text("SELECT 1"))
    assert broken.value.retryable
    await end_the_others(postgres)  # the next one finds that its connection is gone, and takes another
    async with postgres.database.read() as session:
        assert (await session.execute(sa.text("SELECT 1"))).scalar_one() == 1


async def test_of_two_who_wait_for_each_other_one_is_told_to_try_again(postgres: Seeded) -> None:
    async with postgres.database.write() as session:
        await session.execute(
            sa.text("INSERT INTO workspaces (id, slug, name, created_at) VALUES (gen_random_uuid(), 'b', '', now())")
        )
    both_hold = asyncio.Barrier(2)

    async def cross(first: str, second: str) -> None:
        async with postgres.database.write() as session:
            await session.execute(sa.text("SET LOCAL deadlock_timeout = '10ms'"))
            await session.execute(sa.text(TAKE.format(first)))
            await both_hold.wait()
            await session.execute(sa.text(TAKE.format(second)))

    ends = await asyncio.gather(cross("default", "b"), cross("b", "default"), return_exceptions=True)
    assert sorted(type(end).__name__ for end in ends) == ["DatabaseUnavailable", "NoneType"]


async def test_a_lock_that_is_not_had_in_time_is_worth_another_try(postgres: Seeded) -> None:
    async with postgres.database.write() as holder, Database.open(postgres.url, waits=Waits(lock_s=0.02)) as other:
        await holder.execute(sa.text(TAKE.format("default")))
        with pytest.raises(DatabaseUnavailable, match="lock timeout") as refused:
            async with other.write() as session:
                await session.execute(sa.text(TAKE.format("default")))
        assert refused.value.retryable


async def test_a_transaction_left_standing_is_undone_and_keeps_its_locks_from_nobody(postgres: Seeded) -> None:
    async with Database.open(postgres.url, waits=Waits(idle_in_transaction_s=0.05)) as vanished:
        with pytest.raises(DatabaseUnavailable):
            async with vanished.write() as session:
                await session.execute(sa.text(TAKE.format("default")))
                async with postgres.database.write() as next_one:
                    await next_one.execute(sa.text(TAKE.format("default")))
                await session.execute(sa.text("SELECT 1"))


async def test_limits_are_on_every_connection_but_those_that_change_the_schema(postgres: Seeded) -> None:
    limits = ("lock_timeout", "idle_in_transaction_session_timeout", "statement_timeout")

    async def told(database: Database) -> list[str]:
        async with database.read() as session:
            return [(await session.execute(sa.text(f"SHOW {limit}"))).scalar_one() for limit in limits]

    assert await told(postgres.database) == ["20s", "30s", "0"]
    async with Database.open(postgres.url, waits=Waits(statement_s=0.05)) as database:
        async with database.patient() as patient:
            assert await told(patient) == ["0", "0", "0"]
            async with patient.read() as session:
                await session.execute(sa.text("SELECT pg_sleep(0.2)"))
        with pytest.raises(DatabaseUnavailable):
            async with database.read() as session:
                await session.execute(sa.text("SELECT pg_sleep(20)"))


@asynccontextmanager
async def wire(store: Seeded, folder: Path) -> AsyncIterator[tuple[str, asyncio.Event, set[asyncio.Event]]]:
    """A socket in `folder` that leads to the server until the event is cleared; then it swallows every word. So does
    each connection whose own event, of the set, is cleared."""
    server = parse_qs(urlsplit(store.url).query)["host"][0]
    works, each, name = asyncio.Event(), set[asyncio.Event](), ".s.PGSQL.5432"
    works.set()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, mine: asyncio.Event) -> None:
        with suppress(ConnectionError):
            while word := await reader.read(65536):
                await works.wait()
                await mine.wait()
                writer.write(word)
        writer.close()

    async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_unix_connection(f"{server}/{name}")
        each.add(mine := asyncio.Event())
        mine.set()
        await asyncio.gather(pump(reader, back, mine), pump(there, writer, mine))

    async with AsyncExitStack() as stack:
        listening = await stack.enter_async_context(await asyncio.start_unix_server(join, folder / name))
        stack.callback(listening.close)
        stack.callback(works.set)
        stack.callback(lambda: [mine.set() for mine in each])
        yield store.url.replace(server, str(folder)), works, each


@pytest.mark.slow
@pytest.mark.parallel
async def test_a_socket_whose_other_end_is_gone_is_told_as_a_database_that_is_away(
    postgres: Seeded, tmp_path: Path
) -> None:
    async with AsyncExitStack() as stack:
        url, works, _ = await stack.enter_async_context(wire(postgres, tmp_path))
        database = await stack.enter_async_context(Database.open(url, waits=Waits(statement_s=2.0)))
        newcomer = await stack.enter_async_context(Database.open(url, waits=Waits(connect_s=0.1)))
        with pytest.raises(DatabaseUnavailable, match="in time"):
            async with database.write() as session:
                await session.execute(sa.text("SELECT 1"))
                works.clear()
                await session.execute(sa.text("SELECT 1"))
        with pytest.raises(DatabaseUnavailable):
            async with newcomer.read():
                pass
        works.set()
        async with database.read() as session:
            assert (await session.execute(sa.text("SELECT 1"))).scalar_one() == 1


@pytest.mark.slow
@pytest.mark.parallel
async def test_connections_that_were_kept_and_whose_other_end_is_gone_are_made_anew(
    postgres: Seeded, tmp_path: Path
) -> None:
    async def asked(database: Database) -> int:
        async with database.read() as session:
            return (await session.execute(sa.text("SELECT pg_sleep(0.1), pg_backend_pid()"))).one()[1]

    async with AsyncExitStack() as stack:
        url, _, each = await stack.enter_async_context(wire(postgres, tmp_path))
        database = await stack.enter_async_context(Database.open(url, waits=Waits(statement_s=600.0)))
        before = await asyncio.gather(*(asked(database) for _ in range(3)))
        for mine in each:
            mine.clear()
        async with asyncio.timeout(30):
            after = await asyncio.gather(*(asked(database) for _ in range(3)))
    assert len({*before, *after}) == 6


async def test_a_server_that_takes_no_more_is_away_and_one_without_this_database_badly_named(postgres: Seeded) -> None:
    async with administrator(postgres) as connection:
        name = await connection.fetchval("SELECT current_database()")
        await connection.execute("CREATE ROLE one_at_a_time LOGIN CONNECTION LIMIT 0")
        try:
            narrow = postgres.url.replace("postgres@", "one_at_a_time@")
            for url, told in ((narrow, DatabaseUnavailable), (postgres.url.replace(f"/{name}", "/none"), BadSettings)):
                async with Database.open(url) as database:
                    with pytest.raises(told):
                        async with database.read():
                            pass
        finally:
            await connection.execute("DROP ROLE one_at_a_time")
