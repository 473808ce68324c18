"""A session's endless stream of blocks, for every engine whose session answers `next_block`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Self

from engine.api import AvBlock


class Blocks(AsyncIterator[AvBlock]):
    """Unlike a generator it survives a cancelled wait. `next_block` raises StopAsyncIteration at the end."""

    def __init__(self, next_block: Callable[[], Awaitable[AvBlock]]) -> None:
        self._next_block = next_block

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> AvBlock:
        return await self._next_block()
