"""The Python client and its command line against a real server: typed, paged, repeated where that is safe."""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.client import ApiError, ApiUnreachable, Client, first
from bot.commands import bots as command
from bot.config import Settings
from bot.domain.lifecycle import BotState
from bot.store import bots, leases
from tests.bot.api.dashboard_server import dashboard_on
from tests.bot.api.test_live import key_of
from tests.bot.clocks import HandClock
from tests.bot.stores import NOW, Seeded

LINK = "https://meet.google.com/abc-defg-hij"


class Served:
    def __init__(self, url: str, key: str, store: Seeded) -> None:
        self.url, self.key, self.store = url, key, store

    def client(self, url: str = "") -> Client:
        return Client(url or self.url, self.key, clock=HandClock())

    async def command(self, home: Path, *words: str) -> None:
        (home / "key").write_text(self.key)
        parser = argparse.ArgumentParser()
        command.arguments(parser)
        given = ["--api", self.url, "--key-file", str(home / "key"), *words]
        await command._run(parser.parse_args(given), Settings(home=home))


@pytest.fixture
async def served(sqlite_store: Seeded, tmp_path: Path) -> AsyncIterator[Served]:
    async with dashboard_on(sqlite_store, tmp_path) as server:
        yield Served(server.origin, await key_of(sqlite_store), sqlite_store)


async def test_a_bot_is_sent_listed_moved_and_taken_back(served: Served) -> None:
    async with served.client() as client:
        (iris,) = await client.characters()
        bot = await client.send(meeting_url=LINK, character_id=iris.id, join_at=NOW + timedelta(hours=1))
        assert (bot.state, bot.join_at, bot.bot_name) == ("scheduled", NOW + timedelta(hours=1), "Iris (AI)")
        assert [one.id async for one in client.bots(phase="upcoming")] == [bot.id]
        assert (await client.move(bot.id, NOW + timedelta(hours=2))).join_at == NOW + timedelta(hours=2)
        assert (await client.leave(bot.id)).state == "cancelled"
        assert [event.kind async for event in client.events(bot.id)] == ["state", "retimed", "state"]
        assert (await client.erase(bot.id)).state == "data_deleted"


async def test_a_no_is_an_error_with_the_code_and_the_bot_that_is_there(served: Served) -> None:
    async with served.client() as client:
        wanted = {"meeting_url": LINK, "character_id": served.store.character.id}
        bot = await client.send(**wanted)
        with pytest.raises(ApiError) as refused:
            await client.send(**wanted)
    assert (refused.value.status, refused.value.code) == (409, "meeting_taken")
    assert refused.value.problem["bot_id"] == bot.id


async def test_a_list_is_read_page_by_page(served: Served) -> None:
    made = {(await served.store.bot(f"m-{number}")).id for number in range(103)}
    async with served.client() as client:
        assert {bot.id async for bot in client.bots()} == made
        assert len(await first(client.bots(), 7)) == 7


async def test_a_request_whose_answer_is_lost_is_sent_again_with_its_key(served: Served) -> None:
    keys: list[str] = []

    async def lossy(request: web.Request) -> web.Response:
        keys.append(request.headers["Idempotency-Key"])
        if len(keys) == 1:
            assert request.transport is not None
            request.transport.abort()
        return web.json_response({"code": "unavailable"}, status=503) if len(keys) < 3 else web.json_response(ANSWER)

    app = web.Application()
    app.router.add_post("/api/v1/bots", lossy)
    async with TestServer(app) as server, served.client(f"http://{server.host}:{server.port}") as client:
        assert (await client.send(meeting_url=LINK, character_id="1")).id == "b"
    assert len(keys) == 3 and len(set(keys)) == 1


async def test_a_stream_is_taken_up_again_from_a_server_that_had_too_much_to_do(served: Served) -> None:
    asked: list[str] = []

    async def live(request: web.Request) -> web.Response:
        asked.append(request.path)
        said = web.Response(text="id: 1\nevent: hello\ndata: {}\n\n", content_type="text/event-stream")
        return web.json_response({"code": "unavailable"}, status=503) if len(asked) < 3 else said

    app = web.Application()
    app.router.add_get("/api/v1/live", live)
    async with TestServer(app) as server, served.client(f"http://{server.host}:{server.port}") as client:
        assert (await anext(client.follow())).topic == "hello"


ANSWER: dict[str, Any] = dict.fromkeys(("code", "deduplication_key", "joined_at", "ended_at"))
ANSWER |= {"id": "b", "state": "scheduled", "detail": "", "attempt": 0, "meeting_url": LINK, "character_id": "1"}
ANSWER |= {"bot_name": "Iris (AI)", "metadata": {}, "new_in_a_later_version": 1}
ANSWER |= {"join_at": "2026-11-21T10:00:00Z", "created_at": "2026-11-21T10:00:00Z"}


async def test_a_server_that_is_not_there_is_given_up_after_some_tries(served: Served) -> None:
    async with served.client("http://127.0.0.1:9") as client:
        with pytest.raises(ApiUnreachable):
            await client.bot("1")


async def test_what_happens_is_followed(served: Served) -> None:
    bot = await served.store.bot()
    async with served.client() as client:
        changes = client.follow()
        assert (await anext(changes)).topic == "hello"
        async with served.store.database.write() as session:
            await leases.claim_due(session, owner="d", data={}, due_by=NOW, now=NOW, launch_by=NOW, limit=1)
            await bots.move(session, bot.id, attempt=1, to=BotState.STARTING, at=NOW)
        states = []
        async for change in changes:
            states += [change.data["state"]] if change.topic == "event" else []
            if "starting" in states:
                break
    assert states[-2:] == ["claimed", "starting"]


async def test_the_command_line_sends_and_lists(served: Served, tmp_path: Path, capsys: Any) -> None:
    await served.command(tmp_path, "send", LINK, "--at", "2026-11-21T11:00Z")
    await served.command(tmp_path, "list", "--phase", "upcoming")
    sent, listed = capsys.readouterr().out.splitlines()
    assert sent == listed and sent.split()[1:4] == ["scheduled", "2026-11-21", "11:00"]
