"""Webhooks over the API: made, changed, looked into, sent again; and nobody else's."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from bot.api.webhook_schemas import Message
from bot.store import webhook_deliveries, webhook_endpoints
from bot.store.webhook_deliveries import Attempt, DeliveryState, Verdict
from bot.vault import KEY_FILE, Vault
from tests.bot.stores import NOW, Seeded

URL = "https://hooks.example.com/understudy"
TAKE = {"hide_s": 60, "limit": 99, "per_endpoint": 99, "per_workspace": 9}


@pytest.fixture
def store(sqlite_store: Seeded) -> Seeded:
    """The other database is asked the same in `tests/bot/store/test_webhooks.py`."""
    return sqlite_store


async def made(api: Any, **more: Any) -> dict[str, Any]:
    status, endpoint = await api.ask("POST", "/webhooks", json={"url": URL, **more})
    assert status == 201, endpoint
    return endpoint


async def ended(api: Any, endpoint: dict[str, Any], state: DeliveryState = DeliveryState.FAILED) -> dict[str, Any]:
    """A test message that has come to its end."""
    status, delivery = await api.ask("POST", f"/webhooks/{endpoint['id']}/test")
    assert (status, delivery["state"]) == (202, "waiting")
    async with api.store.database.write() as session:
        for taken, _ in await webhook_deliveries.take(session, now=NOW, **TAKE):
            failed = Attempt(number=1, at=NOW, status=500, error="receiver_failed", answer="oh", duration_ms=7)
            await webhook_deliveries.conclude(session, taken, failed, Verdict(state=state), now=NOW)
    return delivery


async def test_an_endpoint_is_made_with_a_secret_that_is_shown_once_and_kept_sealed(api: Any, tmp_path: Any) -> None:
    endpoint = await made(api, events=["bot.ended", "bot.failed", "bot.ended"], description=" CRM ")
    assert (endpoint["url"], endpoint["events"], endpoint["description"]) == (URL, ["bot.ended", "bot.failed"], "CRM")
    _, shown = await api.ask("GET", f"/webhooks/{endpoint['id']}")
    _, listed = await api.ask("GET", "/webhooks")
    assert listed["data"] == [shown] and shown == {k: v for k, v in endpoint.items() if k != "secret"}
    async with api.store.database.read() as session:
        kept = await webhook_endpoints.get(session, endpoint["id"], workspace_id=api.store.workspace.id)
    assert endpoint["secret"].removeprefix("whsec_") not in kept.sealed_secret and kept.sealed_secret not in repr(kept)
    vault = Vault(tmp_path / KEY_FILE)
    assert vault.open(kept.sealed_secret, place=webhook_endpoints.place(kept.id)) == endpoint["secret"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"url": "https://169.254.169.254/latest"}, "address_refused"),
        ({"url": "http://hooks.example.com/"}, "address_refused"),
        ({"url": "https://localhost/"}, "address_refused"),
        ({"url": URL, "events": ["bot.exploded"]}, "invalid_request"),
        ({"url": URL, "secret": "mine"}, "invalid_request"),
        ({}, "invalid_request"),
    ],
)
async def test_an_endpoint_that_cannot_be_is_refused(api: Any, body: dict[str, Any], code: str) -> None:
    status, problem = await api.ask("POST", "/webhooks", json=body)
    assert (status, problem["code"]) == (422, code)


async def test_a_change_keeps_what_it_does_not_name_and_is_judged_too(api: Any) -> None:
    endpoint = await made(api, events=["bot.ended"])
    where = f"/webhooks/{endpoint['id']}"
    _, changed = await api.ask("PATCH", where, json={"url": "https://Other.example.com"})
    assert (changed["url"], changed["events"], changed["enabled"]) == (
        "https://other.example.com/",
        ["bot.ended"],
        True,
    )
    assert (await api.ask("PATCH", where, json={"url": "https://10.0.0.1/"}))[1]["code"] == "address_refused"
    _, disabled = await api.ask("PATCH", where, json={"enabled": False, "events": []})
    assert (disabled["enabled"], disabled["disabled_reason"], disabled["events"]) == (False, "by_user", [])
    for path in ("test", "replay"):
        status, problem = await api.ask("POST", f"{where}/{path}", json={"since": str(NOW)} if path == "replay" else {})
        assert (status, problem["code"]) == (409, "endpoint_disabled")
    _, enabled = await api.ask("PATCH", where, json={"enabled": True})
    assert (enabled["enabled"], enabled["disabled_reason"], enabled["disabled_at"]) == (True, None, None)


async def test_a_new_secret_leaves_the_old_one_good_for_as_long_as_asked(api: Any) -> None:
    endpoint = await made(api)
    where = f"/webhooks/{endpoint['id']}/rotate-secret"
    status, rotated = await api.ask("POST", where, json={"overlap_s": 3600})
    assert status == 200 and rotated["secret"] != endpoint["secret"]
    assert rotated["previous_secret_until"].startswith((NOW + timedelta(hours=1)).isoformat()[:19])
    assert (await api.ask("POST", where, json={"overlap_s": 10**7}))[0] == 422


async def test_a_delivery_shows_its_message_and_attempts_and_is_sent_again_under_its_id(api: Any) -> None:
    endpoint = await made(api)
    delivery = await ended(api, endpoint)
    where = f"/webhooks/{endpoint['id']}/deliveries"
    _, detail = await api.ask("GET", f"{where}/{delivery['id']}")
    assert (detail["state"], detail["body"]["type"], detail["next_at"]) == ("failed", "webhook.test", None)
    assert [(one["number"], one["status"], one["answer"]) for one in detail["attempts"]] == [(1, 500, "oh")]
    status, again = await api.ask("POST", f"{where}/{delivery['id']}/replay")
    assert (status, again["state"], again["event_id"]) == (202, "waiting", delivery["event_id"])
    assert (await api.ask("POST", f"{where}/{endpoint['id']}/replay"))[1]["code"] == "unknown_delivery"


async def test_what_happened_since_a_time_is_sent_again_by_state(api: Any) -> None:
    endpoint = await made(api)
    await ended(api, endpoint)
    await ended(api, endpoint, DeliveryState.DELIVERED)
    where = f"/webhooks/{endpoint['id']}/replay"
    later = (NOW + timedelta(seconds=1)).isoformat()
    asked = [{"since": later}, {"since": NOW.isoformat(), "state": "failed"}, {"since": NOW.isoformat()}]
    answers = [await api.ask("POST", where, json=body) for body in asked]
    assert [(status, answer["deliveries"]) for status, answer in answers] == [(202, 0), (202, 1), (202, 2)]


async def test_deliveries_are_listed_newest_first_page_by_page(api: Any) -> None:
    endpoint = await made(api)
    for _ in range(3):
        await api.ask("POST", f"/webhooks/{endpoint['id']}/test")
    where = f"/webhooks/{endpoint['id']}/deliveries"
    _, first = await api.ask("GET", f"{where}?limit=2")
    _, rest = await api.ask("GET", f"{where}?limit=2&before=2")
    assert [one["sequence"] for one in first["data"] + rest["data"]] == [3, 2, 1]
    assert (first["has_more"], rest["has_more"]) == (True, False)
    assert (await api.ask("GET", f"{where}?state=failed"))[1]["data"] == []


async def test_what_is_sent_is_what_the_description_says(api: Any) -> None:
    endpoint = await made(api)
    _, bot = await api.ask("POST", "/bots", json=api.new_bot())
    await api.ask("POST", f"/webhooks/{endpoint['id']}/test")
    async with api.store.database.write() as session:
        await webhook_deliveries.tell(session, now=NOW + timedelta(seconds=5), limit=9)
        taken = await webhook_deliveries.take(session, now=NOW + timedelta(seconds=5), **TAKE)
    messages = [Message.model_validate_json(delivery.body) for delivery, _ in taken]
    assert [(one.type, one.sequence) for one in messages] == [("webhook.test", 1), ("bot.scheduled", 2)]
    assert messages[1].data.model_dump() == json.loads(taken[1][0].body)["data"] and bot["id"] in taken[1][0].body


async def test_what_is_removed_is_gone_with_its_deliveries(api: Any) -> None:
    endpoint = await made(api)
    await api.ask("POST", f"/webhooks/{endpoint['id']}/test")
    assert (await api.ask("DELETE", f"/webhooks/{endpoint['id']}"))[0] == 200
    assert (await api.ask("GET", f"/webhooks/{endpoint['id']}"))[1]["code"] == "unknown_endpoint"
    async with api.store.database.read() as session:
        assert not await webhook_deliveries.any_due(session, now=NOW)


async def test_a_workspace_has_a_bounded_number(api: Any) -> None:
    for _ in range(webhook_endpoints.MOST_ENDPOINTS):
        await made(api)
    status, problem = await api.ask("POST", "/webhooks", json={"url": URL})
    assert (status, problem["code"]) == (409, "too_many_endpoints")


async def test_a_delivery_is_not_reached_through_an_endpoint_of_another_workspace(api: Any) -> None:
    endpoint = await made(api)
    delivery = await ended(api, endpoint)
    stranger = await api.with_key(workspace="other")
    mine = await made(stranger)
    for endpoint_id, code in ((mine["id"], "unknown_delivery"), (endpoint["id"], "unknown_endpoint")):
        where = f"/webhooks/{endpoint_id}/deliveries/{delivery['id']}"
        assert (await stranger.ask("GET", where))[1]["code"] == code
        assert (await stranger.ask("POST", f"{where}/replay"))[1]["code"] == code
    assert (await api.ask("GET", f"/webhooks/{endpoint['id']}/deliveries"))[1]["data"][0]["state"] == "failed"


async def test_reading_needs_one_scope_and_changing_another(api: Any) -> None:
    reader = await api.with_key(scopes=("webhooks:read",))
    assert (await reader.ask("GET", "/webhooks"))[0] == 200
    assert (await reader.ask("POST", "/webhooks", json={"url": URL}))[1]["code"] == "insufficient_scope"
