"""The live stream as a client reads it: in order, from where it left off, bounded."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.api import feed as feeds
from bot.api.feed import Change, Feed, Listener, Pace
from bot.api.handlers.live import FEED, StreamLimits
from bot.store import bots, keys, sign_ins, transcripts, workspaces
from tests.bot.api.dashboard_server import Dashboard, dashboard_on
from tests.bot.clocks import until
from tests.bot.store.test_dashboard import HELLO, in_call
from tests.bot.stores import NOW, Seeded

QUICK = StreamLimits(heartbeat_s=0.05, longest_s=30.0)


@pytest.fixture
async def page(sqlite_store: Seeded, tmp_path: Path) -> AsyncIterator[Dashboard]:
    async with dashboard_on(sqlite_store, tmp_path, limits=QUICK) as dashboard:
        yield dashboard


class Stream:
    """Server-sent events, parsed."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self.answer, self.heartbeats = answer, 0

    async def next(self) -> dict[str, Any]:
        fields: dict[str, str] = {}
        while True:
            line = (await self.answer.content.readline()).decode()
            if line.startswith(":"):
                self.heartbeats += 1
            elif line == "":
                raise EOFError
            elif line == "\n" and "event" in fields:
                return {**fields, "data": json.loads(fields["data"])}
            elif line != "\n":
                name, _, value = line.rstrip("\n").partition(": ")
                fields[name] = value


async def key_of(store: Seeded, *, workspace: str = "default", scopes: tuple[str, ...] = keys.ALL_SCOPES) -> str:
    async with store.database.write() as session:
        owner = await workspaces.ensure(session, slug=workspace)
        return (await keys.create(session, workspace_id=owner.id, name="t", scopes=scopes))[1]


async def listen(page: Dashboard, key: str, **headers: str) -> Stream:
    answer = await page.client.get("/api/v1/live", headers={"Authorization": f"Bearer {key}", **headers})
    assert (answer.status, answer.content_type) == (200, "text/event-stream"), await answer.text()
    return Stream(answer)


async def say(store: Seeded, bot: bots.Bot, text: str = "hello", **more: Any) -> None:
    segment = replace(HELLO, text=text, **more)
    async with store.database.write() as session:
        await transcripts.append(session, bot.id, attempt=1, segment=segment)


async def test_changes_events_and_words_are_told_in_order_and_resumed_from_the_last_id(page: Dashboard) -> None:
    bot, key = await in_call(page.store), await key_of(page.store)
    stream = await listen(page, key)
    assert (await stream.next())["event"] == "hello"
    await say(page.store, bot, "<b>one</b>")
    first = await stream.next()
    assert (first["event"], first["data"]["bot_id"], first["data"]["text"]) == ("segment", bot.id, "<b>one</b>")
    stream.answer.close()
    async with page.store.database.write() as session:
        await bots.note(session, bot.id, attempt=1, kind="asked.say", at=NOW)
    await say(page.store, bot, "two")
    again = await listen(page, key, **{"Last-Event-ID": first["id"]})
    told = [await again.next() for _ in range(4)]
    assert told[0]["event"] == "resumed"
    assert sorted(one["event"] for one in told[1:]) == ["bot", "event", "segment"]
    assert [one["data"]["text"] for one in told if one["event"] == "segment"] == ["two"]


async def test_corrections_are_told_also_those_that_take_a_line_back_or_come_at_once(page: Dashboard) -> None:
    bot, key = await in_call(page.store), await key_of(page.store)
    stream = await listen(page, key)
    await stream.next()
    segments = ("one", None), ("two", 1), ("", 2), ("three", None), ("four", 4)
    async with page.store.database.write() as session:  # together, as after a pause of the feed
        for text, corrected in segments:
            await transcripts.append(
                session, bot.id, attempt=1, segment=replace(HELLO, text=text, supersedes=corrected)
            )
    told = [(await stream.next())["data"] for _ in segments]
    assert [(one["sequence"], one["text"], one["supersedes"]) for one in told] == [
        (sequence, *segment) for sequence, segment in enumerate(segments, 1)
    ]


async def test_other_workspaces_hear_nothing_and_words_need_their_scope(page: Dashboard) -> None:
    stranger = await listen(page, await key_of(page.store, workspace="other"))
    watcher = await listen(page, await key_of(page.store, scopes=("bots:read",)))
    assert [(await one.next())["event"] for one in (stranger, watcher)] == ["hello", "hello"]
    bot = await in_call(page.store)
    await say(page.store, bot)
    async with page.store.database.write() as session:
        await bots.note(session, bot.id, attempt=1, kind="last", at=NOW)
    kinds, told = set(), {}
    while told.get("kind") != "last":
        change = await watcher.next()
        kinds, told = kinds | {change["event"]}, change["data"]
    assert kinds <= {"bot", "event"}
    await page.client.server.app[FEED].close()
    with pytest.raises(EOFError):
        await stranger.next()


WRITTEN = {"speaker_id": "7", "pii_name": "Ada", "pii_text": 'my "pii_pay" is 90k', "more": [{"pii_name": "Bob"}]}


async def test_what_people_wrote_is_in_events_for_those_alone_who_may_read_it(page: Dashboard) -> None:
    bot = await in_call(page.store)
    reader = await listen(page, await key_of(page.store))
    watcher_key = await key_of(page.store, scopes=("bots:read",))
    watcher = await listen(page, watcher_key)
    begun = [await one.next() for one in (reader, watcher)]
    async with page.store.database.write() as session:
        await bots.note(session, bot.id, attempt=1, kind="chat.message", data=WRITTEN, at=NOW)
    resumed = await listen(page, watcher_key, **{"Last-Event-ID": begun[1]["id"]})
    assert (await resumed.next())["event"] == "resumed"
    told = [await one.next() for one in (reader, watcher, resumed)]
    assert [one["data"]["kind"] for one in told] == ["chat.message"] * 3
    assert [one["data"]["data"] for one in told] == [WRITTEN, *[{"speaker_id": "7", "more": [{}]}] * 2]
    assert told[1]["data"].keys() == told[0]["data"].keys() and told[1]["data"]["bot_id"] == bot.id


async def test_one_who_was_away_too_long_is_told_to_read_the_lists_and_that_the_stream_lives(page: Dashboard) -> None:
    stream = await listen(page, await key_of(page.store), **{"Last-Event-ID": "other-7"})
    assert (await stream.next())["event"] == "reset"
    while stream.heartbeats < 2:
        line = await stream.answer.content.readline()
        stream.heartbeats += line.startswith(b":")


async def test_streams_of_a_workspace_are_counted(page: Dashboard) -> None:
    key = await key_of(page.store)
    streams = [await listen(page, key) for _ in range(feeds.MOST_LISTENERS)]
    refused = await page.client.get("/api/v1/live", headers={"Authorization": f"Bearer {key}"})
    assert (refused.status, (await refused.json())["code"]) == (429, "too_many_streams")
    for stream in streams:
        stream.answer.close()
    await until(lambda: not page.client.server.app[FEED].listeners)


async def test_a_listener_that_does_not_keep_up_is_dropped() -> None:
    listener = Listener("w", frozenset({"segment"}))
    for number in range(feeds.MOST_WAITING + 2):
        listener.tell(Change(cursor=f"r-{number}", workspace_id="w", topic="segment", data="{}"))
    told = [await listener.next(1.0) for _ in range(feeds.MOST_WAITING + 1)]
    assert listener.over and told[-1] is None and None not in told[:-1]


async def test_one_look_serves_all_and_large_words_are_only_named(sqlite_store: Seeded) -> None:
    bot = await in_call(sqlite_store)
    feed = Feed(sqlite_store.database, Pace(tick_s=3600.0))
    where = sqlite_store.workspace.id
    async with feed.listening(workspace_id=where, words=True) as one, feed.listening(workspace_id=where, words=True):
        assert (await one.next(5.0) or one).topic == "hello"  # type: ignore[union-attr]
        await say(sqlite_store, bot, "x" * (feeds.LONGEST_DATA + 1))
        await feed.look()
        change = await one.next(5.0)
        assert change is not None and json.loads(change.data) == {"bot_id": bot.id, "sequence": 1}
    await feed.close()


@pytest.mark.parametrize("way", ["key", "session"])
async def test_who_is_shut_out_hears_nothing_more(page: Dashboard, way: str) -> None:
    key = await key_of(page.store) if way == "key" else ""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    await page.sign_in()
    stream = Stream(await page.client.get("/api/v1/live", headers=headers))
    assert (await stream.next())["event"] == "hello"
    async with page.store.database.write() as session:
        workspace = page.store.workspace.id
        if key:
            await keys.revoke(session, key.split("_")[1], workspace_id=workspace, now=NOW)
        else:
            await sign_ins.end_all(session, workspace_id=workspace)
    with pytest.raises(EOFError):
        async with asyncio.timeout(20):
            await stream.next()
