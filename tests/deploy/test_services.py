"""compose.yaml's services as processes of this machine: their own commands, settings and checks, on a real PostgreSQL
and a real Redis that asks for a password. Only addresses and the home are this test's."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from bot.clock import RealClock
from bot.domain.lifecycle import BotState
from bot.store import bots, characters, workspaces
from bot.store.session import Database
from connectors.simulator import SimulatorServer
from connectors.simulator.rooms import Policy
from tests.bot.clocks import until
from tests.bot.scheduling.brokers import free_port, redis
from tests.bot.stores import PostgresTemplate, postgres_template
from tests.deploy.composed import OURS, compose
from tests.house.sources import ROOT

__all__ = ["postgres_template"]
pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.browser,
    pytest.mark.sound,
    pytest.mark.postgres,
    pytest.mark.timeout(300),
]
SERVICES: dict[str, Any] = compose()["services"]
PARTS = [name for name in OURS if SERVICES[name]["restart"] == "unless-stopped"]
SAY_THAT_THEY_ARE_GONE = {"api", "worker", "bot-host"}  # the others' checks ask what becomes of their work
HEALTHY_S = 60.0


class Deployed:
    """The services of ours, each a process that is started and stopped as an engine does."""

    def __init__(self, folder: Path, addresses: dict[str, str]) -> None:
        self._folder, self._addresses = folder, addresses
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        command = folder / "bin" / "understudy"
        command.parent.mkdir()
        command.write_text(f'#!/bin/sh\nexec {sys.executable} -m bot "$@"\n')
        command.chmod(0o755)

    def _environment(self, name: str) -> dict[str, str]:
        path = f"{self._folder / 'bin'}:{os.environ['PATH']}"
        return {"PATH": path, "PYTHONPATH": str(ROOT), **SERVICES[name]["environment"], **self._addresses}

    def run(self, name: str, *words: str) -> int:
        """The exit code of a command inside that service."""
        with (self._folder / "commands.log").open("ab") as log:
            environment = self._environment(name)
            return subprocess.run(words, env=environment, stdout=log, stderr=log, timeout=HEALTHY_S).returncode

    def start(self, name: str) -> None:
        with (self._folder / f"{name}.log").open("ab") as log:
            argv = ["understudy", *SERVICES[name]["command"]]
            self._processes[name] = subprocess.Popen(
                argv, env=self._environment(name), stdout=log, stderr=log, start_new_session=True
            )

    def stop(self, name: str) -> int:
        """SIGTERM, and the time the file gives; its exit code. Raises TimeoutExpired where an engine would kill."""
        process = self._processes.pop(name)
        process.terminate()
        return process.wait(float(SERVICES[name]["stop_grace_period"].removesuffix("s")))

    def healthy(self, name: str) -> bool:
        kind, *words = SERVICES[name]["healthcheck"]["test"]
        assert kind == "CMD"
        return self.run(name, *words) == 0

    def end(self) -> None:
        for process in self._processes.values():
            process.kill()
            process.wait()


@pytest.fixture
async def deployed(postgres_template: PostgresTemplate, tmp_path: Path) -> AsyncIterator[tuple[Deployed, str]]:
    url = await postgres_template.empty()
    with ExitStack() as stack:
        home = tmp_path / "home"
        home.mkdir(mode=0o700)
        broker = stack.enter_context(redis(home, by_url=True))
        port = str(free_port())
        addresses = {"DATABASE_URL": url, "BROKER_URL": broker.url, "HOME": str(home), "API_PORT": port}
        parts = Deployed(tmp_path, {f"UNDERSTUDY_{name}": value for name, value in addresses.items()})
        stack.callback(parts.end)
        setup = SERVICES["setup"]
        assert await asyncio.to_thread(parts.run, "setup", *setup["entrypoint"], *setup["command"]) == 0
        for name in PARTS:
            parts.start(name)
        yield parts, url


async def sent(database: Database, meeting: str) -> bots.Bot:
    async with database.write() as session:
        workspace = await workspaces.ensure(session)
        shipped = await characters.list_all(session, workspace_id=workspace.id)
        iris = next(one for one in shipped if one.name == "Iris")
        return await bots.create(
            session, workspace_id=workspace.id, character_id=iris.id, meeting_url=meeting, bot_name=iris.name,
            at=RealClock().now(),
        )  # fmt: skip


async def told(database: Database, bot: bots.Bot) -> list[bots.BotEvent]:
    async with database.read() as session:
        return await bots.events(session, bot.id)


async def is_well(parts: Deployed, name: str) -> None:
    await until(lambda: asyncio.to_thread(parts.healthy, name), timeout_s=HEALTHY_S)


async def test_every_part_but_the_bots_host_is_replaced_under_a_meeting_and_the_bot_stays(
    deployed: tuple[Deployed, str],
) -> None:
    parts, url = deployed
    async with Database.open(url) as database, SimulatorServer() as simulator:
        for name in PARTS:
            await is_well(parts, name)
        bot = await sent(database, simulator.url(simulator.create_meeting(Policy(lobby=False))))

        async def is_in() -> bool:
            return (await told(database, bot))[-1].state is BotState.IN_CALL

        await until(is_in, timeout_s=90.0)
        for name in (name for name in PARTS if name != "bot-host"):
            await asyncio.to_thread(parts.stop, name)
            assert await asyncio.to_thread(parts.healthy, name) is (name not in SAY_THAT_THEY_ARE_GONE)
            parts.start(name)
            await is_well(parts, name)
        events = await told(database, bot)
        assert events[-1].state is BotState.IN_CALL and {event.attempt for event in events[1:]} == {1}
        assert await asyncio.to_thread(parts.stop, "bot-host") == 0
        assert not await asyncio.to_thread(parts.healthy, "bot-host")
        end = (await told(database, bot))[-1]
        assert (end.state, end.code) == (BotState.ENDED, "host_shutdown")
