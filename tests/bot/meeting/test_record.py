"""The bot's pen on a real database."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta

import pytest

from bot.clock import RealClock
from bot.domain.lifecycle import BotState
from bot.meeting.record import Recorder
from bot.store import bots, leases, transcripts
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


async def test_a_pen_of_another_attempt_writes_nothing(store: Seeded) -> None:
    bot = await claimed(store)
    database = store.database
    recorder = Recorder(database, bot_id=bot.id, attempt=bot.attempt + 1, clock=RealClock())
    said(recorder, "late")
    with pytest.raises(Fenced):
        await recorder.run()
    async with database.read() as session:
        assert await transcripts.list(session, bot.id) == []
