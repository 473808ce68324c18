"""Erasing leaves the proof and nothing that was said; a rule erases what has been kept long enough."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.domain.lifecycle import BotState, Command
from bot.scheduling.retention import Retention
from bot.store import bots, erasure, leases, spawning, tables, transcripts, turns
from tests.bot.clocks import HandClock
from tests.bot.store.old_data import rows
from tests.bot.store.test_bots import SEGMENT, claimed, walk
from tests.bot.stores import NOW

SECRET = "zebra"
DAY = timedelta(days=1)


async def talked(store, meeting=SECRET):
    """A bot that heard a secret and is over."""
    bot = await claimed(store, meeting)
    bot = await walk(store, bot, BotState.STARTING, BotState.JOINING, BotState.IN_CALL)
    said = {name: getattr(SEGMENT, name) for name in SEGMENT.__slots__} | {"text": SECRET}
    async with store.database.write() as session:
        await transcripts.append(session, bot.id, attempt=1, segment=transcripts.Segment(**said))
        await turns.record(session, bot.id, attempt=1, epoch=1, record={"question": SECRET})
        await bots.note(session, bot.id, attempt=1, kind="chat.message", data={"pii_text": SECRET}, at=NOW)
    return await walk(store, bot, BotState.LEAVING, BotState.POST_PROCESSING, BotState.ENDED)


async def erase(store, bot):
    async with store.database.write() as session:
        return await erasure.erase(session, bot.id, by={"by": "test"}, at=NOW + DAY)


async def test_nothing_that_was_said_stays_and_the_proof_does(store):
    bot = await talked(store)
    assert (await erase(store, bot)).state is BotState.DATA_DELETED
    found = await rows(store.database, tables.metadata)
    holding = {name for name, lines in found.items() if any(SECRET in line for line in lines)}
    assert holding <= {"occurrences", "outbox"}, "the room, so that no bot comes back; what is still to be told"
    async with store.database.read() as session:
        proof = (await bots.events(session, bot.id))[-1].data
    assert (proof["transcript_segments"], proof["turn_records"], proof["by"]) == (1, 1, {"by": "test"})
    assert (await erase(store, bot)).state is BotState.DATA_DELETED


async def test_a_bot_that_is_not_over_is_not_erased(store):
    bot = await claimed(store)
    with pytest.raises(erasure.NotOver):
        await erase(store, bot)


async def test_erasing_a_stopped_bot_brings_no_bot_back(store):
    bot = await store.bot()
    async with store.database.write() as session:
        await leases.ask(session, bot.id, command=Command.LEAVE, at=NOW)
    await erase(store, bot)
    ours = {"workspace_id": store.workspace.id, "character_id": store.character.id, "bot_name": "Iris"}
    wanted = spawning.Wanted(**ours, meeting_url=bot.meeting_url, join_at=NOW)
    async with store.database.write() as session:
        again = await spawning.spawn(session, wanted, by_rule=True, at=NOW)
    assert (again.made, again.because) == (False, "stopped")


@pytest.mark.parametrize(
    ("default_days", "of_workspace", "after_days", "erased"),
    [(0, None, 999, 0), (30, None, 29, 0), (30, None, 31, 1), (30, 0, 999, 0), (0, 7, 8, 1), (30, 90, 31, 0)],
)
async def test_what_was_kept_long_enough_is_erased_with_its_files(
    sqlite_store, tmp_path, default_days, of_workspace, after_days, erased
):
    bot, clock = await talked(sqlite_store), HandClock()
    picture = tmp_path / "evidence" / bot.id / "full.png"
    picture.parent.mkdir(parents=True)
    picture.touch()
    async with sqlite_store.database.write() as session:
        await erasure.keep_for(session, sqlite_store.workspace.id, days=of_workspace)
    clock.advance(after_days * 86400)
    retention = Retention(sqlite_store.database, home=tmp_path, default_days=default_days, clock=clock)
    assert (await retention.step(), picture.exists()) == (erased, not erased)
    assert await retention.step() == 0


async def test_a_bot_whose_files_cannot_be_removed_is_not_erased_and_keeps_nothing_from_the_others(
    sqlite_store, tmp_path
):
    async def states():
        async with sqlite_store.database.read() as session:
            return [(await bots.get(session, bot.id)).state for bot in (stuck, other)]

    stuck, other = await talked(sqlite_store, "one"), await talked(sqlite_store, "two")
    (tmp_path / "evidence").mkdir()
    in_the_way = tmp_path / "evidence" / stuck.id
    in_the_way.write_text("no folder: nobody's rmtree removes it")
    clock = HandClock()
    clock.advance(31 * 86400)
    retention = Retention(sqlite_store.database, home=tmp_path, default_days=30, clock=clock)
    assert (await retention.step(), await states()) == (1, [BotState.ENDED, BotState.DATA_DELETED])
    in_the_way.unlink()
    assert (await retention.step(), await states()) == (1, [BotState.DATA_DELETED] * 2)
