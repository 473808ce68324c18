"""A database on a thread of its own, for a process whose event loop may come to a stand.

A transaction is many steps of an event loop. Where the loop stands still in the middle of one its locks stay: on SQLite
every writer of the installation waits behind them, on PostgreSQL whoever wants the same bot's row, and the kill switch
is one of these. Here each transaction runs whole on a loop that does nothing else.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from types import TracebackType
from typing import Any, Self, TypeVar

from bot.log import get_log
from bot.store.session import Database, DatabaseUnavailable, Session

log = get_log(__name__)

CLOSE_S = 5.0
T = TypeVar("T")


class OwnThread:
    """See `bot.store.session.Transactions`. Entered and left; the database is closed with it. What is cancelled while
    it waits is undone, unless its transaction has just ended, and nobody waits for that."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._loop = asyncio.new_event_loop()
        self._closed = False
        self._thread = threading.Thread(target=self._loop.run_forever, name="database", daemon=True)

    async def reading(self, work: Callable[[Session], Awaitable[T]]) -> T:
        return await self._there(self._database.reading(work))

    async def writing(self, work: Callable[[Session], Awaitable[T]]) -> T:
        return await self._there(self._database.writing(work))

    async def _there(self, doing: Coroutine[Any, Any, T]) -> T:
        if self._closed:
            doing.close()
            raise DatabaseUnavailable("The database is closed.")
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(doing, self._loop))

    async def __aenter__(self) -> Self:
        self._thread.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed = True
        closing = asyncio.run_coroutine_threadsafe(self._close(), self._loop)
        try:
            async with asyncio.timeout(CLOSE_S):
                await asyncio.wrap_future(closing)
        except TimeoutError:
            log.warning("the database does not let go of a transaction")
        finally:
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._loop.stop)

    async def _close(self) -> None:
        if left := asyncio.all_tasks() - {asyncio.current_task()}:
            for task in left:
                task.cancel()
            await asyncio.wait(left)
        await self._database.close()
