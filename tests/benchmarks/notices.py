"""How the API bears what calendars' providers send, and how soon a bot follows: 200 messages a second to a real API
with a keeper beside it, half of them forged in part; then events that are moved, from the change at the provider to the
bot's new time. The providers are the servers in their shape that are shipped for rehearsals.

`./understudy bench notices [SECONDS [MOVES [DATABASE]]]`, the last `sqlite` or `postgresql`. Figures: `answer_ms` of
each kind of message, `followed_s` of each provider. Exit code 1 when the p99 of an answer is over 300 ms, one is not
what its provider takes for success, or the p95 of following is over 15 s.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import aiohttp
import sqlalchemy as sa

from bot.calendars.connect import connect_granted
from bot.calendars.model import Join, Rules
from bot.config import Settings, child_environment
from bot.rehearsal import google_calendar, microsoft_calendar
from bot.rehearsal.google_calendar import GoogleCalendar
from bot.rehearsal.microsoft_calendar import MicrosoftCalendar
from bot.store import schema, tables
from bot.store.session import Database
from bot.supervision.kernel import dying_with_parent
from bot.vault import Vault
from tests.benchmarks._report import percentiles, report
from tests.bot.scheduling.brokers import free_port
from tests.bot.stores import Seeded, postgres_server, seeded
from tests.polling import eventually

SECONDS, MOVES = 30, 40
RATE = 200  # a second
EACH = 10  # calendars of each provider
BATCH = 20  # notices in a message of Microsoft's
LIMIT_MS, FOLLOWED_S = 300.0, 15.0
PATIENCE_S, POLL_S = 60.0, 0.02
HOST = "127.0.0.1"
FORGED = "forged"

Ask = Callable[[], Coroutine[Any, Any, bool]]


@dataclass(frozen=True, kw_only=True)
class Stage:
    store: Seeded
    google: GoogleCalendar
    microsoft: MicrosoftCalendar
    base: str

    async def connect(self, vault: Vault) -> None:
        """As consent would; the keeper then reads them all and follows them."""
        mine: dict[str, Any] = {"workspace_id": self.store.workspace.id, "character_id": self.store.character.id}
        mine |= {"rules": Rules(join=Join.ALL), "now": datetime.now(UTC)}
        servers: dict[str, Any] = {"google": self.google, "microsoft": self.microsoft}
        for number in range(EACH):
            for provider, server in servers.items():
                given = {"provider": provider, "refresh_token": server.grant(), "calendar": _calendar(number)}
                async with self.store.database.write() as session:
                    await connect_granted(session, vault, owner=f"{number}@own.org", **given, **mine)

    def followed(self) -> bool:
        return len(self.google.followers) == len(self.microsoft.followers) == EACH


def _calendar(number: int) -> str:
    return f"calendar-{number}"


def messages(stage: Stage, client: aiohttp.ClientSession) -> dict[str, Ask]:
    """One of each kind, and whether its answer is what the provider takes for success."""
    channels, subscriptions = cycle(stage.google.channels.values()), cycle(stage.microsoft.subscriptions.values())
    google, microsoft = f"{stage.base}/calendars/google/notices", f"{stage.base}/calendars/microsoft/notices"

    async def of_google(forged: bool) -> bool:
        channel = next(channels)
        headers = {"X-Goog-Channel-ID": channel.id, "X-Goog-Resource-State": "exists"}
        headers["X-Goog-Channel-Token"] = FORGED if forged else channel.token
        async with client.post(google, headers=headers) as answer:
            return answer.status == 200

    async def of_microsoft(count: int, forged: bool) -> bool:
        states = [one.client_state for one in islice(subscriptions, count)]
        states[0] = f"{states[0].partition('.')[0]}.{FORGED}" if forged else states[0]
        body = {"value": [{"subscriptionId": "any", "clientState": state} for state in states]}
        async with client.post(microsoft, json=body) as answer:
            return answer.status == 202

    async def handshake() -> bool:
        async with client.post(microsoft, params={"validationToken": "a token + 100 %"}) as answer:
            return answer.status == 200 and await answer.text() == "a token + 100 %"

    return {
        "google": lambda: of_google(False),
        "google_forged": lambda: of_google(True),
        "microsoft": lambda: of_microsoft(1, False),
        "microsoft_forged": lambda: of_microsoft(1, True),
        "microsoft_mixed_batch": lambda: of_microsoft(BATCH, True),
        "microsoft_handshake": handshake,
    }


async def loaded(stage: Stage, seconds: int) -> tuple[dict[str, Any], int]:
    """So many a second, whatever the answers take: each from when it was to be sent. And how many were refused."""
    took_ms: dict[str, list[float]] = {}
    refused = 0

    async def one(name: str, ask: Ask, due_s: float) -> None:
        nonlocal refused
        await asyncio.sleep(max(0.0, due_s - time.perf_counter()))
        refused += not await ask()
        took_ms.setdefault(name, []).append(1000 * (time.perf_counter() - due_s))

    connector = aiohttp.TCPConnector(limit=RATE)
    async with aiohttp.ClientSession(connector=connector) as client, asyncio.TaskGroup() as group:
        kinds, begin_s = cycle(messages(stage, client).items()), time.perf_counter() + 0.5
        for number in range(RATE * seconds):
            group.create_task(one(*next(kinds), begin_s + number / RATE))
    return {name: percentiles(values, digits=1) for name, values in took_ms.items()}, refused


async def moved(stage: Stage, moves: int) -> dict[str, Any]:
    """Seconds from a change at the provider to the bot's new time."""
    start = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    took_s: dict[str, list[float]] = {}
    places: dict[str, Any] = {
        "google": (stage.google, google_calendar.timed, lambda url: url),
        "microsoft": (stage.microsoft, microsoft_calendar.timed, lambda url: {"displayName": url}),
    }
    for number in range(moves):
        for place, (provider, (server, timed, where)) in enumerate(places.items()):
            start += timedelta(minutes=7)
            key = 10**8 + 2 * (number % EACH) + place
            more = {"location": where(f"https://zoom.us/j/{key}")}
            began_s = time.perf_counter()
            server.put(_calendar(number % EACH), timed(f"event-{key}", start, start + timedelta(minutes=30), **more))
            await _until_joined(stage, f"zoom:{key}", start)
            took_s.setdefault(provider, []).append(time.perf_counter() - began_s)
    return {provider: percentiles(values, digits=2) for provider, values in took_s.items()}


async def _until_joined(stage: Stage, key: str, start: datetime) -> None:
    table = tables.bots
    query = sa.select(table.c.id).where(table.c.meeting_key == key, table.c.state == "scheduled")
    async with asyncio.timeout(PATIENCE_S):
        while True:
            async with stage.store.database.read() as session:
                if (await session.execute(query.where(table.c.join_at == start))).first() is not None:
                    return
            await asyncio.sleep(POLL_S)


@contextmanager
def running(settings: Settings, *words: str) -> Iterator[None]:
    argv = [sys.executable, "-m", "bot", *words]
    ends = dying_with_parent(signal.SIGTERM)
    process = subprocess.Popen(argv, env=child_environment(settings), start_new_session=True, preexec_fn=ends)
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


def _listens(port: int) -> bool:
    with socket.socket() as trial:
        return trial.connect_ex((HOST, port)) == 0


@asynccontextmanager
async def staged(settings: Settings) -> AsyncIterator[Stage]:
    async with GoogleCalendar().serving() as google, MicrosoftCalendar().serving() as microsoft:
        own: dict[str, Any] = {"api_port": free_port(), "egress_allow": HOST}
        own |= {
            f"{provider}_client_{what}": "bench" for provider in ("google", "microsoft") for what in ("id", "secret")
        }
        settings = replace(settings, **own, google_url=google.url, microsoft_url=microsoft.url)
        settings = replace(settings, public_url=f"http://{HOST}:{settings.api_port}")
        async with Database.open(settings) as database:
            await schema.upgrade(database)
        async with seeded(settings.database_url) as store:
            stage = Stage(store=store, google=google, microsoft=microsoft, base=settings.public_url)
            await stage.connect(Vault.of(settings))
            with running(settings, "api"):
                await eventually(lambda: _listens(settings.api_port), PATIENCE_S)  # providers try the address out
                with running(settings, "calendar-keeper"):
                    await eventually(stage.followed, PATIENCE_S)
                    yield stage


async def measured(settings: Settings, seconds: int, moves: int) -> dict[str, Any]:
    async with staged(settings) as stage:
        answer_ms, refused = await loaded(stage, seconds)
        return {"answer_ms": answer_ms, "refused": refused, "followed_s": await moved(stage, moves)}


def main() -> int:
    words = [*sys.argv[1:], *(str(SECONDS), str(MOVES), "sqlite")[len(sys.argv) - 1 :]]
    seconds, moves, kind = int(words[0]), int(words[1]), words[2]
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="notices-"))
        url = f"sqlite:///{folder}/bench.sqlite3"
        if kind == "postgresql":
            url = f"postgresql://postgres@/postgres?host={stack.enter_context(postgres_server()).pgdata}"
        figures = asyncio.run(measured(replace(Settings(), home=Path(folder), database_url=url), seconds, moves))
    slow = sorted(name for name, one in figures["answer_ms"].items() if one["p99"] > LIMIT_MS)
    late = sorted(name for name, one in figures["followed_s"].items() if one["p95"] > FOLLOWED_S)
    configuration: dict[str, Any] = {"seconds": seconds, "moves": moves, "rate": RATE, "database": kind}
    configuration |= {"calendars": 2 * EACH, "limit_ms": LIMIT_MS, "limit_s": FOLLOWED_S}
    report("notices", configuration, {**figures, "over_limit": slow + late})
    return int(bool(slow or late or figures["refused"]))


if __name__ == "__main__":
    raise SystemExit(main())
