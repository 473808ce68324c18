"""How late 1,000 bots with one identical join time reach the broker: claimed and handed over, by two dispatchers,
over a real Redis, on each database. The spreading of launches is left out on purpose.

`./understudy bench dispatch [COUNT]`; figures `postgres_p95_s` and `sqlite_p95_s` are from the join time until the
broker has taken the launch. Exit code 1 when PostgreSQL's is over 1 s.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
import sqlalchemy as sa

from bot.clock import RealClock
from bot.config import Settings
from bot.scheduling.celery_app import launch_routes, make_celery
from bot.scheduling.dispatcher import Dispatcher
from bot.scheduling.relay import Publish
from bot.store import bots, schema, tables
from bot.store.session import Database
from tests.benchmarks._report import percentiles, report
from tests.bot.clocks import until
from tests.bot.scheduling.brokers import redis
from tests.bot.stores import Seeded, postgres_server, seeded

COUNT = 1000
DISPATCHERS = 2
AHEAD_S = 3.0  # from the last bot made until they are due
LIMIT_S = 1.0
GIVE_UP_S = 120.0


class Stopwatch:
    """Beside the real route: when each launch had been taken."""

    def __init__(self, publish: Publish) -> None:
        self._publish = publish
        self.taken_s: dict[str, float] = {}

    def __call__(self, payload: Mapping[str, Any]) -> None:
        self._publish(payload)
        self.taken_s.setdefault(payload["bot_id"], time.time())


async def made(store: Seeded, count: int) -> float:
    """The instant at which they are all due."""
    due = RealClock().now() + timedelta(seconds=3600)
    async with store.database.write() as session:
        for number in range(count):
            await bots.create(
                session,
                workspace_id=store.workspace.id,
                character_id=store.character.id,
                meeting_url=f"https://meet.google.com/bench-{number}",
                bot_name="Iris",
                join_at=due,
                at=RealClock().now(),
            )
    due = RealClock().now() + timedelta(seconds=AHEAD_S)
    async with store.database.write() as session:
        await session.execute(sa.update(tables.bots).values(join_at=due, launch_at=due))
    return due.timestamp()


async def lateness(url: str, routes: Mapping[str, Publish], count: int) -> list[float]:
    async with Database.open(url) as database:
        await schema.upgrade(database)
    watch = Stopwatch(routes["bot.claimed"])
    async with seeded(url) as store, asyncio.TaskGroup() as group:
        due_s = await made(store, count)
        databases = [Database.open(url) for _ in range(DISPATCHERS)]
        serving = [
            group.create_task(Dispatcher(one, {"bot.claimed": watch}, clock=RealClock()).run()) for one in databases
        ]
        await until(lambda: len(watch.taken_s) >= count, GIVE_UP_S)
        for task in serving:
            task.cancel()
    for one in databases:
        await one.close()
    return [taken_s - due_s for taken_s in watch.taken_s.values()]


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else COUNT
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="dispatch-") as folder:
        home = Path(folder)
        with redis(home, by_url=False), postgres_server(home / "pg") as server:
            routes = launch_routes(make_celery(replace(Settings(), home=home)))
            urls = {"postgres": f"postgresql://postgres@/postgres?host={server.pgdata}"}
            urls |= {"sqlite": f"sqlite:///{home / 'bench.sqlite3'}"}
            for name, url in urls.items():
                late_s = percentiles(asyncio.run(lateness(url, routes, count)))
                figures |= {f"{name}_p95_s": late_s["p95"], f"{name}_late_s": late_s}
    configuration = {"bots": count, "dispatchers": DISPATCHERS, "broker": "redis", "memory_mib": _memory_mib()}
    report("dispatch", configuration, figures)
    return int(figures["postgres_p95_s"] > LIMIT_S)


def _memory_mib() -> int:
    return round(psutil.Process().memory_info().rss / 2**20)


if __name__ == "__main__":
    raise SystemExit(main())
