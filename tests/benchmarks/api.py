"""How long the API takes to list and show, over 100,000 bots and a million lines of transcript on PostgreSQL: whole
requests to a server in a process of its own, one after the other, of a workspace that has most of it.

`./understudy bench api [BOTS [SEGMENTS]]`; figures in milliseconds for each kind of request, and `cpu_ms`, what one
costs the server's process on average: that does not rise with what else the machine does. Exit code 1 when the p95 of
one is over 50 ms.
"""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import sqlalchemy as sa

from bot.config import Settings, child_environment
from bot.store import keys, schema
from bot.store.session import Database
from tests.benchmarks._report import percentiles, report
from tests.bot.scheduling.brokers import free_port
from tests.bot.stores import postgres_server, seeded
from tests.polling import until_true

BOTS, SEGMENTS = 100_000, 1_000_000
REQUESTS, WARM = 300, 20
LIMIT_MS = 50.0
STATES = ("ended", "ended", "ended", "failed", "cancelled", "lost", "scheduled", "in_call")

FILL_BOTS = """
INSERT INTO bots (id, workspace_id, character_id, meeting_url, meeting_key, bot_name, join_at, launch_at, metadata,
                  state, attempt, detail, created_at, updated_at, ended_at, tries, deduplication_key)
SELECT gen_random_uuid(), :workspace, :character, 'https://meet.google.com/m-' || n, 'meet:m-' || n, 'Iris (AI)', t, t,
       jsonb_build_object('crm', n), (CAST(:states AS text[]))[1 + n % :kinds], 1, '', t, t, t, 0, 'deal-' || n
FROM (SELECT n, now() - n * interval '37 seconds' AS t FROM generate_series(1, :count) AS n) AS made
"""
FILL_SEGMENTS = """
INSERT INTO transcript_segments (bot_id, sequence, workspace_id, attempt, speaker_id, speaker_name, text, start_ms,
                                 end_ms, source, confidence, own, cut)
SELECT talked.id, n, :workspace, 1, 'p' || n % 4, 'Person ' || n % 4,
       'What was said as number ' || n || ' of this meeting, about as long as people talk.', n * 4000, n * 4000 + 3500,
       'platform', 0.9, false, false
FROM (SELECT id FROM bots ORDER BY created_at DESC LIMIT :talked) AS talked, generate_series(1, :each) AS n
"""


async def filled(url: str, bots: int, segments: int) -> str:
    """The database with so much in it; the key of the workspace it belongs to."""
    async with Database.open(url) as database:
        await schema.upgrade(database)
    async with seeded(url) as store:
        mine = {"workspace": store.workspace.id}
        talked = max(1, segments // 1000)
        async with store.database.write() as session:
            given = {"character": store.character.id, "states": list(STATES), "kinds": len(STATES), "count": bots}
            await session.execute(sa.text(FILL_BOTS), {**mine, **given})
            await session.execute(sa.text(FILL_SEGMENTS), {**mine, "talked": talked, "each": segments // talked})
            _, key = await keys.create(session, workspace_id=store.workspace.id, name="bench")
        async with store.database.engine.connect() as connection:
            plain = await connection.execution_options(isolation_level="AUTOCOMMIT")
            await plain.execute(sa.text("ANALYZE"))
    return key


@contextmanager
def served(settings: Settings):
    argv = [sys.executable, "-m", "bot", "api"]
    process = subprocess.Popen(argv, env=child_environment(settings), start_new_session=True)
    try:
        check = [*argv, "--check"]
        until_true(lambda: subprocess.run(check, env=child_environment(settings)).returncode == 0, 60.0)
        yield f"http://127.0.0.1:{settings.api_port}/api/v1", psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(30)


def cpu_ms(process: psutil.Process) -> float:
    times = process.cpu_times()
    return 1000 * float(times.user + times.system)


async def measured(base: str, server: psutil.Process, key: str) -> dict[str, dict[str, float | int]]:
    dice = random.Random(7)
    headers = {"Authorization": f"Bearer {key}"}
    async with aiohttp.ClientSession(headers=headers) as client:

        async def ask(path: str) -> Any:
            async with client.get(base + path) as answer:
                assert answer.status == 200, (path, answer.status, await answer.text())
                return await answer.json()

        ids, cursors = [], []
        page: Mapping[str, Any] = {"next_cursor": None}
        for _ in range(40):
            cursor = page["next_cursor"]
            page = await ask(f"/bots?limit=100{f'&cursor={cursor}' if cursor else ''}")
            ids += [bot["id"] for bot in page["data"]]
            cursors.append(page["next_cursor"])
        talked = ids[:900]
        kinds: dict[str, Callable[[], str]] = {
            "list_bots": lambda: "/bots",
            "list_bots_100_by_cursor": lambda: f"/bots?limit=100&cursor={dice.choice(cursors)}",
            "list_bots_live": lambda: "/bots?phase=live",
            "list_bots_lost": lambda: "/bots?state=lost",
            "list_bots_by_deduplication_key": lambda: f"/bots?deduplication_key=deal-{dice.randrange(1, BOTS)}",
            "list_bots_of_a_day": lambda: "/bots?join_at_gte=2026-01-01T00:00:00Z&join_at_lt=2036-01-01T00:00:00Z",
            "show_bot": lambda: f"/bots/{dice.choice(ids)}",
            "list_bot_events": lambda: f"/bots/{dice.choice(ids)}/events",
            "transcript_100": lambda: f"/bots/{dice.choice(talked)}/transcript?limit=100&after={dice.randrange(900)}",
            "transcript": lambda: f"/bots/{dice.choice(talked)}/transcript",
            "transcript_1000": lambda: f"/bots/{dice.choice(talked)}/transcript?limit=1000",
        }
        figures: dict[str, dict[str, float | int]] = {}
        for name, path in kinds.items():
            for _ in range(WARM):
                await ask(path())
            took_ms, before_ms = [], cpu_ms(server)
            for _ in range(REQUESTS):
                began_s = time.perf_counter()
                await ask(path())
                took_ms.append(1000 * (time.perf_counter() - began_s))
            cost_ms = (cpu_ms(server) - before_ms) / REQUESTS
            figures[name] = {**percentiles(took_ms, digits=1), "cpu_ms": round(cost_ms, 2)}
        return figures


def main() -> int:
    bots, segments = (int(word) for word in (*sys.argv[1:], *(str(n) for n in (BOTS, SEGMENTS)[len(sys.argv) - 1 :])))
    with tempfile.TemporaryDirectory(prefix="api-") as folder, postgres_server() as postgres:
        url = f"postgresql://postgres@/postgres?host={postgres.pgdata}"
        key = asyncio.run(filled(url, bots, segments))
        limits = {"api_reads_per_minute": 0, "api_writes_per_minute": 0}
        settings = replace(Settings(), home=Path(folder), database_url=url, api_port=free_port(), **limits)
        with served(settings) as (base, server):
            figures = asyncio.run(measured(base, server, key))
    over = sorted(name for name, one in figures.items() if one["p95"] > LIMIT_MS)
    configuration = {"bots": bots, "segments": segments, "requests": REQUESTS, "limit_ms": LIMIT_MS, "pid": os.getpid()}
    report("api", configuration, {**figures, "over_limit": over})
    return int(bool(over))


if __name__ == "__main__":
    raise SystemExit(main())
