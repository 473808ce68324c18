"""`/metrics` as a scraper reads it: parsed by the Prometheus library's own parser."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client.parser import text_string_to_metric_families

from bot.api.app import make_app
from bot.api.metrics import Access, access
from bot.domain.figures import FIGURES, Observation
from bot.domain.lifecycle import BotState
from bot.store import counters, turns
from tests.bot.api.conftest import FixedClock
from tests.bot.store.test_bots import claimed, walk
from tests.bot.stores import Seeded

RECORD = {
    "decision": "answer",
    "because": "alone",
    "question": "does Bob know",
    "latency_device_ms": 1312.0,
    "stages_ms": {"vad": 520.0, "recogniser": 90.0},
    "overhead_ms": 31.0,
    "av_offset_device_ms": -12.0,
    "interrupted": True,
    "kind": "answer",
    "generated_characters": 120,
    "heard_characters": 40,
    "interruption": {"decided_to_silence_ms": 90.0, "onset_to_silence_ms": 640.0},
}


class Scraper:
    def __init__(self, client: TestClient[Any, Any]) -> None:
        self._client = client

    async def status(self, **headers: str) -> int:
        async with self._client.get("/metrics", headers=headers) as response:
            return response.status

    async def status_of_bytes(self, authorization: bytes) -> bytes:
        """For what no client of ours would send."""
        reader, writer = await asyncio.open_connection(self._client.host, self._client.port)
        writer.write(b"GET /metrics HTTP/1.0\r\nAuthorization: " + authorization + b"\r\n\r\n")
        line = await reader.readline()
        writer.close()
        return line.split()[1]

    async def samples(self) -> dict[tuple[str, tuple[str, ...]], float]:
        """Each series by name and the values of its labels."""
        async with self._client.get("/metrics") as response:
            assert response.status == 200 and "version=0.0.4" in response.headers["Content-Type"]
            families = text_string_to_metric_families(await response.text())
        return {(one.name, tuple(one.labels.values())): one.value for family in families for one in family.samples}


async def scraper(store: Seeded, home: Path, allowed: Access | None) -> AsyncIterator[Scraper]:
    app = make_app(store.database, home=home, split=lambda name, text: [], clock=FixedClock(), metrics=allowed)
    async with TestClient(TestServer(app)) as client:
        yield Scraper(client)


@pytest.fixture
async def scrape(store: Seeded, tmp_path: Path) -> AsyncIterator[Scraper]:
    async for one in scraper(store, tmp_path, Access()):
        yield one


async def test_a_turn_shows_in_every_histogram_it_has_a_time_for(store: Seeded, scrape: Scraper) -> None:
    bot = await claimed(store)
    async with store.database.write() as session:
        await turns.record(session, bot.id, attempt=1, epoch=1, record=RECORD)
    seen = await scrape.samples()
    assert seen["understudy_turns_total", ("answer", "alone")] == 1
    assert seen["understudy_turn_latency_seconds_bucket", ("1.25",)] == 0
    assert seen["understudy_turn_latency_seconds_bucket", ("1.5",)] == 1
    assert seen["understudy_turn_latency_seconds_sum", ()] == pytest.approx(1.312)
    assert seen["understudy_turn_stage_seconds_count", ("vad",)] == 1
    assert seen["understudy_silence_seconds_bucket", ("0.1", "decided")] == 1
    assert seen["understudy_av_offset_seconds_bucket", ("0.0",)] == 1
    assert seen["understudy_interruptions_total", ("answer",)] == 1
    assert seen["understudy_characters_total", ("heard",)] == 40
    assert seen["understudy_bots", ("claimed",)] == 1


async def test_joins_refusals_and_what_a_bot_costs_are_there(store: Seeded, scrape: Scraper) -> None:
    bot = await walk(store, await claimed(store), BotState.STARTING, BotState.JOINING, BotState.IN_CALL)
    refused, cost = Observation(figure="refusals", labels=("meeting_full",)), Observation(figure="bot_cpu", value=90.0)
    async with store.database.write() as session:
        await counters.add(session, [refused, cost], shard_of=bot.id)
    await walk(store, bot, BotState.POST_PROCESSING, BotState.ENDED)
    seen = await scrape.samples()
    assert seen["understudy_joins_total", ()] == seen["understudy_join_delay_seconds_count", ()] == 1
    assert seen["understudy_refusals_total", ("meeting_full",)] == 1
    assert seen["understudy_bot_cpu_seconds_sum", ()] == 90.0 and seen["understudy_bot_stay_seconds_count", ()] == 1


async def test_histograms_only_grow_with_their_bounds(store: Seeded, scrape: Scraper) -> None:
    bot = await claimed(store)
    async with store.database.write() as session:
        for epoch, latency_ms in enumerate((90.0, 1300.0, 2100.0, 99_000.0)):
            record = {"latency_device_ms": latency_ms}
            await turns.record(session, bot.id, attempt=1, epoch=epoch, record=record)
    seen = await scrape.samples()
    name = "understudy_turn_latency_seconds"
    bounds = [*map(repr, FIGURES["turn_latency"].bounds), "+Inf"]
    counts = [seen[f"{name}_bucket", (bound,)] for bound in bounds]
    assert counts == sorted(counts) and counts[-1] == seen[f"{name}_count", ()] == 4
    assert counts[0] == 1 and counts[-2] == 3


async def test_nothing_a_person_said_is_shown(store: Seeded, scrape: Scraper) -> None:
    bot = await claimed(store)
    async with store.database.write() as session:
        record = {**RECORD, "because": "ask Bob", "stages_ms": {"Bob": 1.0}}
        await turns.record(session, bot.id, attempt=1, epoch=1, record=record)
    assert ("understudy_turns_total", ("answer", "other")) in (seen := await scrape.samples())
    assert not any("Bob" in value for _, labels in seen for value in labels)


async def test_with_a_token_only_who_shows_it_reads(sqlite_store: Seeded, tmp_path: Path) -> None:
    async for one in scraper(sqlite_store, tmp_path, Access(token="s3cret")):
        shown = [await one.status(**headers) for headers in ({}, {"Authorization": "Bearer s3cre"})]
        assert [*shown, await one.status(Authorization="Bearer s3cret")] == [401, 401, 200]
        assert await one.status_of_bytes(b"Bearer \xff") == b"401"


async def test_without_access_there_are_none(sqlite_store: Seeded, tmp_path: Path) -> None:
    async for one in scraper(sqlite_store, tmp_path, None):
        assert await one.status() == 404


@pytest.mark.parametrize(
    ("host", "token", "allowed"),
    [
        ("127.0.0.1", "", Access()),
        ("localhost", "", Access()),
        ("::1", "", Access()),
        ("0.0.0.0", "", None),
        ("api.internal", "", None),
        ("0.0.0.0", "t", Access(token="t")),
        ("127.0.0.1", "t", Access(token="t")),
    ],
)
def test_metrics_are_open_on_loopback_only(host: str, token: str, allowed: Access | None) -> None:
    assert access(host=host, token=token) == allowed
