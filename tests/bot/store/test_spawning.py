"""One bot per occurrence, on SQLite and PostgreSQL: who may make one, who is told which one is there."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from bot.domain.lifecycle import BotState, Command
from bot.domain.occurrence import BY_CODE, BY_STATE, RULES, Disposition, may_spawn, settled
from bot.store import bots, leases, occurrences, spawning
from bot.store.session import Database
from bot.store.spawning import Wanted, retime, spawn, withdraw
from tests.bot.stores import NOW

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
START = NOW + HOUR
ENDS = {
    "ended": (BotState.ENDED, "everyone_left", Disposition.SERVED),
    "removed": (BotState.ENDED, "removed_by_host", Disposition.TURNED_AWAY),
    "denied": (BotState.FAILED, "request_denied", Disposition.TURNED_AWAY),
    "broken": (BotState.FAILED, "passcode_wrong", Disposition.FAILED),
    "lost": (BotState.LOST, "lease_expired", Disposition.LOST),
}


def wanted(store, *, join_at=START, **more):
    ours = {"workspace_id": store.workspace.id, "character_id": store.character.id, "bot_name": "Iris"}
    return Wanted(**{**ours, "meeting_url": "https://meet.google.com/abc-defg-hij", "join_at": join_at, **more})


async def sent(store, *, at=NOW, by_rule=True, override=False, **more):
    async with store.database.write() as session:
        return await spawn(session, wanted(store, **more), by_rule=by_rule, override=override, at=at)


async def stop(store, bot_id, at=NOW):
    async with store.database.write() as session:
        return await leases.ask(session, bot_id, command=Command.LEAVE, at=at)


async def end(store, bot, state, code):
    """By the shortest way there."""
    ways = {BotState.ENDED: (BotState.STARTING, BotState.LEAVING, BotState.ENDED)}
    async with store.database.write() as session:
        await leases.claim_due(session, owner="d", data={}, due_by=START, now=START, launch_by=START, limit=9)
        for to in ways.get(state, (state,)):
            await bots.move(session, bot.bot_id, attempt=1, to=to, code=code, at=START)


@pytest.mark.parametrize("disposition", Disposition)
def test_an_override_passes_whatever_became_of_the_occurrence_and_a_rule_only_what_is_open(disposition):
    assert may_spawn(disposition, by_rule=True, override=True) and disposition in RULES
    assert may_spawn(disposition, by_rule=True, override=False) == (disposition is Disposition.OPEN)


@pytest.mark.parametrize("code", [*BY_CODE, *BY_STATE, None])
def test_how_a_bot_ends_takes_back_no_persons_no(code):
    for no in (Disposition.STOPPED, Disposition.TURNED_AWAY):
        assert settled(no, state=BotState.ENDED, code=code) is no


@pytest.mark.slow
@pytest.mark.parallel
async def test_of_a_hundred_who_want_a_bot_at_once_one_makes_it_and_all_are_told_its_id(store):
    async with Database.open(store.url) as other:

        async def one(number):
            spread = timedelta(seconds=number % 100)
            async with (store.database, other)[number % 2].write() as session:
                return await spawn(session, wanted(store, join_at=START + spread), by_rule=number % 3 == 0, at=NOW)

        answers = await asyncio.gather(*map(one, range(100)))
    assert sum(answer.made for answer in answers) == 1
    assert len({answer.bot_id for answer in answers}) == 1
    assert {answer.because for answer in answers if not answer.made} == {"live"}


@pytest.mark.parametrize("minutes", [-5, 0, 5])
async def test_a_start_within_five_minutes_is_the_same_occurrence(store, minutes):
    first = await sent(store)
    again = await sent(store, join_at=START + minutes * MINUTE)
    assert (again.made, again.bot_id, again.because) == (False, first.bot_id, "live")


async def test_a_standing_room_has_a_bot_for_each_of_its_occurrences(store):
    made = [await sent(store, join_at=START + timedelta(days=day)) for day in range(3)]
    assert len({one.bot_id for one in made if one.made}) == 3


async def test_who_sends_a_bot_now_is_told_of_the_one_in_the_room_whatever_it_came_for(store):
    first = await sent(store)
    async with store.database.write() as session:
        await leases.claim_due(session, owner="d", data={}, due_by=START, now=START, launch_by=START, limit=9)
    again = await sent(store, join_at=None, by_rule=False, at=START + HOUR)
    assert (again.made, again.bot_id) == (False, first.bot_id)


@pytest.mark.parametrize("how", ENDS)
async def test_how_the_bot_ended_is_what_the_occurrence_is_and_no_rule_sends_another(store, how):
    state, code, disposition = ENDS[how]
    first = await sent(store)
    await end(store, first, state, code)
    again = await sent(store, at=START)
    assert (again.made, again.bot_id, again.because) == (False, first.bot_id, disposition)
    assert (await sent(store, at=START, override=True)).made


async def test_after_a_users_stop_a_day_of_syncs_and_retries_never_brings_the_bot_back(store):
    first = await sent(store, deduplication_key="event-7")
    await stop(store, first.bot_id)
    for hour in range(24):
        at = NOW + hour * HOUR
        moved = START + 2 * HOUR
        assert not (await sent(store, at=at)).made
        assert not (await sent(store, at=at, join_at=moved, deduplication_key="event-7")).made
        assert not (await sent(store, at=at, by_rule=False)).made
        async with store.database.write() as session:
            claimed = await leases.claim_due(
                session, owner="d", data={}, due_by=at, now=at, launch_by=at, limit=9
            ) + await leases.claim_due(session, owner="e", data={}, due_by=at, now=at, launch_by=at, limit=9)
        assert claimed == []


async def test_a_stop_holds_for_who_sends_a_bot_now_as_long_as_a_meeting_lasts(store):
    first = await sent(store, join_at=None, by_rule=False)
    await stop(store, first.bot_id, at=NOW + 10 * MINUTE)
    soon = await sent(store, join_at=None, by_rule=False, at=NOW + 3 * HOUR)
    assert (soon.made, soon.because, soon.bot_id) == (False, "stopped", first.bot_id)
    assert (await sent(store, join_at=None, by_rule=False, at=NOW + 5 * HOUR)).made


async def test_what_was_withdrawn_comes_back_and_a_users_stop_outweighs_it(store):
    first = await sent(store)
    async with store.database.write() as session:
        assert (await withdraw(session, first.bot_id, by={"by": "calendar"}, at=NOW)).code == "withdrawn"
    second = await sent(store)
    assert second.made and second.occurrence_id == first.occurrence_id
    await stop(store, second.bot_id)
    async with store.database.write() as session:
        await withdraw(session, second.bot_id, by={"by": "calendar"}, at=NOW)
    assert (await sent(store)).because == "stopped"


async def test_a_running_bot_that_was_withdrawn_leaves_its_occurrence_open(store):
    first = await sent(store)
    async with store.database.write() as session:
        await leases.claim_due(session, owner="d", data={}, due_by=START, now=START, launch_by=START, limit=9)
        await bots.move(session, first.bot_id, attempt=1, to=BotState.STARTING, at=START)
        assert (await withdraw(session, first.bot_id, by={}, at=START)).state is BotState.STARTING
        for to, code in ((BotState.LEAVING, None), (BotState.ENDED, "asked_by_user")):
            await bots.move(session, first.bot_id, attempt=1, to=to, code=code, at=START)
        found = await occurrences.get(session, first.occurrence_id)
    assert found.disposition is Disposition.OPEN


async def test_a_deduplication_key_has_one_live_bot_wherever_it_goes(store):
    first = await sent(store, deduplication_key="deal-7")
    elsewhere = await sent(store, deduplication_key="deal-7", meeting_url="https://meet.google.com/xxx-xxxx-xxx")
    assert (elsewhere.made, elsewhere.bot_id, elsewhere.because) == (False, first.bot_id, "live")


async def test_a_bot_that_is_moved_takes_its_occurrence_along(store):
    first = await sent(store)
    async with store.database.write() as session:
        bot = await retime(session, first.bot_id, join_at=START + 3 * HOUR, by={}, at=NOW)
    assert bot.join_at == START + 3 * HOUR and bot.launch_at < bot.join_at
    assert (await sent(store, join_at=START + 3 * HOUR)).bot_id == first.bot_id
    assert (await sent(store)).made


async def test_a_bot_is_not_moved_onto_another_and_not_once_it_joins(store):
    first, second = await sent(store), await sent(store, join_at=START + 3 * HOUR)
    with pytest.raises(bots.MeetingTaken) as taken:
        async with store.database.write() as session:
            await retime(session, second.bot_id, join_at=START + MINUTE, by={}, at=NOW)
    assert taken.value.fields["bot_id"] == first.bot_id
    async with store.database.write() as session:
        await leases.claim_due(session, owner="d", data={}, due_by=START, now=START, launch_by=START, limit=9)
        for state in (BotState.STARTING, BotState.JOINING):
            await bots.move(session, first.bot_id, attempt=1, to=state, at=START)
    with pytest.raises(spawning.AlreadyJoining):
        async with store.database.write() as session:
            await retime(session, first.bot_id, join_at=START + 2 * HOUR, by={}, at=START)


@pytest.mark.parametrize("minutes", [-5, 0, 4])
async def test_no_bot_is_moved_onto_a_meeting_whose_bot_a_user_stopped_unless_it_is_said_to(store, minutes):
    stopped, other = await sent(store), await sent(store, join_at=START + 3 * HOUR)
    await stop(store, stopped.bot_id)

    async def moved(**how):
        async with store.database.write() as session:
            return await retime(session, other.bot_id, join_at=START + minutes * MINUTE, by={}, at=NOW, **how)

    for by_rule in (True, False):
        with pytest.raises(spawning.OccurrenceClosed) as refused:
            await moved(by_rule=by_rule)
        assert refused.value.fields == {"bot_id": stopped.bot_id, "disposition": "stopped"}
    async with store.database.read() as session:
        assert (await bots.get(session, other.bot_id)).join_at == START + 3 * HOUR
    assert (await moved(override=True)).join_at == START + minutes * MINUTE


@pytest.mark.parametrize(("how_it_ended", "how"), [("removed", {"override": True}), ("broken", {})])
async def test_a_bot_that_was_moved_onto_a_closed_meeting_follows_it_as_one_that_was_made_for_it(
    store, how_it_ended, how
):
    state, code, _ = ENDS[how_it_ended]
    first = await sent(store)
    await end(store, first, state, code)
    other = await sent(store, at=START, join_at=START + 3 * HOUR)

    async def moved(to, **how):
        async with store.database.write() as session:
            return await retime(session, other.bot_id, join_at=to, by={}, at=START, **how)

    with pytest.raises(spawning.OccurrenceClosed):
        await moved(START, by_rule=True)
    await moved(START, **how)
    assert (await moved(START + MINUTE, by_rule=True)).join_at == START + MINUTE
    async with store.database.write() as session:
        await withdraw(session, other.bot_id, by={}, at=START)
    assert (await sent(store, at=START, join_at=START)).made, "it was taken back by no person"


async def test_a_bot_that_was_stopped_is_moved_no_more_wherever_it_is(store):
    first = await sent(store)
    async with store.database.write() as session:
        await leases.claim_due(session, owner="d", data={}, due_by=START, now=START, launch_by=START, limit=9)
        await bots.move(session, first.bot_id, attempt=1, to=BotState.STARTING, at=START)
    await stop(store, first.bot_id, at=START)
    for override in (False, True):
        with pytest.raises(spawning.AlreadyJoining):
            async with store.database.write() as session:
                await retime(session, first.bot_id, join_at=START + 3 * HOUR, by={}, override=override, at=START)
    assert (await sent(store, at=START)).because == "live", "its occurrence stays where it was stopped"
    async with store.database.write() as session:
        left = await bots.move(session, first.bot_id, attempt=1, to=BotState.SCHEDULED, code="retimed", at=START)
    assert left.state is BotState.CANCELLED and (await sent(store, at=START)).because == "stopped"


async def test_a_bot_waits_while_another_of_its_workspace_is_in_the_room(store):
    async def due(at):
        async with store.database.write() as session:
            claimed = await leases.claim_due(session, owner="d", data={}, due_by=at, now=at, launch_by=at, limit=9)
        return [bot.id for bot in claimed]

    first, second = await sent(store), await sent(store, join_at=START + 10 * MINUTE)
    assert await due(START + 11 * MINUTE) == [first.bot_id], "both are due, one room"
    assert await due(START + 12 * MINUTE) == []
    async with store.database.write() as session:
        await bots.move(session, first.bot_id, attempt=1, to=BotState.LOST, code="x", at=START)
    assert await due(START + 13 * MINUTE) == [second.bot_id]
