"""Turn records through the API: in pages, as JSON Lines, with and without words."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientError, web
from aiohttp.test_utils import TestClient, TestServer
from pydantic import BaseModel

from bot.api.handlers.bots import EXPORT_PAGE
from bot.api.problems import REQUEST_ID, problems
from bot.api.rates import Rates
from bot.api.routes import LINES_AT_ONCE, RATES, SERVICES, Call, Route, Services, endpoint
from bot.clock import RealClock
from bot.store import tables, turns
from bot.store.session import DatabaseUnavailable
from bot.vault import Vault
from tests.bot.store.test_bots import claimed


class Word(BaseModel):
    text: str


async def kept_turns(api, count: int) -> str:
    bot = await claimed(api.store)
    record = {"version": 1, "question": "who is Bob", "answer": "Nobody.", "latency_device_ms": 900.0}
    async with api.store.database.write() as session:
        row = {"bot_id": bot.id, "workspace_id": bot.workspace_id, "attempt": 1}
        rows = [{**row, "epoch": epoch, "record": record | {"epoch": epoch}} for epoch in range(1, count + 1)]
        await session.execute(tables.turn_records.insert(), rows)
        await turns.record(session, bot.id, attempt=1, epoch=None, record={"decision": "ignore", "heard": "hm"})
    return bot.id


async def lines(api, path: str) -> list[dict[str, Any]]:
    async with api.client.get(f"/api/v1{path}", headers={"Authorization": f"Bearer {api.key}"}) as response:
        assert (response.status, response.content_type) == (200, "application/jsonl")
        assert response.headers["X-Request-Id"] and response.headers["Cache-Control"] == "no-store"
        return [json.loads(line) for line in (await response.text()).splitlines()]


async def test_turns_are_exported_line_by_line_over_page_ends(api):
    bot_id = await kept_turns(api, EXPORT_PAGE + 3)
    exported = await lines(api, f"/bots/{bot_id}/turns.jsonl")
    assert [turn["epoch"] for turn in exported] == [*range(1, EXPORT_PAGE + 4), None]
    _, listed = await api.ask("GET", f"/bots/{bot_id}/turns?after={exported[1]['sequence']}&limit=2")
    assert listed["data"] == exported[2:4]


async def test_an_export_without_words_has_none(api):
    bot_id = await kept_turns(api, 1)
    answer, remark = await lines(api, f"/bots/{bot_id}/turns.jsonl?words=false")
    assert answer["record"] == {"version": 1, "latency_device_ms": 900.0, "epoch": 1}
    assert remark["record"] == {"decision": "ignore"}


async def test_a_bot_without_turns_exports_nothing(api):
    bot = await claimed(api.store)
    assert await lines(api, f"/bots/{bot.id}/turns.jsonl") == []


@pytest.mark.parametrize(("path", "status"), [("/bots/none/turns.jsonl", 404), ("/bots/x/turns.jsonl?limit=1", 422)])
async def test_what_is_wrong_with_an_export_is_a_problem(api, path, status):
    answer, problem = await api.ask("GET", path)
    assert answer == problem["status"] == status


async def _broken(_call: Call[Any, Any, Any]) -> AsyncIterator[Word]:
    for _ in range(3):
        yield Word(text="x" * LINES_AT_ONCE)
    raise DatabaseUnavailable


@web.middleware
async def _numbered(request: web.Request, handler: Any) -> Any:
    request[REQUEST_ID] = "1"
    return await handler(request)


async def test_an_export_that_breaks_is_not_taken_for_a_whole_one(api):
    route = Route(method="GET", path="", name="b", summary="", tag="", scope="bots:read", answer=Word, lines=_broken)
    app = web.Application(middlewares=[_numbered, problems])
    database = api.store.database
    services = {"home": Path(), "split": lambda name, text: [], "vault": Vault(Path("nowhere"))}
    app[SERVICES] = Services(database=database, clock=RealClock(), **services)
    app[RATES] = Rates(RealClock().monotonic_s, reads=0, writes=0)
    app.router.add_get("/", endpoint(route))
    async with TestClient(TestServer(app)) as client:
        with pytest.raises(ClientError):
            async with client.get("/", headers={"Authorization": f"Bearer {api.key}"}) as response:
                await response.read()
