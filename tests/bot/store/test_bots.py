"""A bot's row, its events and the fence around them, on SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.domain.lifecycle import BotState, Command
from bot.errors import BotError
from bot.store import bots, leases, outbox, transcripts, turns
from bot.store.bots import Bot
from tests.bot.stores import NOW, Seeded

SEGMENT = transcripts.Segment(
    speaker_id="p1", speaker_name="Ada", text="What is it?", start_ms=100, end_ms=900, source="test"
)


async def claimed(store: Seeded, meeting: str = "abc-defg-hij") -> Bot:
    await store.bot(meeting)
    async with store.database.write() as session:
        launch_by = NOW + timedelta(seconds=60)
        due = await leases.claim_due(
            session, owner="d1", data={"pid": 1}, due_by=NOW, now=NOW, launch_by=launch_by, limit=10
        )
    return due[-1]


async def walk(store: Seeded, bot: Bot, *states: BotState) -> Bot:
    async with store.database.write() as session:
        for state in states:
            bot = await bots.move(session, bot.id, attempt=bot.attempt, to=state, at=NOW)
    return bot


async def test_a_bot_created_without_disclosure_in_its_name_carries_it(store):
    assert (await store.bot(bot_name="Iris")).bot_name == "Iris (AI)"


async def test_a_second_live_bot_for_one_meeting_is_refused_with_the_id_of_the_first(store):
    first = await store.bot("abc-defg-hij")
    with pytest.raises(bots.MeetingTaken) as refused:
        await store.bot("abc-defg-hij/?authuser=2")
    assert refused.value.fields["bot_id"] == str(first.id)


async def test_a_key_that_is_given_names_the_meeting_whatever_its_link(store):
    first = await store.bot("abc-defg-hij", key="meet:abc-defg-hij")
    with pytest.raises(bots.MeetingTaken) as refused:
        await store.bot("xyz-xyzx-xyz", key="meet:abc-defg-hij")
    assert refused.value.fields["bot_id"] == str(first.id)


async def test_a_meeting_is_free_again_once_its_bot_is_over(store):
    first = await store.bot()
    async with store.database.write() as session:
        await leases.ask(session, first.id, command=Command.LEAVE, at=NOW)
    assert (await store.bot()).id != first.id


async def test_every_move_leaves_one_event_and_one_outbox_row(store):
    bot = await walk(store, await claimed(store), BotState.STARTING, BotState.JOINING, BotState.IN_CALL)
    async with store.database.write() as session:
        events = await bots.events(session, bot.id)
        messages = await outbox.take(session, now=NOW, hide_s=10, limit=100)
    states = ["scheduled", "claimed", "starting", "joining", "in_call"]
    assert [event.state for event in events] == states
    assert [event.sequence for event in events] == [1, 2, 3, 4, 5]
    assert [message.topic for message in messages] == [f"bot.{state}" for state in states]
    assert bot.joined_at == NOW


async def test_a_move_undone_with_its_transaction_leaves_nothing(store):
    bot = await claimed(store)
    with pytest.raises(RuntimeError):
        async with store.database.write() as session:
            await bots.move(session, bot.id, attempt=1, to=BotState.STARTING, at=NOW)
            raise RuntimeError
    async with store.database.read() as session:
        assert (await bots.get(session, bot.id)).state is BotState.CLAIMED
        assert len(await bots.events(session, bot.id)) == 2


async def test_an_illegal_move_is_refused(store):
    bot = await claimed(store)
    with pytest.raises(bots.IllegalTransition):
        await walk(store, bot, BotState.IN_CALL)


async def test_moving_to_the_state_it_is_in_changes_nothing(store):
    bot = await claimed(store)
    await walk(store, bot, BotState.STARTING, BotState.STARTING)
    async with store.database.read() as session:
        assert len(await bots.events(session, bot.id)) == 3


WRITES = {
    "move": lambda s, bot: bots.move(s, bot.id, attempt=bot.attempt, to=BotState.STARTING, at=NOW),
    "note": lambda s, bot: bots.note(s, bot.id, attempt=bot.attempt, kind="disclosure.spoken", data={}, at=NOW),
    "segment": lambda s, bot: transcripts.append(s, bot.id, attempt=bot.attempt, segment=SEGMENT),
    "turn": lambda s, bot: turns.record(s, bot.id, attempt=bot.attempt, epoch=1, record={"heard": "x"}),
    "heartbeat": lambda s, bot: leases.renew(s, bot.id, attempt=bot.attempt, pid=7, now=NOW, ttl_s=15),
}


@pytest.mark.parametrize("write", WRITES)
async def test_the_current_attempt_may_write(store, write):
    bot = await claimed(store)
    async with store.database.write() as session:
        await WRITES[write](session, bot)


@pytest.mark.parametrize("write", WRITES)
async def test_an_overtaken_attempt_is_fenced_from_every_write(store, write):
    stale = await claimed(store)
    await walk(store, stale, BotState.SCHEDULED)
    async with store.database.write() as session:
        await leases.claim_due(session, owner="d2", data={}, due_by=NOW, now=NOW, launch_by=NOW, limit=10)
    with pytest.raises(bots.Fenced):
        async with store.database.write() as session:
            await WRITES[write](session, stale)


@pytest.mark.parametrize("write", WRITES)
async def test_a_bot_that_is_over_accepts_no_write(store, write):
    bot = await walk(store, await claimed(store), BotState.LOST)
    with pytest.raises(bots.Fenced):
        async with store.database.write() as session:
            await WRITES[write](session, bot)


async def test_a_code_given_once_stays_until_the_end(store):
    bot = await walk(store, await claimed(store), BotState.STARTING, BotState.JOINING, BotState.IN_CALL)
    async with store.database.write() as session:
        await bots.move(
            session, bot.id, attempt=1, to=BotState.LEAVING, code="alone", detail="Nobody was left.", at=NOW
        )
        ended = await bots.move(session, bot.id, attempt=1, to=BotState.ENDED, at=NOW)
    assert (ended.code, ended.detail, ended.ended_at) == ("alone", "Nobody was left.", NOW)


async def test_transcript_and_turns_come_back_as_written(store):
    bot = await claimed(store)
    async with store.database.write() as session:
        assert await transcripts.append(session, bot.id, attempt=1, segment=SEGMENT) == 1
        assert await transcripts.append(session, bot.id, attempt=1, segment=SEGMENT) == 2
        await turns.record(session, bot.id, attempt=1, epoch=3, record={"stages": {"stt": 1}})
        await turns.record(session, bot.id, attempt=1, epoch=3, record={"stages": {"stt": 2}})
    async with store.database.read() as session:
        assert list(await transcripts.list(session, bot.id, after=1)) == [(2, SEGMENT)]
        assert [turn.record for turn in await turns.page(session, bot.id)] == [{"stages": {"stt": 2}}]


async def test_newest_first_pages_meet_without_gap_or_repetition(store):
    made = [await store.bot(f"m-{i}", at=NOW + timedelta(seconds=i // 2)) for i in range(5)]
    seen, before = [], None
    async with store.database.read() as session:
        while page := await bots.list_newest(session, workspace_id=store.workspace.id, limit=2, before=before):
            seen += [bot.id for bot in page]
            before = (page[-1].created_at, page[-1].id)
    assert sorted(seen) == sorted(bot.id for bot in made) and len(seen) == 5


async def test_an_unknown_bot_is_a_typed_error(store):
    with pytest.raises(BotError) as missing:
        async with store.database.read() as session:
            await bots.get(session, "no-such-bot")
    assert (missing.value.code, missing.value.http_status) == ("unknown_bot", 404)
