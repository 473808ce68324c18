"""A small stage for one bot: API, bot host, store and simulator in this process, the bot in processes of its own, and
guests who are no more than a name and a socket. What is missing against a whole installation is broker and worker.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import aiohttp
from aiohttp.test_utils import TestServer

from bot.api.app import make_app
from bot.clock import RealClock
from bot.config import Settings, environment_of
from bot.library import SHIPPED
from bot.rehearsal.client import Client, Json
from bot.scheduling.host import BotHost
from bot.scheduling.launchers import Launch, Launched
from bot.scheduling.launchers.subprocess import SubprocessLauncher
from bot.store import characters, keys, leases, schema, workspaces
from bot.store.session import Database
from connectors.simulator import Policy, Room, SimulatorServer
from tests.caching import CACHE
from tests.polling import eventually

RUN_BOT = (sys.executable, "-m", "bot", "run")
TOLD = ("{bot_id}", "--attempt", "{attempt}", "--task-id", "{task_id}")
KNOCK_S = 10.0


@dataclass(frozen=True, kw_only=True, slots=True)
class SmallStage:
    settings: Settings
    database: Database
    url: str  # of page and API
    client: Client
    launcher: SubprocessLauncher
    simulator: SimulatorServer
    character_id: str

    async def send_bot(self) -> tuple[Json, Launched, Room]:
        """A bot on its way into a meeting of its own, which lets everyone in."""
        room = self.simulator.create_meeting(Policy(lobby=False))
        bot = await self.client.create_bot(meeting_url=self.simulator.url(room), character_id=self.character_id)
        return bot, await self.launch(bot["id"]), room

    async def launch(self, bot_id: str) -> Launched:
        """What dispatcher and worker do for a bot that is due."""
        now = datetime.now(UTC)
        async with self.database.write() as session:
            await leases.claim_due(
                session, owner="test", data={}, due_by=now, now=now, launch_by=now + timedelta(seconds=60), limit=1
            )
        launch = Launch(bot_id=bot_id, attempt=1, task_id="test", worker_pid=os.getpid())
        return await asyncio.to_thread(self.launcher.start, launch)

    def guest(self, room: Room, name: str) -> AbstractAsyncContextManager[aiohttp.ClientWebSocketResponse]:
        """Someone who is in the meeting, silent and unseen."""
        return enter_as_guest(self.simulator, room, name)

    def log_of(self, bot_id: str) -> str:
        path = self.settings.home / "logs" / f"{bot_id}-1.log"
        return path.read_text(errors="replace") if path.exists() else ""


@asynccontextmanager
async def enter_as_guest(
    simulator: SimulatorServer, room: Room, name: str
) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """Someone who is in that meeting, silent and unseen; where it has a lobby, when they are let in."""
    url = f"{simulator.base_url}/ws/{room.code}"
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as page:
        await page.send_json({"type": "knock", "name": name})
        async with asyncio.timeout(KNOCK_S):
            while (told := json.loads((await page.receive()).data)["type"]) != "call":
                if told == "lobby":
                    room.admit(name)
        reading = asyncio.create_task(_read(page), name=f"guest {name}")
        try:
            yield page
        finally:
            reading.cancel()


async def _read(page: aiohttp.ClientWebSocketResponse) -> None:
    async for _ in page:
        pass


@asynccontextmanager
async def small_stage(
    settings: Settings, *, argv: Sequence[str] = RUN_BOT, engine: str = "portrait"
) -> AsyncIterator[SmallStage]:
    """`settings.home` is an empty folder; `argv` starts a bot, its id and attempt are added."""
    settings = replace(settings, cache=str(CACHE), database_url=f"sqlite:///{settings.home / 'small.sqlite3'}")
    told = tuple(f"{name}={value}" for name, value in environment_of(settings).items())
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(Database.open(settings))
        await schema.upgrade(database)
        character_id, key = await seeded(database, engine)
        app = make_app(database, home=settings.home, split=lambda name, text: [])
        server = await stack.enter_async_context(TestServer(app))
        client = await stack.enter_async_context(Client(str(server.make_url("")), key))
        simulator = await stack.enter_async_context(SimulatorServer())
        socket = settings.home / "run" / "host.sock"
        host = BotHost(
            database,
            socket=socket,
            logs=settings.home / "logs",
            max_bots=4,
            clock=RealClock(),
            argv=("/usr/bin/env", *told, *argv, *TOLD),
        )
        stop = asyncio.Event()
        serving = asyncio.create_task(host.run(stop))
        await eventually(socket.exists)
        try:
            yield SmallStage(
                settings=settings,
                database=database,
                url=str(server.make_url("")).rstrip("/"),
                client=client,
                launcher=SubprocessLauncher(socket),
                simulator=simulator,
                character_id=character_id,
            )
        finally:
            stop.set()
            await serving


async def seeded(database: Database, engine: str) -> tuple[str, str]:
    """A character with Iris's face, and an API key."""
    async with database.write() as session:
        workspace = await workspaces.ensure(session)
        new = characters.NewCharacter(
            name="Iris",
            image_path=str(SHIPPED / "portrait.png"),
            record_path=str(SHIPPED / "record"),
            likeness="fictional",
            engine=engine,
        )
        character = await characters.create(session, workspace_id=workspace.id, new=new)
        _, key = await keys.create(session, workspace_id=workspace.id, name="test")
    return character.id, key
