"""What the dashboard keeps: sign-ins, lines to say, and how far bots have come; on each database."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.domain.lifecycle import BotState
from bot.store import bots, leases, lines, live, sign_ins, tables, transcripts
from bot.store.fence import Fenced
from bot.store.lines import NotInCall, TooManyLines
from bot.store.sign_ins import BadSetupToken, SignedOut
from tests.bot.stores import NOW, Seeded

ON_THE_WAY = (BotState.STARTING, BotState.JOINING, BotState.IN_CALL)
HELLO = transcripts.Segment(speaker_id="1", speaker_name="Ada", text="hello", start_ms=0, end_ms=9, source="test")


async def in_call(store: Seeded) -> bots.Bot:
    made = await store.bot()
    async with store.database.write() as session:
        launch_by = NOW + timedelta(seconds=9)
        await leases.claim_due(session, owner="d", data={}, due_by=NOW, now=NOW, launch_by=launch_by, limit=1)
        for state in ON_THE_WAY:
            made = await bots.move(session, made.id, attempt=1, to=state, at=NOW)
    return made


async def test_a_token_is_good_once_and_a_session_until_it_ends(store: Seeded) -> None:
    async with store.database.write() as session:
        token = await sign_ins.issue_token(session, workspace_id=store.workspace.id, now=NOW)
        made, secret = await sign_ins.exchange(session, token, now=NOW)
        assert (await sign_ins.verify(session, secret, now=NOW)).workspace_id == store.workspace.id
        with pytest.raises(BadSetupToken):
            await sign_ins.exchange(session, token, now=NOW)
        with pytest.raises(SignedOut):
            await sign_ins.verify(session, secret, now=made.expires_at)
        kept = (await session.execute(tables.browser_sessions.select())).one()
        assert secret not in str(kept) and token not in str(kept)
        for _ in range(2):
            await sign_ins.end(session, secret)
        with pytest.raises(SignedOut):
            await sign_ins.verify(session, secret, now=NOW)


async def test_lines_are_taken_in_order_once_by_who_runs_the_bot_while_it_is_in_a_call(store: Seeded) -> None:
    bot, early = await in_call(store), await store.bot("too-earl-yyy")
    async with store.database.write() as session:
        with pytest.raises(NotInCall):
            await lines.ask(session, early.id, text="hello", at=NOW)
        for number in range(lines.MOST_WAITING):
            await lines.ask(session, bot.id, text=f"line {number}", at=NOW)
        with pytest.raises(TooManyLines):
            await lines.ask(session, bot.id, text="one more", at=NOW)
        with pytest.raises(Fenced):
            await lines.take(session, bot.id, attempt=2)
        taken = [await lines.take(session, bot.id, attempt=1) for _ in range(lines.MOST_WAITING + 1)]
        noted = [event.data for event in await bots.events(session, bot.id) if event.kind == "asked.say"]
    assert taken == [*(f"line {number}" for number in range(lines.MOST_WAITING)), None]
    assert noted[0] == {"pii_text": "line 0"}


async def test_marks_tell_how_far_live_and_changed_bots_have_come(store: Seeded) -> None:
    bot = await in_call(store)
    async with store.database.write() as session:
        await transcripts.append(session, bot.id, attempt=1, segment=HELLO)
        marks, since = await live.marks(session, since=0)
        assert [(mark.bot_id, mark.events, mark.segments) for mark in marks] == [(bot.id, 5, 1)]
        await bots.move(session, bot.id, attempt=1, to=BotState.LOST, at=NOW)
        over, _ = await live.marks(session, since=since)
        long_over, _ = await live.marks(session, since=since + live.LOOK_BACK + 1)
    assert [mark.events for mark in over] == [6] and long_over == []
