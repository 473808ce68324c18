"""What a character answers from while its database is away."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from bot.config import Settings
from bot.meeting import minds
from bot.store import knowledge
from bot.store.session import DatabaseUnavailable, Session
from tests.bot.stores import Seeded


class Away:
    """The double of a database that says that it is away, or nothing."""

    def __init__(self, *, silent: bool) -> None:
        self._silent = silent

    async def reading(self, work: Callable[[Session], Awaitable[Any]]) -> Any:
        if self._silent:
            await asyncio.Event().wait()
        raise DatabaseUnavailable

    async def writing(self, work: Callable[[Session], Awaitable[Any]]) -> Any:
        raise DatabaseUnavailable


@pytest.mark.parametrize("silent", [False, True])
async def test_an_answer_is_found_in_memory_while_the_database_is_away(sqlite_store: Seeded, silent: bool) -> None:
    character = sqlite_store.character
    passages = [("Soil", "Garlic wants loose soil."), ("Water", "Water it in the morning.")]
    async with sqlite_store.database.write() as session:
        base = character.knowledge_base_id
        await knowledge.add_document(session, base, name="garlic.md", media_type="text/markdown", passages=passages)
        stored = await knowledge.passages(session, base)
    async with minds.mind_for(Settings(), Away(silent=silent), character, stored) as mind:
        said = [clause.text async for clause in mind.answer("What soil does garlic want?", speaker="Ada", history=[])]
    assert "loose soil" in " ".join(said)
