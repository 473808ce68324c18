"""The client against a small API of the same shape."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.errors import Unavailable
from bot.rehearsal.client import PAGE, ApiSaidNo, Client, TookTooLong

KEY = "k"
COUNTED = """# TYPE understudy_turns_total counter
understudy_turns_total{decision="answer",reason="alone"} 3.0
understudy_turns_total{decision="ignore",reason="no_words"} 2.0
"""


class SmallApi:
    """One bot whose states follow each other, one a look, and that has many events."""

    def __init__(self, states: list[str], events: int = 0) -> None:
        self.states, self.events = states, [{"sequence": number + 1, "data": {}} for number in range(events)]

    async def show(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {KEY}":
            return web.json_response({"title": "Unauthorized", "detail": "The key opens nothing."}, status=401)
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        return web.json_response({"id": request.match_info["bot"], "state": state})

    async def numbered(self, request: web.Request) -> web.Response:
        after, limit = int(request.query["after"]), int(request.query["limit"])
        return web.json_response({"data": self.events[after : after + limit]})


@asynccontextmanager
async def served(api: SmallApi, *, key: str = KEY, metrics: int = 200) -> AsyncIterator[Client]:
    async def counted(_request: web.Request) -> web.Response:
        return web.Response(text=COUNTED, status=metrics)

    app = web.Application()
    app.router.add_get("/metrics", counted)
    app.router.add_get("/api/v1/bots/{bot}", api.show)
    for numbered in ("events", "transcript"):
        app.router.add_get(f"/api/v1/bots/{{bot}}/{numbered}", api.numbered)
    async with TestServer(app) as server, Client(str(server.make_url("/")), key) as client:
        yield client


async def test_a_state_is_waited_for_and_each_one_is_told() -> None:
    seen: list[str] = []
    async with served(SmallApi(["scheduled", "joining", "in_call"])) as client:
        bot = await client.until_state("b", {"in_call"}, timeout_s=10, seen=seen.append)
    assert bot["state"] == "in_call" and seen == ["scheduled", "joining", "in_call"]


async def test_a_final_state_ends_the_wait_and_a_stuck_bot_is_told() -> None:
    async with served(SmallApi(["failed"])) as client:
        assert (await client.until_state("b", {"in_call"}, timeout_s=10))["state"] == "failed"
    async with served(SmallApi(["joining"])) as client:
        with pytest.raises(TookTooLong, match="still 'joining'"):
            await client.until_state("b", {"in_call"}, timeout_s=0)


async def test_lists_are_read_to_their_end() -> None:
    async with served(SmallApi(["in_call"], events=2 * PAGE + 3)) as client:
        events: list[dict[str, Any]] = await client.events("b")
    assert [event["sequence"] for event in events] == list(range(1, 2 * PAGE + 4))


async def test_a_line_that_a_later_page_corrects_is_not_in_the_transcript() -> None:
    api = SmallApi(["in_call"], events=PAGE + 2)
    for one, text in zip(
        api.events, ["gone", "two", "kept"] + ["more"] * (PAGE - 3) + ["", "instead of two"], strict=True
    ):
        one |= {"text": text, "supersedes": None}
    api.events[-2]["supersedes"], api.events[-1]["supersedes"] = 1, 2
    async with served(api) as client:
        said = await client.transcript("b")
    assert [one["text"] for one in said] == ["kept"] + ["more"] * (PAGE - 3) + ["instead of two"]


async def test_turns_are_counted_by_the_metrics_where_they_are_shown() -> None:
    async with served(SmallApi(["in_call"])) as client:
        assert await client.counted_turns() == 5.0


async def test_metrics_that_are_not_shown_count_nothing() -> None:
    async with served(SmallApi(["in_call"]), metrics=404) as client:
        assert await client.counted_turns() is None


async def test_a_refusal_carries_the_apis_own_words() -> None:
    async with served(SmallApi(["in_call"]), key="wrong") as client:
        with pytest.raises(ApiSaidNo, match="401: The key opens nothing") as refused:
            await client.bot("b")
    assert refused.value.status == 401


async def test_an_api_that_is_not_there_is_unavailable() -> None:
    async with Client("http://127.0.0.1:1", KEY) as client:
        with pytest.raises(Unavailable, match="does not answer"):
            await client.bot("b")
