"""Claiming, relaying and reaping, on SQLite and PostgreSQL and a clock moved by hand."""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta
from functools import partial

import pytest

from bot.domain.lifecycle import BotState, Command
from bot.scheduling.dispatcher import Dispatcher
from bot.scheduling.launchers import LaunchRefused
from bot.scheduling.policy import Policy
from bot.scheduling.relay import BrokerUnavailable
from bot.store import bots, leases, tables, webhook_deliveries, webhook_endpoints
from bot.store.session import Database
from tests.bot.clocks import HandClock, until
from tests.bot.stores import NOW

DAY_S = 24 * 3600.0


class Broker:
    """Takes payloads while it is up."""

    def __init__(self) -> None:
        self.up, self.taken = True, []

    def publish(self, payloads):
        if not self.up:
            raise BrokerUnavailable
        self.taken += [(payload["bot_id"], payload["attempt"]) for payload in payloads]


@pytest.fixture
def clock():
    return HandClock()


@pytest.fixture
def broker():
    return Broker()


@pytest.fixture
def dispatcher(store, broker, clock):
    return Dispatcher(store.database, {"bot.claimed": broker.publish}, clock=clock)


async def state_of(store, bot):
    async with store.database.read() as session:
        return await bots.get(session, bot.id)


async def move(store, bot, *states):
    async with store.database.write() as session:
        for state in states:
            bot = await bots.move(session, bot.id, attempt=bot.attempt, to=state, at=NOW)
    return bot


async def test_a_due_bot_is_claimed_and_one_of_tomorrow_is_not(store, dispatcher):
    due = await store.bot("due")
    await store.bot("tomorrow", join_at=NOW + timedelta(days=1))
    assert [(bot.id, bot.attempt, bot.state) for bot in await dispatcher.claim()] == [(due.id, 1, BotState.CLAIMED)]


async def test_the_claims_event_names_the_dispatchers_process(store, dispatcher):
    bot = await store.bot()
    await dispatcher.claim()
    async with store.database.read() as session:
        claim = (await bots.events(session, bot.id))[-1]
    assert (claim.state, claim.data["dispatcher_pid"]) == (BotState.CLAIMED, os.getpid())


async def test_two_dispatchers_at_once_claim_every_bot_exactly_once(store, clock):
    made = {(await store.bot(f"m-{number}")).id for number in range(20)}
    async with Database.open(store.url) as other:
        rivals = [Dispatcher(database, {}, clock=clock) for database in (store.database, other) * 2]
        claims = await asyncio.gather(*(rival.claim() for rival in rivals))
    claimed = [bot.id for claim in claims for bot in claim]
    assert sorted(claimed) == sorted(made)


async def test_a_claim_reaches_the_broker_once_and_is_marked(store, dispatcher, broker, clock):
    bot = await store.bot()
    await dispatcher.dispatch()
    clock.advance(60)
    await dispatcher.relay()
    assert broker.taken == [(bot.id, 1)]


async def test_a_message_the_broker_did_not_take_is_delivered_later(store, dispatcher, broker, clock):
    bot = await store.bot()
    broker.up = False
    await dispatcher.dispatch()
    broker.up = True
    await dispatcher.relay()
    assert broker.taken == []  # still hidden: another relay might be at it
    clock.advance(11)
    await dispatcher.relay()
    assert broker.taken == [(bot.id, 1)]


async def test_a_relay_that_dies_after_delivery_causes_a_repetition_not_a_loss(store, dispatcher, broker, clock):
    def deliver_and_die(payloads):
        broker.publish(payloads)
        raise SystemError("killed")

    bot = await store.bot()
    dying = Dispatcher(store.database, {"bot.claimed": deliver_and_die}, clock=clock)
    with pytest.raises(SystemError):
        await dying.dispatch()
    clock.advance(11)
    await dispatcher.relay()
    assert broker.taken == [(bot.id, 1)] * 2


async def test_a_launch_that_came_to_nothing_is_claimed_again_as_the_next_attempt(store, dispatcher, clock):
    bot = await store.bot()
    await dispatcher.claim()
    clock.advance(61)
    assert await dispatcher.reap() == 1
    again = await dispatcher.claim()
    assert [(one.id, one.attempt) for one in again] == [(bot.id, 2)]


@pytest.mark.parametrize(("command", "code"), [(Command.LEAVE, "asked_to_leave"), (Command.KILL, "killed")])
async def test_a_launch_that_came_to_nothing_after_a_users_stop_is_not_tried_again(
    store, dispatcher, clock, command, code
):
    """The user was told that it worked: no process was there to read it, and none is sent."""
    bot = await store.bot()
    await move(store, (await dispatcher.claim())[0], BotState.STARTING)
    async with store.database.write() as session:
        await leases.ask(session, bot.id, command=command, at=NOW)
    clock.advance(61)
    assert await dispatcher.reap() == 1 and await dispatcher.claim() == []
    seen = await state_of(store, bot)
    assert (seen.state, seen.code, seen.sub_code) == (BotState.CANCELLED, code, "launch_lost")


async def test_a_launch_lost_beyond_the_join_window_is_final(store, dispatcher, clock):
    bot = await store.bot()
    await dispatcher.claim()
    clock.advance(16 * 60)
    await dispatcher.reap()
    seen = await state_of(store, bot)
    assert (seen.state, seen.code) == (BotState.LOST, "join_window_missed")


async def test_a_start_never_heard_of_is_given_up_after_three_attempts(store, dispatcher, clock):
    bot = await store.bot()
    for _ in range(3):
        await move(store, (await dispatcher.claim())[0], BotState.STARTING)
        clock.advance(61)
        await dispatcher.reap()
    seen = await state_of(store, bot)
    assert (seen.state, seen.code, seen.attempt) == (BotState.LOST, "never_started", 3)


async def test_a_bot_that_stops_beating_in_its_meeting_is_lost_with_the_cause_and_fenced(store, dispatcher, clock):
    await store.bot()
    bot = await move(store, (await dispatcher.claim())[0], BotState.STARTING, BotState.JOINING, BotState.IN_CALL)
    async with store.database.write() as session:
        await leases.renew(session, bot.id, attempt=1, pid=77, now=clock.now(), ttl_s=15)
    clock.advance(14)
    assert await dispatcher.reap() == 0
    clock.advance(2)
    assert await dispatcher.reap() == 1
    async with store.database.read() as session:
        event = (await bots.events(session, bot.id))[-1]
    assert (event.state, event.code, event.data["pid"]) == (BotState.LOST, "lease_expired", 77)
    with pytest.raises(bots.Fenced):
        async with store.database.write() as session:
            await leases.renew(session, bot.id, attempt=1, pid=77, now=clock.now(), ttl_s=15)


async def test_two_reapers_at_once_bury_a_bot_once(store, dispatcher, clock):
    bot = await store.bot()
    await dispatcher.claim()
    clock.advance(61)
    await asyncio.gather(dispatcher.reap(), dispatcher.reap())
    async with store.database.read() as session:
        states = [event.state for event in await bots.events(session, bot.id)]
    assert states == [BotState.SCHEDULED, BotState.CLAIMED, BotState.SCHEDULED]


async def test_what_was_sent_long_ago_is_pruned_and_what_waits_is_kept(store, dispatcher, broker, clock):
    await store.bot("old")
    await dispatcher.dispatch()
    await dispatcher.relay()
    clock.advance(8 * 24 * 3600)
    await store.bot("new")
    assert await dispatcher.prune() == 2
    assert await dispatcher.relay() == 1


async def test_what_an_endpoint_was_not_told_of_outlives_a_courier_that_was_away_but_not_for_ever(
    store, dispatcher, clock
):
    async with store.database.write() as session:
        where = {"workspace_id": store.workspace.id, "url": "https://hooks.example.com/", "sealed_secret": "one"}
        await webhook_endpoints.create(session, endpoint_id=tables.new_id(), **where, now=NOW)
    await store.bot("old")
    await dispatcher.relay()
    clock.advance(8 * DAY_S)
    assert await dispatcher.prune() == 0
    async with store.database.write() as session:
        assert await webhook_deliveries.tell(session, now=clock.now(), limit=9) == 1
    clock.advance(6 * DAY_S)
    assert await dispatcher.prune() == 0, "it was told six days ago"
    clock.advance(2 * DAY_S)
    await store.bot("new", at=clock.now())
    await dispatcher.relay()
    assert await dispatcher.prune() == 1
    clock.advance(31 * DAY_S)
    assert await dispatcher.prune() == 1, "no courier has come in a month"


@pytest.mark.slow
@pytest.mark.parallel
async def test_a_bot_of_four_hours_is_handed_to_the_broker_once(sqlite_store, broker, clock):
    """No message waits while it stays, whatever a broker's visibility timeout is."""
    dispatcher = Dispatcher(sqlite_store.database, {"bot.claimed": broker.publish}, clock=clock)
    made = await sqlite_store.bot()
    await dispatcher.dispatch()
    bot = await state_of(sqlite_store, made)
    await move(sqlite_store, bot, BotState.STARTING, BotState.JOINING, BotState.IN_CALL)
    for _ in range(4 * 60 + 1):
        async with sqlite_store.database.write() as session:
            await leases.renew(session, bot.id, attempt=1, pid=7, now=clock.now(), ttl_s=90)
        clock.advance(60)
        assert (await dispatcher.claim(), await dispatcher.reap()) == ([], 0)
        await dispatcher.relay()
    assert broker.taken == [(bot.id, 1)]


async def test_a_launch_that_its_dispatcher_did_not_hand_over_is_handed_over_by_another(
    store, dispatcher, broker, clock
):
    """It was killed between the claim and the broker."""
    bot = await store.bot()
    dying = Dispatcher(store.database, {"bot.claimed": broker.publish}, clock=clock)
    assert [one.id for one in await dying.claim([])] == [bot.id]
    await dispatcher.relay()
    assert broker.taken == []
    clock.advance(11)
    await dispatcher.relay()
    assert broker.taken == [(bot.id, 1)]


async def test_more_than_one_claim_of_bots_is_handed_over_whole(store, broker, clock):
    made = [(await store.bot(f"m-{number}")).id for number in range(7)]
    dispatcher = Dispatcher(store.database, {"bot.claimed": broker.publish}, clock=clock, policy=Policy(claim_limit=3))
    await dispatcher.dispatch()
    assert sorted(bot_id for bot_id, _ in broker.taken) == sorted(made)


async def test_a_bot_whose_time_went_by_is_not_sent_late(store, dispatcher, clock):
    bot = await store.bot()
    clock.advance(16 * 60)
    assert await dispatcher.claim() == []
    assert await dispatcher.reap() == 1
    seen = await state_of(store, bot)
    assert (seen.state, seen.code) == (BotState.FAILED, "join_window_missed")


async def test_a_step_that_fails_is_made_again_and_ends_no_other(sqlite_store, clock):
    def refuse(_payloads):
        raise LaunchRefused

    async def is_claimed(bot):
        return (await state_of(sqlite_store, bot)).state is BotState.CLAIMED

    dispatcher = Dispatcher(sqlite_store.database, {"bot.claimed": refuse}, clock=clock)
    running = asyncio.create_task(dispatcher.run())
    for meeting in ("one", "two"):
        bot = await sqlite_store.bot(meeting)
        await until(partial(is_claimed, bot))
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
