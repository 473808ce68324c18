"""Messages reach a real receiver: in order, with one id, whatever happens in between. Time is a hand's."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.domain.lifecycle import BotState
from bot.store import webhook_deliveries, webhook_endpoints
from bot.store.webhook_deliveries import DeliveryState
from bot.webhooks.policy import DEFAULT, Policy
from tests.bot.clocks import HandClock, until
from tests.bot.stores import Seeded
from tests.bot.webhooks.receivers import SETTLED, Post, Receiver, post_of, receiving


@pytest.fixture
def post(store: Seeded, tmp_path: Path) -> Post:
    return post_of(store, tmp_path, HandClock())


@pytest.fixture
def alone(sqlite_store: Seeded, tmp_path: Path) -> Post:
    """For what does not depend on the kind of database."""
    return post_of(sqlite_store, tmp_path, HandClock())


async def deliveries(post: Post, endpoint: webhook_endpoints.Endpoint) -> list[webhook_deliveries.Delivery]:
    """Oldest first."""
    async with post.store.database.read() as session:
        found = await webhook_deliveries.list_newest(
            session, endpoint_id=endpoint.id, workspace_id=endpoint.workspace_id, limit=1000
        )
    return found[::-1]


@pytest.mark.slow
@pytest.mark.parallel
async def test_a_receiver_down_for_six_hours_gets_everything_under_the_first_ids_and_in_sequence(post: Post) -> None:
    receiver = Receiver()
    async with receiving(receiver) as url:
        endpoint, _ = await post.endpoint(url)
        await post.bot("before")
        await post.settle()
    for number in range(4):  # nobody listens for six hours
        await post.bot(f"meeting-{number}", BotState.CANCELLED)
        await post.pass_time(hours=1.5)
    made = await deliveries(post, endpoint)
    assert (len(receiver.taken), len(made)) == (1, 9) and sum(one.tries for one in made) >= 1 + 4 * 3
    async with receiving(receiver):
        await post.pass_time(hours=8)
    assert sorted(receiver.ids) == sorted(one.event_id for one in made), "each once, under its id"
    assert sorted(body["sequence"] for body in receiver.bodies) == list(range(1, 10))
    for bot_id in {body["data"]["bot_id"] for body in receiver.bodies}:
        states = [body["data"]["state"] for body in receiver.bodies if body["data"]["bot_id"] == bot_id]
        assert states == ["scheduled", "cancelled"][: len(states)], "a bot's in order"
    assert {one.state for one in await deliveries(post, endpoint)} == {DeliveryState.DELIVERED}
    assert (await post.now(endpoint)).failing_since is None


async def test_a_message_is_thin_and_of_the_standards_form(alone: Post) -> None:
    receiver = Receiver()
    async with receiving(receiver) as url:
        await alone.endpoint(url)
        bot = await alone.bot("abc", BotState.CANCELLED)
        await alone.settle()
    assert receiver.bodies[1] == {
        "type": "bot.cancelled",
        "timestamp": "2026-11-21T10:00:00.000Z",
        "sequence": 2,
        "api_version": "v1",
        "data": {"bot_id": bot.id, "attempt": 0, "state": "cancelled", "code": None, "sub_code": None},
    }
    headers = receiver.taken[1][0]
    assert headers["Content-Type"] == "application/json"
    assert int(headers["webhook-timestamp"]) == int(alone.clock.now().timestamp())


async def test_only_what_is_wanted_and_happened_since_is_told(alone: Post) -> None:
    await alone.bot("old")
    alone.clock.advance(60)
    receiver = Receiver()
    async with receiving(receiver) as url:
        await alone.endpoint(url, events=["bot.cancelled"])
        await alone.bot("new", BotState.CANCELLED)
        await alone.settle()
    assert [body["type"] for body in receiver.bodies] == ["bot.cancelled"]


async def test_one_bots_refused_message_holds_up_that_bot_alone(alone: Post) -> None:
    receiver = Receiver(status=500)
    async with receiving(receiver) as url:
        await alone.endpoint(url)
        stuck = await alone.bot("stuck", BotState.CANCELLED)
        await alone.settle()
        receiver.status = 200
        other = await alone.bot("other", BotState.CANCELLED)
        alone.clock.advance(6)
        await alone.courier.tell()
        async with alone.store.database.write() as session:  # keep the stuck one waiting, as its tries would
            most = {"limit": 99, "per_endpoint": 99, "per_workspace": 99}
            taken = await webhook_deliveries.take(session, now=alone.clock.now(), hide_s=60, **most)
    lanes = [(delivery.lane, delivery.sequence) for delivery, _ in taken]
    assert sorted(lanes) == sorted([(stuck.id, 1), (other.id, 3)])


@pytest.mark.slow
@pytest.mark.parallel
async def test_couriers_beside_each_other_make_and_send_each_message_once(post: Post, tmp_path: Path) -> None:
    receiver = Receiver()
    rivals = [post.courier, *(post_of(post.store, tmp_path, post.clock).courier for _ in range(3))]
    async with receiving(receiver) as url:
        endpoint, _ = await post.endpoint(url)
        for number in range(4):
            await post.bot(f"m-{number}", BotState.CANCELLED)
        post.clock.advance(10)
        await asyncio.gather(*(rival.tell() for rival in rivals))
        for _ in range(3):
            await asyncio.gather(*(rival.deliver() for rival in rivals))
    assert len(await deliveries(post, endpoint)) == 8
    assert sorted(body["sequence"] for body in receiver.bodies) == list(range(1, 9))


@pytest.mark.slow
@pytest.mark.parallel
async def test_a_courier_that_dies_after_sending_repeats_and_loses_nothing(alone: Post, tmp_path: Path) -> None:
    receiver = Receiver()

    class Dies:
        async def request(self, *words, **options):
            await alone.courier._sender.request(*words, **options)
            raise SystemError("killed")

    async with receiving(receiver) as url:
        await alone.endpoint(url)
        await alone.bot("abc")
        alone.clock.advance(10)
        with pytest.raises(BaseExceptionGroup):
            dying = post_of(alone.store, tmp_path, alone.clock, sender=Dies()).courier
            await dying.tell()
            await dying.deliver()
        alone.clock.advance(DEFAULT.hide_s + 1)
        await alone.work()
    assert receiver.ids == receiver.ids[:1] * 2


@pytest.mark.slow
@pytest.mark.parallel
async def test_what_never_arrives_is_given_up_after_three_days_and_the_endpoint_disabled_with_notice(
    post: Post,
) -> None:
    down, watching = Receiver(status=503, says="away\x1b[2J"), Receiver()
    async with receiving(down) as dead_url, receiving(watching) as url:
        dead, _ = await post.endpoint(dead_url)
        await post.endpoint(url, events=["webhook.disabled"])
        bot = await post.bot("abc", BotState.CANCELLED)
        await post.pass_time(hours=74)
        assert (await post.now(dead)).enabled and down.asked == 9
        await post.pass_time(hours=8)
    assert down.asked == len(DEFAULT.waits_s) + 1
    after = await post.now(dead)
    assert (after.enabled, after.disabled_reason) == (False, "unreachable")
    assert [(body["type"], body["data"]) for body in watching.bodies] == [
        ("webhook.disabled", {"endpoint_id": dead.id, "reason": "unreachable"})
    ]
    given_up, held = await deliveries(post, dead)
    assert (given_up.state, held.state, given_up.last_status) == (DeliveryState.FAILED, DeliveryState.HELD, 503)
    async with post.store.database.read() as session:
        log = await webhook_deliveries.log(session, given_up.id)
    assert [(one.number, one.error) for one in log] == [(number, "receiver_failed") for number in range(1, 11)]
    assert log[0].answer == "away [2J" and bot.id in given_up.body


@pytest.mark.slow
@pytest.mark.parallel
async def test_an_endpoint_where_other_messages_arrive_is_not_disabled_for_one_that_does_not(alone: Post) -> None:
    receiver = Receiver(status=500)
    async with receiving(receiver) as url:
        endpoint, _ = await alone.endpoint(url)
        await alone.bot("poison")
        await alone.pass_time(hours=30)
        receiver.status = 200
        async with alone.store.database.write() as session:
            locked = await webhook_endpoints.lock_one(session, endpoint.id, workspace_id=endpoint.workspace_id)
            await webhook_deliveries.add(session, locked, event_type="webhook.test", data={}, now=alone.clock.now())
        await alone.courier.deliver()
        receiver.status = 500
        await alone.pass_time(hours=60)
    states = [one.state for one in await deliveries(alone, endpoint)]
    assert states == [DeliveryState.FAILED, DeliveryState.DELIVERED] and (await alone.now(endpoint)).enabled


async def test_gone_disables_at_once_and_enabling_brings_what_was_held(alone: Post) -> None:
    receiver = Receiver(status=410)
    async with receiving(receiver) as url:
        endpoint, _ = await alone.endpoint(url)
        bot = await alone.bot("abc")
        await alone.settle()
        assert ((await alone.now(endpoint)).disabled_reason, receiver.asked) == ("gone", 1)
        await alone.bot("while-disabled")
        await alone.pass_time(hours=2)
        receiver.status = 200
        async with alone.store.database.write() as session:
            given = {"workspace_id": endpoint.workspace_id, "values": {"enabled": True}, "now": alone.clock.now()}
            await webhook_endpoints.change(session, endpoint.id, **given)
        await alone.work()
    assert [body["sequence"] for body in receiver.bodies] == [2] and bot.id not in receiver.taken[0][1]


async def test_a_receiver_that_asks_for_time_gets_it(alone: Post) -> None:
    receiver = Receiver(status=429, headers={"Retry-After": "3600"})
    async with receiving(receiver) as url:
        endpoint, _ = await alone.endpoint(url)
        await alone.bot("abc")
        await alone.settle()
    [waiting] = await deliveries(alone, endpoint)
    assert (waiting.next_at - alone.clock.now(), waiting.last_error) == (timedelta(hours=1), "asked_to_wait")


async def test_an_address_that_is_not_public_any_more_is_not_asked(alone: Post) -> None:
    receiver = Receiver()
    async with receiving(receiver) as url:
        endpoint, _ = await alone.endpoint(url.replace("127.0.0.1", "127.0.0.2"))
        await alone.bot("abc")
        await alone.settle()
    [waiting] = await deliveries(alone, endpoint)
    assert (receiver.asked, waiting.last_error, waiting.state) == (0, "address_refused", DeliveryState.WAITING)


@pytest.mark.slow
@pytest.mark.parallel
@pytest.mark.parametrize(
    ("endpoints", "policy", "share"),
    [(1, replace(DEFAULT, concurrency=6), DEFAULT.per_endpoint), (2, replace(DEFAULT, per_workspace=5), 5)],
    ids=["of one endpoint", "of one workspace"],
)
async def test_a_slow_receiver_keeps_no_more_than_its_share_busy(
    alone: Post, tmp_path: Path, endpoints: int, policy: Policy, share: int
) -> None:
    let_go = asyncio.Event()

    asked: list[str] = []

    class Slow:
        async def request(self, method, url, **options):
            asked.append(url)
            await let_go.wait()
            return await alone.courier._sender.request(method, url, **options)

    slow = post_of(alone.store, tmp_path, alone.clock, sender=Slow(), policy=policy)
    receiver = Receiver()
    async with receiving(receiver) as url:
        for _ in range(endpoints):
            await slow.endpoint(url)
        for number in range(9):
            await slow.bot(f"m-{number}")
        slow.clock.advance(10)
        await slow.courier.tell()
        async with asyncio.TaskGroup() as group:
            for _ in range(3):
                await slow.courier._start(group)
                await asyncio.sleep(0)
            assert len(asked) == share
            let_go.set()
        await slow.courier.deliver()
    assert len(receiver.taken) == 9 * endpoints


class Stands(HandClock):
    """Whoever sleeps does not wake."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.Event().wait()


async def test_a_backlog_is_worked_off_without_waiting_for_the_next_look(sqlite_store: Seeded, tmp_path: Path) -> None:
    post, receiver = post_of(sqlite_store, tmp_path, Stands()), Receiver()
    async with receiving(receiver) as url:
        await post.endpoint(url)
        for number in range(DEFAULT.per_endpoint + 2):
            await post.bot(str(number), BotState.CANCELLED)
        post.clock.advance(SETTLED.total_seconds())
        await post.courier.tell()
        running = asyncio.create_task(post.courier.run())
        await until(lambda: len(receiver.taken) == 2 * (DEFAULT.per_endpoint + 2))
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_deliveries_of_long_ago_are_dropped_and_what_waits_is_kept(alone: Post) -> None:
    receiver = Receiver()
    async with receiving(receiver) as url:
        endpoint, _ = await alone.endpoint(url)
        await alone.bot("old")
        await alone.settle()
    alone.clock.advance(DEFAULT.keep_s)
    await alone.bot("new")
    alone.clock.advance(10)
    await alone.courier.tell()
    assert await alone.courier.prune() == 1
    assert [one.sequence for one in await deliveries(alone, endpoint)] == [2]


async def test_what_is_held_counts_from_when_it_was_to_be_sent_not_from_when_it_happened(post: Post) -> None:
    receiver = Receiver()
    async with receiving(receiver) as url:
        endpoint, _ = await post.endpoint(url)
        post.clock.advance(1)
        await post.bot("told-late")
        post.clock.advance(DEFAULT.keep_s)  # no courier was there
        mine = {"workspace_id": endpoint.workspace_id, "now": post.clock.now()}
        async with post.store.database.write() as session:
            await webhook_endpoints.change(session, endpoint.id, values={"enabled": False}, **mine)
        await post.courier.tell()
        post.clock.advance(60)
        assert await post.courier.prune() == 0
        mine["now"] = post.clock.now()
        async with post.store.database.write() as session:
            await webhook_endpoints.change(session, endpoint.id, values={"enabled": True}, **mine)
        await post.settle()
    assert len(receiver.taken) == 1
    mine["now"] = post.clock.now()
    async with post.store.database.write() as session:
        await webhook_deliveries.replay(session, endpoint.id, **mine)
        await webhook_endpoints.change(session, endpoint.id, values={"enabled": False}, **mine)
    post.clock.advance(DEFAULT.keep_s)
    assert await post.courier.prune() == 0
    post.clock.advance(60)
    assert await post.courier.prune() == 1, "an endpoint that is disabled for good keeps a month"
