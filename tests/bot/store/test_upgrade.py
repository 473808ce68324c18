"""Upgrading a database with a live installation in it: what is there stays, who writes goes on."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from itertools import pairwise

import pytest
import sqlalchemy as sa

from bot.domain.lifecycle import BotState
from bot.domain.roles import Role
from bot.store import bots, keys, leases, outbox, schema, tables, transcripts, turns
from bot.store.session import Database, DatabaseUnavailable
from tests.bot.clocks import until
from tests.bot.store.old_data import VALUES, fill, reflected, rows
from tests.bot.store.test_bots import SEGMENT
from tests.bot.stores import NOW

pytestmark = [pytest.mark.slow, pytest.mark.parallel]
PREVIOUS = schema.revisions()[-2]


async def test_no_step_of_an_upgrade_loses_or_changes_a_row_of_the_version_before(empty_url: str) -> None:
    """Read by the tables as they were: a column that is not used any more is dropped a version later."""
    async with Database.open(empty_url) as database:
        for revision, following in pairwise(schema.revisions()):
            await schema.upgrade(database, to=revision)
            was = await reflected(database)
            await fill(database, was)
            before = await rows(database, was)
            await schema.upgrade(database, to=following)
            assert await rows(database, was) == before


async def test_a_bot_of_the_version_before_is_led_to_its_end_by_this_one(empty_url: str) -> None:
    async with Database.open(empty_url) as database:
        await schema.upgrade(database, to=PREVIOUS)
        await fill(database, await reflected(database))
        await schema.upgrade(database)
        async with database.write() as session:
            bot_id = str((await session.execute(sa.select(tables.bots.c.id))).scalar_one())
            assert await leases.renew(session, bot_id, attempt=1, pid=7, now=NOW, ttl_s=15) is None
            await transcripts.append(session, bot_id, attempt=1, segment=SEGMENT)
            await turns.record(session, bot_id, attempt=1, epoch=10_000, record={"decision": "answer"})
            for state in (BotState.LEAVING, BotState.POST_PROCESSING, BotState.ENDED):
                await bots.move(session, bot_id, attempt=1, to=state, at=NOW)
            told = await outbox.take(session, now=NOW + timedelta(days=1), hide_s=1, limit=10)
        async with database.read() as session:
            assert (await bots.get(session, bot_id)).state is BotState.ENDED
            assert len(await transcripts.list(session, bot_id, history=True)) == 2
    assert [message.topic for message in told][-3:] == ["bot.leaving", "bot.post_processing", "bot.ended"]


async def test_keys_and_browsers_of_before_there_were_roles_may_do_what_they_could(empty_url: str) -> None:
    async with Database.open(empty_url) as database:
        await schema.upgrade(database, to="0007")
        await fill(database, await reflected(database))
        await schema.upgrade(database)
        async with database.write() as session:
            workspace_id = str((await session.execute(sa.select(tables.workspaces.c.id))).scalar_one())
            (key,) = await keys.list_all(session, workspace_id=workspace_id)
            ways_in = [
                (await session.execute(sa.select(table.c.role))).scalar_one()
                for table in (tables.setup_tokens, tables.browser_sessions)
            ]
    assert (key.role, key.scopes, ways_in) == (None, VALUES["api_keys", "scopes"], [Role.ADMIN, Role.ADMIN])


class OldBot:
    """Writes as the version before does: by the tables as they were, under the bot's row, and again when told to."""

    def __init__(self, database: Database, was: sa.MetaData) -> None:
        self._database, self._was = database, was
        self.written, self.waited = 0, 0

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set() or self.written < 3:
            try:
                await self._write()
                self.written += 1
            except DatabaseUnavailable:
                self.waited += 1

    async def _write(self) -> None:
        bots_, beats, turns_ = (self._was.tables[name] for name in ("bots", "heartbeats", "turn_records"))
        async with self._database.write() as session:
            bot = (await session.execute(sa.select(bots_).with_for_update(key_share=True))).one()
            await session.execute(sa.update(beats).where(beats.c.bot_id == bot.id).values(attempt=1))
            row = {"bot_id": bot.id, "workspace_id": bot.workspace_id, "attempt": 2, "epoch": self.written}
            await session.execute(sa.insert(turns_).values(**row, record={"epoch": self.written}))


async def test_bots_write_on_while_the_database_is_upgraded_and_no_word_is_lost(empty_url: str) -> None:
    async with Database.open(empty_url) as database, Database.open(empty_url) as upgrading:
        await schema.upgrade(database, to=PREVIOUS)
        was = await reflected(database)
        await fill(database, was)
        bot = OldBot(database, was)
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(bot.run(stop))
            await until(lambda: bot.written >= 3)
            assert await schema.upgrade(upgrading) == schema.head()
            stop.set()
        async with database.read() as session:
            assert await schema.current(database) == schema.head()
            bot_id = str((await session.execute(sa.select(tables.bots.c.id))).scalar_one())
            kept = [one.epoch for one in await turns.page(session, bot_id) if one.attempt == 2]
    assert kept == list(range(bot.written))
