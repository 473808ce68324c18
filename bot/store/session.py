"""The database: opened by URL, entered for reading or for writing. Knows no table.

    async with Database.open(settings) as database:
        async with database.write() as session:     # one transaction; an exception undoes all of it
            ...

A session is a SQLAlchemy connection inside a transaction. On SQLite a writer begins IMMEDIATE: it waits for its turn
instead of failing half-way, as a reader that turns into a writer would.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Self

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from bot.config import Settings
from bot.errors import BadInput, BadSettings, BotError, Conflict, Unavailable

Session = AsyncConnection

_WRITES = "understudy_writes"
BUSY_TIMEOUT_S = 20.0
_DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "sqlite+aiosqlite": "sqlite+aiosqlite",
    "postgres": "postgresql+asyncpg",
    "postgresql": "postgresql+asyncpg",
    "postgresql+asyncpg": "postgresql+asyncpg",
}


class DatabaseUnavailable(Unavailable):
    """The database does not answer."""

    code = "database_unavailable"


class DatabaseBroken(BotError):
    """What the database's address leads to is no database, or a damaged one. Nothing was changed: restore a copy, or
    move it away and start anew."""

    code = "database_broken"


class DatabaseNotReady(Conflict):
    """The database has no tables of ours yet; `understudy db upgrade` makes them."""

    code = "database_not_ready"


class ValueRefused(BadInput):
    """The database does not take this value."""

    code = "value_refused"


def database_url(settings: Settings) -> str:
    """The URL of this installation's database: as set, else a SQLite file in its home."""
    return settings.database_url or f"sqlite+aiosqlite:///{settings.home / 'understudy.sqlite3'}"


class Database:
    """One pool of connections. Opening does not connect; `close` (or leaving the `async with`) ends it."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine

    @classmethod
    def open(cls, where: str | Settings) -> Database:
        """From a URL (sqlite, postgres, postgresql) or the settings. Raises BadSettings for what cannot be one."""
        url = _parse(database_url(where) if isinstance(where, Settings) else where)
        if url.get_backend_name() == "sqlite":
            return cls(_sqlite_engine(url))
        return cls(
            create_async_engine(
                url, hide_parameters=True, pool_pre_ping=True, pool_size=10, max_overflow=10, pool_timeout=30
            )
        )

    @property
    def dialect(self) -> str:
        """ "sqlite" or "postgresql"."""
        return self.engine.dialect.name

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Session]:
        """One transaction that may write; committed at the end, undone by an exception."""
        async with self._connect() as session:
            await session.execution_options(**{_WRITES: True})
            async with session.begin():
                yield session

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Session]:
        """One transaction that only reads; never waits for a writer."""
        async with self._connect() as session, session.begin():
            yield session

    @asynccontextmanager
    async def _connect(self) -> AsyncIterator[Session]:
        session = self.engine.connect()
        try:
            await session.start()
        except (OSError, sa.exc.OperationalError, sa.exc.InterfaceError) as error:
            raise DatabaseUnavailable from error
        except TypeError as error:  # how the driver says that it knows no such option
            raise BadSettings(f"The database URL has an option that is not known: {error}") from error
        except (sqlite3.DatabaseError, sa.exc.DatabaseError) as error:
            raise DatabaseBroken(f"the database cannot be used: {getattr(error, 'orig', error)}") from error
        try:
            async with AsyncExitStack() as stack:
                stack.push_async_exit(session)
                yield session
        except (sa.exc.OperationalError, sa.exc.InterfaceError) as error:
            if "no such table" in str(error.orig):
                raise DatabaseNotReady from error
            raise DatabaseUnavailable from error
        except sa.exc.ProgrammingError as error:
            if "UndefinedTable" in str(error.orig):
                raise DatabaseNotReady from error
            raise
        except sa.exc.IntegrityError:
            raise  # whoever wrote knows which rule it met
        except sa.exc.DataError as error:
            raise ValueRefused from error
        except sa.exc.DatabaseError as error:
            raise DatabaseBroken(f"the database cannot be used: {error.orig}") from error

    async def close(self) -> None:
        await self.engine.dispose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()


def insert(session: Session, table: sa.Table) -> Any:
    """An INSERT that knows ON CONFLICT, which each database has under its own name with one meaning."""
    return {"sqlite": sqlite.insert, "postgresql": postgresql.insert}[session.dialect.name](table)


def _parse(text: str) -> URL:
    try:
        url = make_url(text)
        driver = _DRIVERS[url.drivername]
    except (sa.exc.ArgumentError, KeyError) as error:
        raise BadSettings("The database URL must begin with sqlite:/// or postgresql://") from error
    except ValueError as error:
        raise BadSettings("The database URL has a port that is no number") from error
    url = url.set(drivername=driver)
    if url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:"):
        raise BadSettings("The database must be a file: several processes share it")
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_absolute():
        raise BadSettings("The database's path must be absolute (sqlite:////...): processes differ in where they run")
    if "sslmode" in url.query:  # libpq's word; asyncpg calls it ssl
        url = url.difference_update_query(["sslmode"]).update_query_dict({"ssl": url.query["sslmode"]})
    return url


def _sqlite_engine(url: URL) -> AsyncEngine:
    file = Path(url.database or "")
    if file.is_dir():
        raise BadSettings(f"The database must be a file, and {file} is a folder")
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)  # what people said is kept here
    except OSError as error:
        raise BadSettings(f"The database's folder {file.parent} cannot be made ({error.strerror})") from error
    engine = create_async_engine(url, hide_parameters=True, connect_args={"timeout": BUSY_TIMEOUT_S})
    sa.event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    sa.event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions begin where we say, not where the driver guesses
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
