"""Which mind a character thinks with, on its own knowledge in the store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from bot.config import Settings
from bot.conversation.base import Mind, Passage
from bot.conversation.knowledge import RankedKnowledge
from bot.conversation.mind import QuotingMind
from bot.log import get_log
from bot.store import knowledge
from bot.store.characters import Character
from bot.store.knowledge import StoredPassage
from bot.store.session import DatabaseUnavailable, Session, Transactions

log = get_log(__name__)

SEARCH_S = 2.0  # for a search that takes milliseconds


def passage_of(stored: StoredPassage) -> Passage:
    return Passage(
        passage_id=f"{stored.document}#{stored.position}",
        document=stored.document,
        heading=stored.heading,
        text=stored.text,
        score=stored.score,
    )


@asynccontextmanager
async def mind_for(
    settings: Settings, database: Transactions, character: Character, passages: Sequence[StoredPassage]
) -> AsyncIterator[Mind]:
    """The configured language model with quoted knowledge behind it, else quoted knowledge alone."""

    async def candidates(terms: Sequence[str], limit: int) -> Sequence[Passage]:
        async def read(session: Session) -> Sequence[StoredPassage]:
            return await knowledge.candidates(session, character.knowledge_base_id, terms=terms, limit=limit)

        try:
            async with asyncio.timeout(SEARCH_S):
                return [passage_of(one) for one in await database.reading(read)]
        except (DatabaseUnavailable, TimeoutError) as error:
            log.warning("the database is away, an answer is looked for in memory", error=type(error).__name__)
            return [one for one in whole if any(term in f"{one.heading} {one.text}".casefold() for term in terms)]

    whole = [passage_of(one) for one in passages]
    known = RankedKnowledge(whole, candidates)
    quoting = QuotingMind(known, name=character.name, about=character.settings.get("about", ""))
    if not settings.llm_url:
        yield quoting
        return
    import aiohttp

    from bot.conversation.chat_mind import ChatEndpoint, ChatMind

    endpoint = ChatEndpoint(url=settings.llm_url, api_key=settings.llm_api_key, model=settings.llm_model)
    async with aiohttp.ClientSession() as session:
        yield ChatMind(endpoint, persona=character.persona, knowledge=known, fallback=quoting, session=session)
