"""The bot's pen on a real database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path

import pytest

from bot.clock import RealClock
from bot.domain.lifecycle import BotState, Command
from bot.meeting.lease import Lease
from bot.meeting.record import CONSENT_ENDED, PATIENCE_S, Recorder
from bot.store import bots, characters, counters, leases, transcripts, turns
from bot.store.characters import NewConsent
from bot.store.fence import Fenced
from bot.store.session import Database, DatabaseUnavailable, Session
from tests.bot.clocks import HandClock, HurriedLoop, LoopClock
from tests.bot.stores import NOW, Seeded, SqliteTemplate, seeded


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


class Away(Database):
    """A database that is away until the loop's time says `back_s`, and real from there on."""

    def __init__(self, database: Database, *, back_s: float) -> None:
        super().__init__(database.engine)
        self._back_s = back_s

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Session]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, HurriedLoop)
        if loop.time() < self._back_s:
            raise DatabaseUnavailable
        loop.skip(False)
        async with super().write() as session:
            yield session


async def moved_while_away(template: SqliteTemplate, folder: Path, *, back_s: float) -> tuple[BotState, bool, float]:
    """A move with something queued before it: the bot's state then, whether its lease is lost, and when that was."""
    loop, clock = asyncio.get_running_loop(), LoopClock()
    assert isinstance(loop, HurriedLoop)
    loop.skip(False)
    async with seeded(await template.fresh(folder)) as store:
        bot = await claimed(store)
        loop.skip(True)
        began_s = loop.time()
        away = Away(store.database, back_s=began_s + back_s)
        recorder = Recorder(away, bot_id=bot.id, attempt=bot.attempt, clock=clock)
        lease = Lease(recorder.renew, fenced=Fenced, unreachable=(DatabaseUnavailable,), clock=clock)
        tasks = [asyncio.create_task(recorder.run()), asyncio.create_task(lease.keep(lambda command: None))]
        said(recorder, "while it was away")
        try:
            with suppress(Fenced):
                await recorder.move(BotState.STARTING)
            ended_s = loop.time() - began_s
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            loop.skip(False)
        async with store.database.read() as session:
            return (await bots.get(session, bot.id)).state, lease.is_fenced, ended_s


@pytest.mark.parametrize(
    ("back_s", "state", "fenced"), [(12.0, BotState.STARTING, False), (60.0, BotState.CLAIMED, True)]
)
def test_a_move_waits_for_a_database_that_is_away_for_as_long_as_a_lease_lives(
    back_s: float, state: BotState, fenced: bool, sqlite_template: SqliteTemplate, tmp_path: Path
) -> None:
    with asyncio.Runner(loop_factory=HurriedLoop) as runner:
        became, lost, ended_s = runner.run(moved_while_away(sqlite_template, tmp_path, back_s=back_s))
    assert (became, lost) == (state, fenced)
    assert ended_s >= back_s if not fenced else ended_s == pytest.approx(PATIENCE_S)


async def test_a_heartbeat_tells_that_the_consent_to_the_face_has_ended_by_date_or_word(store: Seeded) -> None:
    bot = await claimed(store)
    recorder = Recorder(store.database, bot_id=bot.id, attempt=bot.attempt, clock=HandClock())
    mine = {"workspace_id": store.workspace.id, "now": NOW}

    async def told(*, after_s: float) -> str | None:
        return await recorder.renew(pid=7, now=NOW + timedelta(seconds=after_s), ttl_s=15)

    async with store.database.write() as session:
        new = NewConsent(consent_expires_at=NOW + timedelta(seconds=60))
        await characters.renew_consent(session, store.character.id, **mine, new=new)
    assert [await told(after_s=at) for at in (0, 59, 60)] == [None, None, CONSENT_ENDED]
    async with store.database.write() as session:
        await characters.withdraw_consent(session, store.character.id, **mine)
        await bots.move(session, bot.id, attempt=bot.attempt, to=BotState.STARTING, at=NOW)
        await leases.ask(session, bot.id, command=Command.LEAVE, at=NOW)
    assert await told(after_s=1) == CONSENT_ENDED, "the face before a goodbye"


async def test_a_kill_is_told_before_an_ended_consent(store: Seeded) -> None:
    bot = await claimed(store)
    recorder = Recorder(store.database, bot_id=bot.id, attempt=bot.attempt, clock=HandClock())
    async with store.database.write() as session:
        await bots.move(session, bot.id, attempt=bot.attempt, to=BotState.STARTING, at=NOW)
        await leases.ask(session, bot.id, command=Command.KILL, at=NOW)
        mine = {"workspace_id": store.workspace.id, "now": NOW}
        await characters.withdraw_consent(session, store.character.id, **mine)
    assert await recorder.renew(pid=7, now=NOW, ttl_s=15) == Command.KILL
