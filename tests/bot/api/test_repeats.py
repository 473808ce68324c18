"""Idempotency-Key, rate limits and the audit trail: what holds for every route that changes something."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from aiohttp.test_utils import TestClient, TestServer, make_mocked_request

from bot.api.app import make_app
from bot.api.rates import Rates
from bot.api.repeats import Repeat, Sent, once
from bot.store import audit, idempotency
from bot.store.trail_tables import audit_entries, idempotent_requests
from bot.vault import Vault
from tests.bot.api.conftest import Api
from tests.bot.stores import NOW

KEY = {"Idempotency-Key": "order-7"}


async def bots_of(api):
    _, listed = await api.ask("GET", "/bots")
    return [bot["id"] for bot in listed["data"]]


async def test_a_request_that_is_sent_again_with_its_key_is_answered_as_before_and_done_once(api):
    body = {"json": api.new_bot(), "headers": KEY}
    first, again = await api.ask("POST", "/bots", **body), await api.ask("POST", "/bots", **body)
    assert first[0] == 201 and again == first
    assert await bots_of(api) == [first[1]["id"]]


async def test_of_many_at_once_with_one_key_one_is_done_and_no_answer_is_another_bot(api):
    body = {"json": api.new_bot(), "headers": KEY}
    answers = await asyncio.gather(*(api.ask("POST", "/bots", **body) for _ in range(20)))
    (bot_id,) = await bots_of(api)
    assert {answer["id"] for status, answer in answers if status == 201} == {bot_id}
    assert {answer["code"] for status, answer in answers if status != 201} <= {"request_in_progress"}


async def test_a_key_that_comes_with_another_request_is_refused(api):
    await api.ask("POST", "/bots", json=api.new_bot(), headers=KEY)
    status, problem = await api.ask("POST", "/bots", json=api.new_bot(bot_name="Bob"), headers=KEY)
    assert (status, problem["code"]) == (422, "idempotency_key_reused")


async def test_what_failed_is_done_when_it_is_sent_again(api):
    _, first = await api.ask("POST", "/bots", json=api.new_bot())
    assert (await api.ask("POST", "/bots", json=api.new_bot(), headers=KEY))[0] == 409
    await api.ask("POST", f"/bots/{first['id']}/leave")
    status, problem = await api.ask("POST", "/bots", json=api.new_bot(), headers=KEY)
    assert (status, problem["code"], problem["disposition"]) == (409, "occurrence_closed", "stopped")
    status, second = await api.ask("POST", "/bots", json=api.new_bot(override=True), headers=KEY)
    assert status == 201 and second["id"] != first["id"]


async def test_a_claim_whose_process_died_is_taken_over_and_a_days_old_key_is_free(sqlite_store):
    async def claim(after_s=0.0, fingerprint="a"):
        async with sqlite_store.database.write() as session:
            mine = {"workspace_id": sqlite_store.workspace.id, "key": "k", "fingerprint": fingerprint}
            return await idempotency.claim(session, **mine, now=NOW + timedelta(seconds=after_s))

    first = await claim()
    with pytest.raises(idempotency.StillRunning):
        await claim(59)
    assert (await claim(61)).id == first.id
    assert (await claim(2 * 86400, "b")).sealed_answer is None


class Died(Exception):
    pass


async def test_what_was_done_before_its_process_died_is_not_done_again(sqlite_store, tmp_path):
    request = make_mocked_request("POST", "/bots", headers=KEY)
    sent = Sent(workspace_id=sqlite_store.workspace.id, raw=b"{}", now=NOW)
    done = []

    async def ask(dies):
        repeat = Repeat(Vault(tmp_path / "keys"), status=201)

        async def do():
            async with sqlite_store.database.write() as session:
                done.append(1)
                await repeat.keep(session, '{"id": "b"}')
            raise dies

        return await once(request, sent, sqlite_store.database, repeat, do)

    with pytest.raises(Died):
        await ask(Died())
    again = await ask(Died())
    assert (again.status, again.text, len(done)) == (201, '{"id": "b"}', 1)


async def test_no_kept_answer_can_be_read_from_the_database(api):
    body = {"json": {"url": "https://hooks.example.com/"}, "headers": KEY}
    _, hook = await api.ask("POST", "/webhooks", **body)
    assert (await api.ask("POST", "/webhooks", **body))[1] == hook
    async with api.store.database.read() as session:
        rows = (await session.execute(sa.select(idempotent_requests))).all()
    assert hook["secret"] and hook["secret"] not in str(rows)


@pytest.mark.parametrize("key", ["", "x" * 256, "n\u00e4", "a b"])
async def test_a_key_that_cannot_be_one_is_named(api, key):
    status, problem = await api.ask("POST", "/bots", json=api.new_bot(), headers={"Idempotency-Key": key})
    assert (status, problem["errors"][0]["pointer"]) == (422, "header/Idempotency-Key")


async def test_deeds_are_written_down_in_a_chain_with_who_did_them_and_reading_is_not(api):
    _, bot = await api.ask("POST", "/bots", json=api.new_bot())
    await api.ask("POST", "/bots", json=api.new_bot())
    await api.ask("POST", f"/bots/{bot['id']}/leave")
    status, trail = await api.ask("GET", "/audit")
    assert status == 200
    assert [(one["action"], one["object"]) for one in trail["data"]] == [
        ("create_bot", "/bots"),
        ("make_bot_leave", f"/bots/{bot['id']}/leave"),
    ]
    assert trail["data"][0]["actor"]["key_name"] == "test"
    assert trail["data"][1]["previous_sha256"] == trail["data"][0]["sha256"]
    assert (await api.ask("GET", "/audit?after=1"))[1]["data"] == trail["data"][1:]
    none = await api.with_key(workspace="other")
    assert (await none.ask("GET", "/audit"))[1]["data"] == []


@pytest.mark.parametrize("change", [{"action": "nothing"}, {"details": {}}, {"sequence": 9}, None])
async def test_an_entry_that_is_changed_or_taken_out_breaks_the_chain_there(store, change):
    mine = {"workspace_id": store.workspace.id}
    async with store.database.write() as session:
        for number in range(4):
            said = {"object": f"/{number}", "actor": {"by": "test"}, "details": {"n": number}}
            await audit.add(session, **mine, action="kill_bot", **said, at=NOW)
        assert await audit.broken_at(session, **mine) is None
        third = audit_entries.c.sequence == 3
        spoil = sa.update(audit_entries).values(**change) if change else sa.delete(audit_entries)
        await session.execute(spoil.where(third))
        assert await audit.broken_at(session, **mine) == 3


async def test_who_asks_too_often_is_told_how_long_to_wait_and_the_kill_switch_is_never_limited(sqlite_store, tmp_path):
    now_s = 0.0
    rates = Rates(lambda: now_s, reads=3, writes=1)
    app = make_app(sqlite_store.database, home=tmp_path, split=lambda name, text: [], rates=rates)
    async with TestClient(TestServer(app)) as client:
        api = await Api(client=client, store=sqlite_store, key="").with_key()
        headers = {"Authorization": f"Bearer {api.key}"}
        answers = [await client.get("/api/v1/bots", headers=headers) for _ in range(4)]
        assert [answer.status for answer in answers] == [200, 200, 200, 429]
        assert answers[0].headers["RateLimit-Policy"] == '"read";q=3;w=60'
        assert answers[0].headers["RateLimit"] == '"read";r=2;t=20'
        assert (answers[3].headers["Retry-After"], answers[3].headers["RateLimit"]) == ("20", '"read";r=0;t=60')
        assert [(await api.ask("POST", "/kill", json={}))[0] for _ in range(5)] == [202] * 5
        assert [(await api.ask("GET", "/bots/none/picture"))[0] for _ in range(4)] == [404, 404, 404, 429]
        assert (await (replace(api, key=(await api.with_key()).key)).ask("GET", "/bots"))[0] == 200
        now_s = 20.0
        assert (await api.ask("GET", "/bots"))[0] == 200
