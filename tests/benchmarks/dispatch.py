"""How late 1,000 bots with one identical join time reach the broker: claimed and handed over, by two dispatcher
processes, over a real Redis, on each database. The spreading of launches is left out on purpose.

`./understudy bench dispatch [COUNT]`; figures `postgres_p95_s` and `sqlite_p95_s` are from the join time until a
dispatcher has written down that the broker has the launch. Exit code 1 when PostgreSQL's is over 1 s.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bot.clock import RealClock
from bot.config import Settings, child_environment
from bot.scheduling.celery_app import LAUNCH_QUEUE
from bot.scheduling.relay import TOGETHER
from bot.store import bots, schema, tables
from bot.store.session import Database
from tests.benchmarks._report import percentiles, report
from tests.bot.clocks import until
from tests.bot.scheduling.brokers import redis
from tests.bot.stores import Seeded, postgres_server, seeded

COUNT = 1000
COUNT_OF = 2  # dispatchers
AHEAD_S = 8.0  # the dispatchers are up by then
LIMIT_S = 1.0
GIVE_UP_S = 120.0


async def made(store: Seeded, count: int) -> int:
    """So many bots, of an hour from now; how many they are."""
    now = RealClock().now()
    async with store.database.write() as session:
        for number in range(count):
            await bots.create(
                session,
                workspace_id=store.workspace.id,
                character_id=store.character.id,
                meeting_url=f"https://meet.google.com/bench-{number}",
                bot_name="Iris",
                join_at=now + timedelta(hours=1),
                at=now,
            )
    return count


async def due(store: Seeded) -> float:
    """The instant, soon, at which all of them are due."""
    at = RealClock().now() + timedelta(seconds=AHEAD_S)
    async with store.database.write() as session:
        await session.execute(sa.update(tables.bots).values(join_at=at, launch_at=at))
    return at.timestamp()


@contextmanager
def dispatchers(settings: Settings) -> Iterator[None]:
    """Processes of the product's own, each through its start."""
    argv = [sys.executable, "-m", "bot", "dispatcher"]
    serving = [subprocess.Popen(argv, env=child_environment(settings), start_new_session=True) for _ in range(COUNT_OF)]
    try:
        yield
    finally:
        for process in serving:
            process.terminate()
        for process in serving:
            process.wait(30)


async def prepare(url: str) -> None:
    """Before there are dispatchers: without tables they end."""
    async with Database.open(url) as database:
        await schema.upgrade(database)


async def lateness(url: str, count: int) -> list[float]:
    """Of each bot's launch, by when the dispatcher wrote down that the broker has it: rather too late than early."""
    async with seeded(url) as store:
        await sent(store, topic="bot.scheduled", bots_made=await made(store, count))
        due_s = await due(store)
        return [at.timestamp() - due_s for at in await sent(store, topic="bot.claimed", bots_made=count)]


async def sent(store: Seeded, *, topic: str, bots_made: int) -> list[datetime]:
    """When each message of that topic was handed over, once all were."""
    table = tables.outbox
    query = sa.select(table.c.sent_at).where(table.c.topic == topic, table.c.sent_at.is_not(None))
    found: list[datetime] = []

    async def all_are() -> bool:
        async with store.database.read() as session:
            found[:] = (await session.execute(query)).scalars()
        return len(found) >= bots_made

    await until(all_are, GIVE_UP_S)
    return found


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else COUNT
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="dispatch-") as folder:
        home = Path(folder)
        with redis(home, by_url=False) as broker, postgres_server() as server:
            urls = {"postgres": f"postgresql://postgres@/postgres?host={server.pgdata}"}
            urls |= {"sqlite": f"sqlite:///{home / 'bench.sqlite3'}"}
            for name, url in urls.items():
                settings = replace(Settings(), home=home, database_url=url)
                asyncio.run(prepare(url))
                with dispatchers(settings):
                    late_s = percentiles(asyncio.run(lateness(url, count)))
                assert broker.client.llen(LAUNCH_QUEUE) * TOGETHER >= count, "every launch is with the broker"
                broker.client.flushall()
                figures |= {f"{name}_p95_s": late_s["p95"], f"{name}_late_s": late_s}
    configuration = {"bots": count, "dispatchers": COUNT_OF, "broker": "redis"}
    report("dispatch", configuration, figures)
    return int(figures["postgres_p95_s"] > LIMIT_S)


if __name__ == "__main__":
    raise SystemExit(main())
