"""The bot's pen on a real database."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta

import pytest

from bot.clock import RealClock
from bot.domain.lifecycle import BotState
from bot.meeting.record import Recorder
from bot.store import bots, counters, leases, transcripts, turns
from bot.store.fence import Fenced
from tests.bot.stores import NOW, Seeded


async def claimed(store: Seeded) -> bots.Bot:
    bot = await store.bot()
    now = NOW
    async with store.database.write() as session:
        await leases.claim_due(
            session, owner="test", data={}, due_by=now, now=now, launch_by=now + timedelta(minutes=1), limit=1
        )
        return await bots.get(session, bot.id)


def said(recorder: Recorder, text: str) -> None:
    recorder.segment(
        speaker_id="p1", speaker_name="Alex", text=text, start_s=1.0, end_s=2.0, source="platform", confidence=0.5,
        own=False,
    )  # fmt: skip


async def test_lines_are_kept_in_order_before_the_move_that_follows_them(store: Seeded) -> None:
    bot = await claimed(store)
    database = store.database
    recorder = Recorder(database, bot_id=bot.id, attempt=bot.attempt, clock=RealClock())
    writing = asyncio.create_task(recorder.run())
    said(recorder, "one")
    said(recorder, "two")
    await recorder.move(BotState.STARTING)
    async with database.read() as session:
        assert [segment.text for _, segment in await transcripts.list(session, bot.id)] == ["one", "two"]
        assert (await bots.get(session, bot.id)).state is BotState.STARTING
    writing.cancel()
    with suppress(asyncio.CancelledError):
        await writing


async def test_remarks_are_kept_to_a_limit_and_counted_and_turns_say_when(store: Seeded) -> None:
    bot = await claimed(store)
    recorder = Recorder(store.database, bot_id=bot.id, attempt=bot.attempt, clock=RealClock(), most_remarks=2)
    for number in range(3):
        recorder.remark({"decision": "ignore", "because": "not_addressed", "heard": str(number)})
    recorder.turn(1, {"decision": "answer", "because": "alone"})
    recorder.count("audio_dropped_seconds", 0.5)
    recorder.count("silence_filled_seconds", 0.0)
    writing = asyncio.create_task(recorder.run())
    await recorder.flush()
    async with store.database.read() as session:
        kept = await turns.page(session, bot.id)
        counted = await counters.read(session)
    assert [turn.record.get("heard") for turn in kept] == ["0", "1", None] and all("at" in one.record for one in kept)
    assert counted["turns"]["ignore", "not_addressed"].value == 2
    assert counted["audio_dropped_seconds"][()].value == 0.5 and "silence_filled_seconds" not in counted
    writing.cancel()
    with suppress(asyncio.CancelledError):
        await writing


async def test_a_pen_of_another_attempt_writes_nothing(store: Seeded) -> None:
    bot = await claimed(store)
    database = store.database
    recorder = Recorder(database, bot_id=bot.id, attempt=bot.attempt + 1, clock=RealClock())
    said(recorder, "late")
    with pytest.raises(Fenced):
        await recorder.run()
    async with database.read() as session:
        assert await transcripts.list(session, bot.id) == []
