"""The clauses of one answer, kept as they come, so that what was not heard of it can be said again. Knows no sound."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from bot.conversation.base import Clause


class Script:
    """Reads its source to the end on a task of its own: an answer that is cut goes on being made until `close`."""

    def __init__(self, source: AsyncGenerator[Clause, None]) -> None:
        self._clauses: list[Clause] = []
        self._grown = asyncio.Event()
        self._writing = asyncio.create_task(self._write(source), name="script")

    async def _write(self, source: AsyncGenerator[Clause, None]) -> None:
        try:
            async with aclosing(source) as clauses:
                async for clause in clauses:
                    self._clauses.append(clause)
                    self._grown.set()
        finally:
            self._grown.set()

    async def clauses(self, start: int = 0) -> AsyncGenerator[Clause, None]:
        """From clause `start` on, as they are ready. Raises what the source raised."""
        while True:
            if start < len(self._clauses):
                yield self._clauses[start]
                start += 1
            elif self._writing.done():
                if not self._writing.cancelled():
                    self._writing.result()
                return
            else:
                self._grown.clear()
                await self._grown.wait()

    def close(self) -> None:
        self._writing.cancel()
