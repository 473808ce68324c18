"""Transactions that do not stand still with the loop of who wants them."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from bot.domain.lifecycle import Command
from bot.store import bots, fence, leases
from bot.store.fence import UnknownBot
from bot.store.own_thread import OwnThread
from bot.store.session import Database, DatabaseUnavailable, Session
from tests.bot.stores import NOW, Seeded
from tests.polling import eventually

SOON_S = 10.0  # half of what a writer waits for another


async def told_to_die(store: Seeded, bot_id: str) -> None:
    async with Database.open(store.url) as database, database.write() as session:
        await leases.ask(session, bot_id, command=Command.KILL, at=NOW)


async def test_a_loop_that_stands_still_in_the_middle_of_a_transaction_keeps_nobody_from_its_bot(store: Seeded) -> None:
    bot, locked, stands = await store.bot(), threading.Event(), threading.Event()

    async def note(session: Session) -> None:
        await fence.lock(session, bot.id)
        locked.set()
        await asyncio.to_thread(stands.wait, SOON_S)
        await bots.note(session, bot.id, attempt=bot.attempt, kind="noted", data={}, at=NOW)

    async with OwnThread(Database.open(store.url, held=1)) as database:
        noting = asyncio.create_task(database.writing(note))
        await eventually(locked.is_set, SOON_S)
        stands.set()
        with ThreadPoolExecutor(1) as other:  # this loop stands still until it is through
            other.submit(asyncio.run, told_to_die(store, bot.id)).result(SOON_S)
        await noting
    async with store.database.read() as session:
        kinds = [event.kind for event in await bots.events(session, bot.id)]
    assert kinds[-2:] == ["noted", "state"]


async def test_what_is_cancelled_is_undone_and_holds_no_lock(store: Seeded) -> None:
    bot, locked = await store.bot(), threading.Event()

    async def note(session: Session) -> None:
        await bots.note(session, bot.id, attempt=bot.attempt, kind="noted", data={}, at=NOW)
        locked.set()
        await asyncio.Event().wait()

    async with OwnThread(Database.open(store.url, held=1)) as database:
        for end in ("cancelled", "closed"):
            noting = asyncio.create_task(database.writing(note))
            await eventually(locked.is_set, SOON_S)
            locked.clear()
            if end == "cancelled":
                noting.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await noting
    with pytest.raises(asyncio.CancelledError):
        await noting
    async with asyncio.timeout(SOON_S):
        await told_to_die(store, bot.id)
    async with store.database.read() as session:
        assert "noted" not in [event.kind for event in await bots.events(session, bot.id)]


async def test_errors_are_those_of_the_database(sqlite_store: Seeded) -> None:
    async with OwnThread(Database.open(sqlite_store.url, held=1)) as database:
        with pytest.raises(UnknownBot):
            await database.reading(lambda session: bots.get(session, "nobody"))
        bot = await sqlite_store.bot()
        assert await database.reading(lambda session: bots.get(session, bot.id)) == bot
    with pytest.raises(DatabaseUnavailable):
        await database.reading(lambda session: bots.get(session, bot.id))
