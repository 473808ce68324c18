"""A bot that does not get in: sent again where that can help, and never against anybody's word."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.domain.lifecycle import TERMINAL, BotState, Command, can_move
from bot.domain.occurrence import BY_CODE, Disposition
from bot.domain.retry import BEFORE_THE_CALL, RULES, next_try
from bot.meeting.outcome import FAILURES, REASONS, REFUSALS
from bot.store import bots, endings, leases, occurrences
from connectors.base import Refusal
from tests.bot.stores import NOW

FULL = "meeting_full"
OURS = {"asked_to_leave", "withdrawn", "already_there"}  # codes that no bot's process gives


async def joining(store, *, at=NOW, **options):
    if at == NOW:
        await store.bot(**options)
    async with store.database.write() as session:
        (bot,) = await leases.claim_due(session, owner="d", data={}, due_by=at, now=at, launch_by=at, limit=9)
        for state in (BotState.STARTING, BotState.JOINING):
            await bots.move(session, bot.id, attempt=bot.attempt, to=state, at=at)
    return bot


async def fail(store, bot, *, code=FULL, at=NOW):
    async with store.database.write() as session:
        return await endings.fail(session, bot.id, attempt=bot.attempt, code=code, detail="Full.", at=at)


def test_only_what_the_outcomes_call_retryable_is_tried_again_and_every_code_is_one_there_is():
    retryable = {refusal.value for refusal, outcome in REFUSALS.items() if outcome.retryable}
    assert RULES.keys() == retryable
    assert BY_CODE.keys() <= {refusal.value for refusal in Refusal} | FAILURES.keys() | REASONS.keys() | OURS


@pytest.mark.parametrize("state", BotState)
def test_a_bot_is_sent_again_only_from_states_before_the_call(state):
    again = next_try(FULL, state=state, tries=0, join_at=NOW, now=NOW)
    assert (again is not None) == (state in BEFORE_THE_CALL)
    assert again is None or can_move(state, BotState.SCHEDULED)


@pytest.mark.parametrize("code", RULES)
def test_tries_end_with_the_table_or_the_join_window(code):
    pauses_s, now, tries = RULES[code].pauses_s, NOW, 0
    while (again := next_try(code, state=BotState.JOINING, tries=tries, join_at=NOW, now=now)) is not None:
        assert again - now == timedelta(seconds=pauses_s[tries])
        now, tries = again, tries + 1
    assert tries == len(pauses_s) and now - NOW <= timedelta(minutes=15)
    late = NOW + timedelta(minutes=14, seconds=50)
    assert next_try(code, state=BotState.JOINING, tries=0, join_at=NOW, now=late) is None


async def test_a_full_meeting_is_tried_again_as_the_next_attempt_and_then_reported(store):
    bot, at = await joining(store), NOW
    for tries, pause_s in enumerate(RULES[FULL].pauses_s, start=1):
        again = await fail(store, bot, at=at)
        assert (again.state, again.code, again.tries) == (BotState.SCHEDULED, FULL, tries)
        at += timedelta(seconds=pause_s)
        assert again.launch_at == at
        bot = await joining(store, at=at)
    failed = await fail(store, bot, at=at)
    assert (failed.state, failed.code, failed.attempt) == (BotState.FAILED, FULL, len(RULES[FULL].pauses_s) + 1)


async def test_while_it_is_to_be_tried_again_the_occurrence_says_so_and_holds_its_bot(store):
    bot = await joining(store)
    await fail(store, bot)
    async with store.database.read() as session:
        found = await occurrences.get(session, bot.occurrence_id)
    assert (found.disposition, found.code, found.bot_id) == (Disposition.RETRIED, FULL, bot.id)
    with pytest.raises(bots.MeetingTaken):
        await store.bot()


@pytest.mark.parametrize("command", Command)
async def test_a_bot_that_was_asked_to_leave_is_not_sent_again(store, command):
    bot = await joining(store)
    async with store.database.write() as session:
        await leases.ask(session, bot.id, command=command, at=NOW)
    assert (await fail(store, bot)).state is BotState.FAILED


async def test_one_that_waits_for_another_try_is_cancelled_by_a_stop(store):
    bot = await joining(store)
    await fail(store, bot)
    async with store.database.write() as session:
        stopped = await leases.ask(session, bot.id, command=Command.LEAVE, at=NOW)
    assert stopped.state is BotState.CANCELLED


async def test_a_denial_is_never_tried_again(store):
    assert (await fail(store, await joining(store), code="request_denied")).state in TERMINAL


async def test_an_overtaken_process_sends_nobody_again(store):
    bot = await joining(store)
    await fail(store, bot)
    await joining(store, at=NOW + timedelta(seconds=60))
    with pytest.raises(bots.Fenced):
        await fail(store, bot, at=NOW + timedelta(seconds=61))


async def test_a_bot_whose_time_went_by_is_not_sent_late_but_told_with_the_cause(store):
    await store.bot("a")
    held = await store.bot("b", join_at=NOW + timedelta(minutes=10))
    late = NOW + timedelta(minutes=16)
    async with store.database.write() as session:
        assert await leases.claim_due(session, owner="d", data={}, due_by=late, now=late, launch_by=late, limit=9) != []
        (missed,) = await endings.missed(session, now=late, limit=9)
        ended = await endings.give_up(session, missed, now=late)
        assert await endings.give_up(session, held.id, now=late) is None
    assert (ended.state, ended.code) == (BotState.FAILED, "join_window_missed")


async def test_a_bot_that_waited_for_its_room_in_vain_is_told_which_one_was_there(store):
    first = await joining(store)
    second = await store.bot(join_at=NOW + timedelta(minutes=10))
    late = NOW + timedelta(minutes=26)
    async with store.database.write() as session:
        ended = await endings.give_up(session, second.id, now=late)
        events = await bots.events(session, second.id)
        found = await occurrences.get(session, second.occurrence_id)
    assert (ended.code, events[-1].data) == ("already_there", {"bot_in_room": first.id})
    assert found.disposition is Disposition.SERVED
