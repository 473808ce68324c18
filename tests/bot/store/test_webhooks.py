"""Endpoints and deliveries on each database: what the API and the command line ask of them."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from bot.domain.lifecycle import BotState
from bot.store import bots, outbox, sealed, tables, webhook_deliveries, webhook_endpoints
from bot.store.webhook_deliveries import Attempt, DeliveryState, EndpointDisabled, UnknownDelivery, Verdict
from bot.store.webhook_endpoints import Endpoint, TooManyEndpoints, UnknownEndpoint
from tests.bot.stores import NOW, Seeded

LATER = NOW + timedelta(seconds=webhook_deliveries.SETTLED_AFTER_S)


async def endpoint_of(store: Seeded, **options: Any) -> Endpoint:
    given = {"url": "https://hooks.example.com/", "sealed_secret": "one", "now": NOW, **options}
    async with store.database.write() as session:
        return await webhook_endpoints.create(
            session, workspace_id=store.workspace.id, endpoint_id=tables.new_id(), **given
        )


async def told(store: Seeded) -> int:
    async with store.database.write() as session:
        return await webhook_deliveries.tell(session, now=LATER, limit=100)


async def listed(store: Seeded, endpoint: Endpoint, **options: Any) -> list[tuple[int, str]]:
    async with store.database.read() as session:
        found = await webhook_deliveries.list_newest(
            session, endpoint_id=endpoint.id, workspace_id=endpoint.workspace_id, limit=9, **options
        )
    return [(one.sequence, one.state) for one in found]


@pytest.mark.slow
@pytest.mark.parallel
async def test_an_endpoint_is_changed_rotated_held_replayed_and_removed(store: Seeded) -> None:
    endpoint = await endpoint_of(store)
    mine = {"workspace_id": endpoint.workspace_id, "now": NOW}
    await store.bot()
    assert (await told(store), await told(store)) == (1, 0)
    async with store.database.write() as session:
        await webhook_endpoints.change(session, endpoint.id, values={"enabled": False, "events": ["bot.lost"]}, **mine)
    assert await listed(store, endpoint) == [(1, "held")] == await listed(store, endpoint, state=DeliveryState.HELD)
    with pytest.raises(EndpointDisabled):
        async with store.database.write() as session:
            await webhook_deliveries.replay(session, endpoint.id, **mine)
    async with store.database.write() as session:
        changed = await webhook_endpoints.change(session, endpoint.id, values={"enabled": True}, **mine)
        again = await webhook_deliveries.replay(session, endpoint.id, since=NOW, **mine)
        rotated = await webhook_endpoints.rotate(session, endpoint.id, sealed_secret="two", previous_until=NOW, **mine)
    assert (changed.events, again, rotated.sealed_secret, rotated.sealed_previous) == (["bot.lost"], 1, "two", "one")
    assert await listed(store, endpoint, before=2) == [(1, "waiting")] and await listed(store, endpoint, before=1) == []
    assert await sealed.reseal(store.database, str.upper) == 2
    async with store.database.write() as session:
        removed = await webhook_endpoints.remove(session, endpoint.id, workspace_id=endpoint.workspace_id)
        assert removed.sealed_secret == "TWO" and not await webhook_deliveries.any_due(session, now=LATER)
        with pytest.raises(UnknownEndpoint):
            await webhook_endpoints.lock_one(session, endpoint.id, workspace_id=endpoint.workspace_id)


@pytest.mark.slow
@pytest.mark.parallel
async def test_a_result_that_comes_too_late_changes_nothing(store: Seeded) -> None:
    endpoint = await endpoint_of(store)
    await store.bot()
    await told(store)
    takes = []
    for seconds in (0, 61):
        async with store.database.write() as session:
            now = LATER + timedelta(seconds=seconds)
            takes += await webhook_deliveries.take(
                session, now=now, hide_s=60, limit=9, per_endpoint=9, per_workspace=9
            )
    (late, _), (current, _) = takes
    arrived = Attempt(number=1, at=NOW, status=200, error=None, answer="", duration_ms=1)
    async with store.database.write() as session:
        await webhook_deliveries.conclude(session, late, arrived, Verdict(state=DeliveryState.FAILED), now=NOW)
        assert await webhook_deliveries.log(session, late.id) == []
        await webhook_deliveries.conclude(session, current, arrived, Verdict(state=DeliveryState.DELIVERED), now=NOW)
        assert len(await webhook_deliveries.log(session, late.id)) == 1
        with pytest.raises(UnknownDelivery):
            await webhook_deliveries.get(session, late.id, endpoint_id=endpoint.id, workspace_id=tables.new_id())
    assert await listed(store, endpoint) == [(1, "delivered")]


@pytest.mark.slow
@pytest.mark.parallel
async def test_two_that_add_the_last_endpoint_at_once_do_not_both(store: Seeded) -> None:
    for _ in range(webhook_endpoints.MOST_ENDPOINTS - 1):
        await endpoint_of(store)
    made = await asyncio.gather(endpoint_of(store), endpoint_of(store), return_exceptions=True)
    assert sorted(type(one).__name__ for one in made) == ["Endpoint", TooManyEndpoints.__name__]


async def test_a_bots_rows_do_not_overtake_one_the_relay_still_has(sqlite_store: Seeded) -> None:
    endpoint = await endpoint_of(sqlite_store)
    bot = await sqlite_store.bot()
    database, soon = sqlite_store.database, NOW + timedelta(seconds=1)
    async with database.write() as session:
        [first] = await outbox.take(session, now=NOW, hide_s=10, limit=9)
        await bots.move(session, bot.id, attempt=0, to=BotState.CANCELLED, at=NOW)
        [second] = await outbox.take(session, now=NOW, hide_s=10, limit=9)
        await outbox.mark_sent(session, [second.id], now=NOW)
        assert await webhook_deliveries.tell(session, now=soon, limit=9) == 0
        await outbox.mark_sent(session, [first.id], now=NOW)
        assert await webhook_deliveries.tell(session, now=soon, limit=9) == 2
    assert [sequence for sequence, _ in await listed(sqlite_store, endpoint)] == [2, 1]
