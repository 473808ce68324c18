"""The database: opened by URL, entered for reading or for writing. Knows no table.

    async with Database.open(settings) as database:
        async with database.write() as session:     # one transaction; an exception undoes all of it
            ...

A session is a SQLAlchemy connection inside a transaction. On SQLite a writer begins IMMEDIATE: it waits for its turn
instead of failing half-way, as a reader that turns into a writer would.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar

import asyncpg
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from bot.config import Settings
from bot.errors import BadInput, BadSettings, BotError, Conflict, Unavailable
from bot.store import storable

Session = AsyncConnection

_WRITES = "understudy_writes"
T = TypeVar("T")
BUSY_TIMEOUT_S = 20.0
PING_S = 2.0
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


# PostgreSQL's SQLSTATE, by how it begins, and what it means to us; the first that fits. Appendix A of its manual.
_SQLSTATES: tuple[tuple[str, type[BotError]], ...] = (
    ("08", DatabaseUnavailable),  # the connection broke
    ("25006", DatabaseUnavailable),  # it has become a standby
    ("25P03", DatabaseUnavailable),  # a transaction was left standing too long, and is undone
    ("40", DatabaseUnavailable),  # a deadlock, or a rival was first: undone, and worth another try
    ("53", DatabaseUnavailable),  # no connection is free, or no disk
    ("55P03", DatabaseUnavailable),  # a lock was not had in time: something changes the schema
    ("57", DatabaseUnavailable),  # it shuts down, starts, or an administrator ended the connection
    ("28", BadSettings),  # it does not know this user or password
    ("3D", BadSettings),  # there is no such database
    ("42P01", DatabaseNotReady),
    ("22", ValueRefused),
    ("XX", DatabaseBroken),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Waits:
    """How long a PostgreSQL server is waited for; None: for ever. A socket whose other end is gone answers nothing, and
    a machine that has vanished keeps its locks until the server misses it: neither may stop who waits behind."""

    connect_s: float = 10.0
    statement_s: float | None = 30.0
    lock_s: float | None = BUSY_TIMEOUT_S  # as a writer of SQLite waits its turn
    idle_in_transaction_s: float | None = 30.0

    def for_driver(self) -> dict[str, Any]:
        limits = {"lock_timeout": self.lock_s, "idle_in_transaction_session_timeout": self.idle_in_transaction_s}
        told = {name: f"{limit_s * 1000:.0f}" for name, limit_s in limits.items() if limit_s is not None}
        return {"timeout": self.connect_s, "command_timeout": self.statement_s, "server_settings": told}


PATIENT = Waits(statement_s=None, lock_s=None, idle_in_transaction_s=None)  # for who changes whole tables


def database_url(settings: Settings) -> str:
    """The URL of this installation's database: as set, else a SQLite file in its home."""
    return settings.database_url or f"sqlite+aiosqlite:///{settings.home / 'understudy.sqlite3'}"


class Transactions(Protocol):
    """Whole transactions, wherever they run; each raises what `work` does and what the database says."""

    async def reading(self, work: Callable[[Session], Awaitable[T]]) -> T:
        """What `work` finds in one transaction that only reads."""
        ...

    async def writing(self, work: Callable[[Session], Awaitable[T]]) -> T:
        """What `work` returns, once its transaction is committed."""
        ...


class Database:
    """One pool of connections. Opening does not connect; `close` (or leaving the `async with`) ends it."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine

    @classmethod
    def open(cls, where: str | Settings, *, held: int = 10, waits: Waits | None = None) -> Database:
        """From a URL (sqlite, postgres, postgresql) or the settings; so many connections to a server are `held` between
        uses, ten more come and go. Raises BadSettings for what cannot be one."""
        url = _parse(database_url(where) if isinstance(where, Settings) else where)
        if url.get_backend_name() == "sqlite":
            return cls(_sqlite_engine(url))
        return cls(_postgres_engine(url, held=held, waits=waits or Waits()))

    @asynccontextmanager
    async def patient(self) -> AsyncIterator[Database]:
        """The same database for work that may take long: no statement and no lock of it has a limit."""
        if self.dialect == "sqlite":
            yield self
            return
        async with Database(_postgres_engine(self.engine.url, held=1, waits=PATIENT)) as database:
            yield database

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

    async def reading(self, work: Callable[[Session], Awaitable[T]]) -> T:
        async with self.read() as session:
            return await work(session)

    async def writing(self, work: Callable[[Session], Awaitable[T]]) -> T:
        async with self.write() as session:
            return await work(session)

    @asynccontextmanager
    async def _connect(self) -> AsyncIterator[Session]:
        session = self.engine.connect()
        try:
            await session.start()
        except (OSError, sa.exc.TimeoutError, sa.exc.InvalidRequestError) as error:
            raise DatabaseUnavailable from error  # none is had, or none of those had is alive
        except TypeError as error:  # how the driver says that it knows no such option
            raise BadSettings(f"The database URL has an option that is not known: {error}") from error
        except sqlite3.DatabaseError as error:
            raise DatabaseBroken(f"the database cannot be used: {error}") from error
        except sa.exc.DBAPIError as error:
            raise _told(error) from error
        try:
            async with AsyncExitStack() as stack:
                stack.push_async_exit(session)
                yield session
        except ConnectionError as error:
            raise DatabaseUnavailable from error
        except sa.exc.IntegrityError:
            raise  # whoever wrote knows which rule it met
        except sa.exc.DBAPIError as error:
            raise _told(error) from error
        except sa.exc.StatementError as error:
            if isinstance(error.orig, OverflowError):  # a time that UTC does not have
                raise ValueRefused from error
            raise

    async def close(self) -> None:
        await self.engine.dispose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()


def _told(error: sa.exc.DBAPIError) -> Exception:
    """What a driver's error means to us; the error itself where it is a fault of ours."""
    state = getattr(error.orig, "sqlstate", None)
    if state is not None:
        known = next((kind for beginning, kind in _SQLSTATES if state.startswith(beginning)), None)
        if known is None or known in (DatabaseNotReady, ValueRefused):  # these say themselves what is to be done
            return error if known is None else known()
        return known(f"The database cannot do this now: {_words(error)}")
    if isinstance(error, sa.exc.DataError) or isinstance(getattr(error.orig, "__cause__", None), ValueError):
        return ValueRefused()
    if "no such table" in str(error.orig):
        return DatabaseNotReady()
    if isinstance(error, sa.exc.OperationalError | sa.exc.InterfaceError) or _is_asyncpg(error):
        return DatabaseUnavailable()
    if isinstance(error, sa.exc.ProgrammingError):
        return error
    return DatabaseBroken(f"the database cannot be used: {_words(error)}")


def _is_asyncpg(error: sa.exc.DBAPIError) -> bool:
    """Without a SQLSTATE it speaks of the connection: closed, or closing in the middle of an answer."""
    return type(getattr(error.orig, "__cause__", None)).__module__.startswith("asyncpg")


def _words(error: sa.exc.DBAPIError) -> str:
    """The driver's own, without the name of its class."""
    return str(error.orig).rpartition(">: ")[2]


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


def _postgres_engine(url: URL, *, held: int, waits: Waits) -> AsyncEngine:
    engine = create_async_engine(
        url,
        hide_parameters=True,
        pool_size=held,
        max_overflow=10,
        pool_timeout=30,
        connect_args=waits.for_driver(),
        json_serializer=storable.to_json,
    )
    sa.event.listen(engine.sync_engine, "handle_error", _give_up, retval=True)
    sa.event.listen(engine.sync_engine, "checkout", _look_after)
    return _keeping_any_text(engine)


def _look_after(connection: Any, _record: object, _fairy: object) -> None:
    """A connection that was kept is asked for a sign of life before it is used. Where it gives none in time the other
    end is gone, and with it all that were made before: they are made anew, which the pool's own ping does only for
    those that say themselves that they are broken."""
    try:
        connection.run_async(lambda driver: driver.execute("SELECT 1", timeout=PING_S))
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise sa.exc.InvalidatePoolError from error


def _give_up(context: sa.engine.ExceptionContext) -> BaseException | None:
    """A statement that was not answered in time: its connection is dropped, for to undo it there would wait as long."""
    if not isinstance(context.original_exception, TimeoutError):
        return None
    context.is_disconnect = True
    context.invalidate_pool_on_disconnect = False  # slow is one statement, not the server
    return DatabaseUnavailable("The database did not answer in time.")


def _sqlite_engine(url: URL) -> AsyncEngine:
    file = Path(url.database or "")
    if file.is_dir():
        raise BadSettings(f"The database must be a file, and {file} is a folder")
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)  # what people said is kept here
    except OSError as error:
        raise BadSettings(f"The database's folder {file.parent} cannot be made ({error.strerror})") from error
    engine = create_async_engine(
        url, hide_parameters=True, connect_args={"timeout": BUSY_TIMEOUT_S}, json_serializer=storable.to_json
    )
    sa.event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    sa.event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return _keeping_any_text(engine)


def _keeping_any_text(engine: AsyncEngine) -> AsyncEngine:
    sa.event.listen(engine.sync_engine, "before_cursor_execute", _clean, retval=True)
    return engine


def _clean(
    _connection: sa.Connection, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool
) -> tuple[str, Any]:
    return statement, storable.parameters(parameters)


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions begin where we say, not where the driver guesses
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
