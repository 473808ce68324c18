"""Counters: counted with what is counted, once, and summed over shards."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from bot.domain.figures import Observation
from bot.domain.lifecycle import BotState
from bot.store import bots, counters, schema, turns
from bot.store.session import Database
from tests.bot.store.old_data import fill, reflected
from tests.bot.store.test_bots import claimed, walk
from tests.bot.stores import Seeded

LATENCY = Observation(figure="turn_latency", value=1.3)


async def counted(store: Seeded) -> counters.Counted:
    async with store.database.read() as session:
        return await counters.read(session)


async def test_counters_add_up_over_shards_and_histograms_keep_bucket_and_sum(store: Seeded) -> None:
    made = [await store.bot(f"m-{n}") for n in range(3)]
    async with store.database.write() as session:
        for bot in made:
            await counters.add(session, [LATENCY, LATENCY, Observation(figure="launches")], shard_of=bot.id)
    found = await counted(store)
    assert found["launches"][()].value == 3
    assert found["turn_latency"][()].buckets == {"1.5": 6}
    assert found["turn_latency"][()].total == pytest.approx(7.8)


async def test_a_turn_is_counted_once_and_its_replacement_not_again(store: Seeded) -> None:
    bot = await claimed(store)
    record: dict[str, Any] = {"decision": "answer", "because": "alone", "stages_ms": {"vad": 520.0}}
    async with store.database.write() as session:
        for _ in range(2):
            await turns.record(session, bot.id, attempt=1, epoch=1, record=record)
        await turns.record(session, bot.id, attempt=1, epoch=None, record={"decision": "ignore", "because": "x y"})
    found = await counted(store)
    assert {labels: one.value for labels, one in found["turns"].items()} == {
        ("answer", "alone"): 1,
        ("ignore", "other"): 1,
    }
    assert found["turn_stage"][("vad",)].buckets == {"0.75": 1}


async def test_what_is_undone_was_not_counted(store: Seeded) -> None:
    bot = await claimed(store)
    with pytest.raises(bots.IllegalTransition):
        async with store.database.write() as session:
            await turns.record(session, bot.id, attempt=1, epoch=1, record={"decision": "say", "kind": "notice"})
            await bots.move(session, bot.id, attempt=1, to=BotState.IN_CALL, at=bot.created_at)
    assert "turns" not in await counted(store)


async def test_launches_ends_and_states_are_counted(store: Seeded) -> None:
    await walk(store, await claimed(store), BotState.STARTING, BotState.JOINING, BotState.LOST)
    async with store.database.read() as session:
        states = await counters.bots_by_state(session)
    found = await counted(store)
    assert found["launches"][()].value == 1 and found["bots_over"][("lost", "other")].value == 1
    assert sum(states.values()) == 0 and BotState.LOST not in states


async def test_bots_that_count_the_same_at_once_lose_nothing(store: Seeded) -> None:
    made = [await store.bot(f"m-{n}") for n in range(4)]

    async def count(bot_id: str) -> None:
        for _ in range(5):
            async with store.database.write() as session:
                await counters.add(session, [LATENCY, Observation(figure="launches")], shard_of=bot_id)

    await asyncio.gather(*(count(bot.id) for bot in made))
    assert (await counted(store))["launches"][()].value == 20


async def test_records_of_the_first_schema_are_kept_in_order(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'old.sqlite3'}"
    async with Database.open(url) as database:
        await schema.upgrade(database, to="0001")
        old = await reflected(database)
        await fill(database, old)
        table = old.tables["turn_records"]
        async with database.write() as session:
            given = dict((await session.execute(sa.select(table))).one()._mapping)
            await session.execute(sa.delete(table))
            for epoch in (2, 1):
                row = {**given, "epoch": epoch, "record": {"epoch": epoch}}
                await session.execute(sa.insert(table).values(**row))
        await schema.upgrade(database)
        async with database.read() as session:
            kept = await turns.page(session, str(UUID(given["bot_id"])))
    assert [(turn.epoch, turn.record["epoch"]) for turn in kept] == [(1, 1), (2, 2)]
