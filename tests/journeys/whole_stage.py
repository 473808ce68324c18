"""A whole installation in processes of its own, as `up` makes it, beside a meeting server and guests of this process.

Everything it makes lies in one folder of its own, its temporary files too, so what is left of it can be told from what
others leave. This process adopts its orphans: nothing that descends from it escapes. The store is read and written
directly where the API may be dead.
"""

from __future__ import annotations

import asyncio
import re
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil

from bot.config import Settings, child_environment
from bot.domain.lifecycle import TERMINAL, BotState, Command
from bot.scheduling.kill_switch import kill_all
from bot.store import bots, leases, lines, schema, workspaces
from bot.store.bots import Bot, BotEvent
from bot.store.session import Database
from bot.supervision import kernel
from bot.supervision.installation import ROOT, free_port
from connectors.kit.display import SOCKET, is_dead
from connectors.kit.folders import PLACES, maker_of
from connectors.simulator import Room, SimulatorServer
from tests.bot.clocks import until
from tests.caching import CACHE
from tests.journeys.kept_up import READY
from tests.journeys.small_stage import enter_as_guest, seeded

OWNER = (sys.executable, "-m", "tests.journeys.kept_up")
SERVICES = ("api", "worker", "dispatcher", "courier", "calendar-keeper", "bot-host")
DISPLAYS = Path(SOCKET).parent
START_S = 60.0
STOP_S = 60.0
SHOWN = 120  # of a command line

PORTRAIT = r"-m engine\.portrait\.nursery"  # the one that paints is a fork of it
# What runs for a bot, by a pattern of its command line. {bot} is the bot's id.
OF_A_BOT = {
    "parent": r"-m bot run {bot}",
    "meeting": r"-m bot\.meeting {bot}",
    "driver": r"playwright/driver/node",
    "browser": r"--remote-debugging-pipe(?!.*--type=)",
    "sound server": r"/pulseaudio ",
    "nursery": PORTRAIT,
    "portrait": PORTRAIT,
    "recogniser": r"pocketsphinx_process",
    "voice": r"bot\.voice\.espeak_process",
    "display": r"^(\S*/)?Xvfb ",
}


@dataclass(kw_only=True)
class WholeStage:
    settings: Settings
    database: Database
    simulator: SimulatorServer
    character_id: str
    workspace_id: str
    temporary: Path
    owner: psutil.Process
    spared: frozenset[psutil.Process]
    displays: frozenset[Path]  # that were there before

    async def send_bot(self, room: Room, *, in_s: float = 0.0, join_at: datetime | None = None) -> str:
        """A bot that is due there in so many seconds, or then; its id."""
        now = datetime.now(UTC)
        async with self.database.write() as session:
            bot = await bots.create(
                session,
                workspace_id=self.workspace_id,
                character_id=self.character_id,
                meeting_url=self.simulator.url(room),
                bot_name="Iris",
                join_at=join_at or now + timedelta(seconds=in_s),
                at=now,
            )
        return bot.id

    async def bot(self, bot_id: str) -> Bot:
        async with self.database.read() as session:
            return await bots.get(session, bot_id)

    async def events(self, bot_id: str) -> list[BotEvent]:
        async with self.database.read() as session:
            return list(await bots.events(session, bot_id))

    async def until_state(self, bot_id: str, states: Collection[BotState], timeout_s: float) -> Bot:
        """Raises TimeoutError, at once where it is over in another state."""
        async with asyncio.timeout(timeout_s):
            while (bot := await self.bot(bot_id)).state not in states:
                if bot.state in TERMINAL:
                    raise TimeoutError(f"{bot.state} ({bot.code}): {bot.detail}")
                await asyncio.sleep(0.02)
        return bot

    async def ask(self, bot_id: str, command: Command) -> None:
        async with self.database.write() as session:
            await leases.ask(session, bot_id, command=command, at=datetime.now(UTC))

    async def clear(self) -> None:
        """End every bot, for those who come after."""
        await kill_all(self.database, self.workspace_id, scheduled=True, at=datetime.now(UTC), by={"by": "test"})

    async def let_say(self, bot_id: str, text: str) -> None:
        async with self.database.write() as session:
            await lines.ask(session, bot_id, text=text, at=datetime.now(UTC))

    def guest(self, room: Room, name: str):
        return enter_as_guest(self.simulator, room, name)

    # Processes

    def service(self, name: str) -> psutil.Process | None:
        """broker, or one of the parts; None while it does not run."""
        pattern = r"redis-server" if name == "broker" else rf"-m bot {name}$"
        with suppress(psutil.NoSuchProcess):
            return _matching(self.owner.children(), pattern)
        return None

    def of_bot(self, bot_id: str, name: str) -> psutil.Process | None:
        """One of `OF_A_BOT`; None while there is none."""
        processes = self.bots_processes()
        if name == "portrait":
            nursery = _matching(processes, PORTRAIT)
            processes = nursery.children() if nursery else []
        return _matching(processes, OF_A_BOT[name].format(bot=bot_id))

    def bots_processes(self) -> list[psutil.Process]:
        """What runs here and is no part of the installation: bots, and what they started or left."""
        own = {self.owner.pid}
        for name in (*SERVICES, "broker"):
            part = self.service(name)
            with suppress(psutil.NoSuchProcess):
                if part is not None:
                    own.add(part.pid)
                    own |= {one.pid for one in part.children(recursive=True)} if name == "worker" else set()
        return [one for one in kernel.living(self.spared) if one.pid not in own]

    def left(self, of: frozenset[int]) -> list[str]:
        """What stays of bots whose processes were `of`: processes, files, sockets, displays. All of them should go."""
        kernel.bury(self.spared)  # the zombies of those we adopted, as init does
        processes = [f"process {one.pid} {_command(one)[:SHOWN]}" for one in self.bots_processes()]
        files = [f"file {path}" for path in self.temporary.iterdir() if not self._a_worker_keeps(path)]
        shared = [f"file {path}" for place in PLACES for path in place.glob("understudy-*") if maker_of(path) in of]
        displays = [f"display {path}" for path in DISPLAYS.glob("X*") if path not in self.displays and is_dead(path)]
        return [*processes, *files, *shared, *displays]

    def _a_worker_keeps(self, path: Path) -> bool:
        """A living one; what a killed one kept is swept by the bot host, where there is one."""
        is_its = path.name.startswith("understudy-worker-")
        return is_its and (not self.owner.is_running() or psutil.pid_exists(maker_of(path) or 0))

    async def serving(self) -> None:
        """All parts run."""
        await until(lambda: all(self.service(name) for name in (*SERVICES, "broker")), START_S)

    def log_of(self, bot_id: str) -> str:
        paths = sorted((self.settings.home / "logs" / "bots").glob(f"{bot_id}-*.log"))
        return "\n".join(path.read_text(errors="replace") for path in paths)

    async def start(self) -> None:
        """The installation; again after it ended."""
        (self.settings.home / READY).unlink(missing_ok=True)
        environment = {**child_environment(self.settings), "TMPDIR": str(self.temporary)}
        with (self.settings.home / "owner.log").open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                *OWNER,
                cwd=ROOT,
                env=environment,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=kernel.dying_with_parent(signal.SIGTERM),  # a run that is killed leaves no installation
            )
        self.owner = psutil.Process(process.pid)
        try:
            await until((self.settings.home / READY).exists, START_S)
        except TimeoutError as error:
            raise TimeoutError((self.settings.home / "owner.log").read_text()) from error

    async def stop(self) -> None:
        with suppress(psutil.NoSuchProcess):
            self.owner.terminate()
        await asyncio.to_thread(psutil.wait_procs, [self.owner], STOP_S)
        await kernel.end_descendants(self.spared, grace_s=0)


@asynccontextmanager
async def whole_stage(settings: Settings) -> AsyncIterator[WholeStage]:
    """Runs while inside. Of the given settings home, database and port become its own."""
    with tempfile.TemporaryDirectory(prefix="us-") as name:
        folder = Path(name)  # short: sockets lie in it
        home, temporary = folder / "home", folder / "tmp"
        home.mkdir(mode=0o700)
        temporary.mkdir(mode=0o700)
        url = f"sqlite:///{home / 'stage.sqlite3'}"
        port = free_port("127.0.0.1", 0)
        settings = replace(settings, home=home, cache=str(CACHE), database_url=url, api_port=port)
        async with AsyncExitStack() as stack:
            spared = stack.enter_context(kernel.adopting_orphans())
            database = await stack.enter_async_context(Database.open(settings))
            await schema.upgrade(database)
            character_id, _ = await seeded(database, "portrait")
            async with database.write() as session:
                workspace = await workspaces.ensure(session)
            simulator = await stack.enter_async_context(SimulatorServer())
            stage = WholeStage(
                settings=settings,
                database=database,
                simulator=simulator,
                character_id=character_id,
                workspace_id=workspace.id,
                temporary=temporary,
                owner=psutil.Process(),
                spared=spared,
                displays=frozenset(DISPLAYS.glob("X*")),
            )
            await stage.start()
            try:
                yield stage
            finally:
                await stage.stop()


def _matching(processes: list[psutil.Process], pattern: str) -> psutil.Process | None:
    return next((one for one in processes if re.search(pattern, _command(one))), None)


def _command(process: psutil.Process) -> str:
    with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
        return " ".join(process.cmdline())
    return ""
