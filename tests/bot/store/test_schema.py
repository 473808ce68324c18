"""The schema: migrations make exactly what the tables say, once, whoever asks and from wherever."""

from __future__ import annotations

import asyncio

import pytest

from bot.errors import BadSettings
from bot.store import schema
from bot.store.schema import DatabaseIsNewer
from bot.store.session import Database, DatabaseUnavailable, Waits
from tests.bot.clocks import until


async def test_two_upgrades_at_once_from_any_folder_make_one_schema_without_differences(
    empty_url, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    async with Database.open(empty_url) as one, Database.open(empty_url) as two:
        assert await schema.current(one) is None
        assert await asyncio.gather(schema.upgrade(one), schema.upgrade(two)) == [schema.head()] * 2
        assert await schema.current(two) == schema.head()
        assert await schema.differences(one) is None


async def test_upgrading_what_is_up_to_date_waits_for_no_writer(store):
    async with store.database.write():
        async with asyncio.timeout(5):
            assert await schema.upgrade(store.database) == schema.head()


async def test_a_database_of_a_later_version_is_refused_with_both_versions_and_stays_as_it_is(empty_url):
    async with Database.open(empty_url) as database:
        await schema.upgrade(database)
        async with database.write() as session:
            await session.exec_driver_sql("UPDATE alembic_version SET version_num = '0042'")
        with pytest.raises(DatabaseIsNewer, match=f"at 0042, .* knows {schema.head()} .*Start the later .*or restore"):
            await schema.upgrade(database)
        assert await schema.current(database) == "0042"


@pytest.mark.parametrize("revision", [None, *schema.revisions()])
def test_no_database_of_this_version_or_an_earlier_one_is_newer(revision):
    schema.refuse_newer(revision)


@pytest.mark.postgres
async def test_an_upgrade_has_none_of_the_limits_its_database_has_for_others(postgres_template):
    url = await postgres_template.empty()
    waits = (
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query_start < now() - interval '1 s'"
    )
    impatient = Database.open(url, waits=Waits(statement_s=0.3, lock_s=0.3, idle_in_transaction_s=0.3))
    async with impatient, Database.open(url) as other:

        async def waited() -> int:
            async with other.read() as session:
                return (await session.exec_driver_sql(waits)).scalar_one()

        async with other.write() as session:
            await session.exec_driver_sql(f"SELECT pg_advisory_xact_lock({schema.MIGRATION_LOCK})")
            upgrading = asyncio.create_task(schema.upgrade(impatient))
            await until(waited)
        assert await upgrading == schema.head()


@pytest.mark.parametrize("url", ["mysql://host/db", "sqlite://", "sqlite:///:memory:", "nonsense"])
def test_a_url_that_cannot_be_used_is_a_bad_setting(url):
    with pytest.raises(BadSettings):
        Database.open(url)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
async def test_a_database_that_is_away_is_a_typed_retryable_error(scheme):
    async with Database.open(f"{scheme}://127.0.0.1:1/nothing") as database:
        with pytest.raises(DatabaseUnavailable) as away:
            async with database.read():
                pass
    assert away.value.retryable


async def test_writers_of_several_connections_take_turns_and_lose_nothing(store):
    async def raise_attempt():
        async with store.database.write() as session:
            await session.exec_driver_sql("UPDATE workspaces SET name = name || 'x'")

    await asyncio.gather(*(raise_attempt() for _ in range(20)))
    async with store.database.read() as session:
        name = (await session.exec_driver_sql("SELECT name FROM workspaces")).scalar_one()
    assert name == "Default" + "x" * 20
