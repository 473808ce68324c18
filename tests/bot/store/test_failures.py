"""What real databases do to those who use them: break off, refuse, run into each other. Each has its typed error."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest
import sqlalchemy as sa

from bot.errors import BadSettings
from bot.store.session import Database, DatabaseUnavailable
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
    async with postgres.database.write() as holder:
        await holder.execute(sa.text(TAKE.format("default")))
        with pytest.raises(DatabaseUnavailable, match="lock timeout"):
            async with postgres.database.write() as session:
                await session.execute(sa.text("SET LOCAL lock_timeout = '20ms'"))
                await session.execute(sa.text(TAKE.format("default")))


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
