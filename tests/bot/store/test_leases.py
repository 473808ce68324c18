"""Leases and the commands that travel with heartbeats."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.domain.lifecycle import BotState, Command
from bot.store import bots, leases
from tests.bot.store.test_bots import claimed, walk
from tests.bot.stores import NOW


async def beat(store, bot):
    async with store.database.write() as session:
        return await leases.renew(session, bot.id, attempt=1, pid=7, now=NOW, ttl_s=15)


async def ask(store, bot, command):
    async with store.database.write() as session:
        return await leases.ask(session, bot.id, command=command, at=NOW)


async def test_a_heartbeat_moves_the_leases_end_and_says_whose_it_is(store):
    bot = await claimed(store)
    assert await beat(store, bot) is None
    async with store.database.read() as session:
        lease = await leases.get(session, bot.id)
    assert (lease.expires_at, lease.pid, lease.attempt) == (NOW + timedelta(seconds=15), 7, 1)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ([Command.LEAVE], Command.LEAVE),
        ([Command.LEAVE, Command.KILL], Command.KILL),
        ([Command.KILL, Command.LEAVE], Command.KILL),
    ],
)
async def test_a_running_bot_is_told_at_every_heartbeat_and_a_kill_stays_a_kill(store, asked, told):
    bot = await walk(store, await claimed(store), BotState.STARTING)
    for command in asked:
        assert (await ask(store, bot, command)).state is BotState.STARTING
    assert [await beat(store, bot), await beat(store, bot)] == [told, told]


@pytest.mark.parametrize("states", [(), (BotState.SCHEDULED,)])
async def test_a_bot_without_a_process_is_cancelled_and_its_lease_goes(store, states):
    bot = await walk(store, await claimed(store), *states)
    cancelled = await ask(store, bot, Command.LEAVE)
    assert (cancelled.state, cancelled.code) == (BotState.CANCELLED, "asked_to_leave")
    async with store.database.read() as session:
        assert await leases.get(session, bot.id) is None


async def test_asking_a_bot_that_is_over_changes_nothing(store):
    bot = await walk(store, await claimed(store), BotState.LOST)
    assert (await ask(store, bot, Command.KILL)).state is BotState.LOST


async def test_release_gives_back_only_the_own_attempts_lease(store):
    bot = await claimed(store)
    async with store.database.write() as session:
        await leases.release(session, bot.id, attempt=9)
        assert await leases.get(session, bot.id) is not None
        await leases.release(session, bot.id, attempt=1)
        await leases.release(session, bot.id, attempt=1)
        assert await leases.get(session, bot.id) is None


async def test_asking_an_unknown_bot_is_a_typed_error(store):
    with pytest.raises(bots.UnknownBot):
        async with store.database.write() as session:
            await leases.ask(session, "nobody", command=Command.LEAVE, at=NOW)


async def test_names_in_a_meeting_are_those_of_other_live_bots_there(store):
    mine, other = await store.bot("abc"), await store.bot("xyz", bot_name="Max")
    async with store.database.write() as session:
        found = await bots.names_in_meeting(session, mine.meeting_key, besides=other.id)
        assert found == {"Iris (AI)": 1}
        assert await bots.names_in_meeting(session, mine.meeting_key, besides=mine.id) == {}
        await leases.ask(session, mine.id, command=Command.KILL, at=NOW)
        assert await bots.names_in_meeting(session, mine.meeting_key, besides=other.id) == {}
