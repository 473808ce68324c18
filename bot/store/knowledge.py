"""Knowledge bases: documents in passages, found by full text. Text of documents is data, never instructions.

SQLite searches an FTS5 table by BM25, PostgreSQL a generated tsvector by ts_rank; both stem English words. Scores order
one answer; they mean nothing across databases.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from bot.errors import NotFound
from bot.store import fulltext, tables
from bot.store.session import Session, insert

MAX_TERMS = 64
_WORD = re.compile(r"\w+")


class UnknownKnowledgeBase(NotFound):
    """There is no such knowledge base in this workspace."""

    code = "unknown_knowledge_base"


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    id: str
    knowledge_base_id: str
    name: str
    media_type: str
    sha256: str  # of its passages: equal content is kept once
    created_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredPassage:
    id: int
    document_id: str
    document: str  # its name
    position: int  # in the document, from 0
    heading: str
    text: str
    score: float = 0.0  # higher is better; 0 where nothing was searched for


async def create(session: Session, *, workspace_id: str, name: str) -> str:
    statement = sa.insert(tables.knowledge_bases).values(workspace_id=workspace_id, name=name)
    created = await session.execute(statement.returning(tables.knowledge_bases.c.id))
    return str(created.scalar_one())


async def add_document(
    session: Session,
    knowledge_base_id: str,
    *,
    name: str,
    media_type: str,
    passages: Sequence[tuple[str, str]],
) -> Document:
    """Add (heading, text) passages as one document. The same content again returns the document there is; what was
    there under this name with other content goes. Raises UnknownKnowledgeBase."""
    workspace_id = await _workspace_of(session, knowledge_base_id)
    sha256 = hashlib.sha256(json.dumps([list(passage) for passage in passages]).encode()).hexdigest()
    table = tables.documents
    row = {"workspace_id": workspace_id, "knowledge_base_id": knowledge_base_id, "sha256": sha256}
    statement = insert(session, table).values(**row, name=name, media_type=media_type)
    statement = statement.on_conflict_do_nothing(index_elements=["knowledge_base_id", "sha256"])
    created = (await session.execute(statement.returning(table))).one_or_none()
    here = table.c.knowledge_base_id == knowledge_base_id
    same = created or (await session.execute(sa.select(table).where(here, table.c.sha256 == sha256))).one()
    await session.execute(sa.delete(table).where(here, table.c.name == name, table.c.id != same.id))
    if created is None:
        return _document(same)
    pieces = [
        {
            "workspace_id": workspace_id,
            "knowledge_base_id": knowledge_base_id,
            "document_id": created.id,
            "position": position,
            "heading": heading,
            "text": text,
        }
        for position, (heading, text) in enumerate(passages)
    ]
    if pieces:
        await session.execute(sa.insert(tables.passages), pieces)
    return _document(created)


async def clear(session: Session, knowledge_base_id: str) -> None:
    """Forget all of it, and what it was called; it stays, empty."""
    table, base = tables.documents, tables.knowledge_bases
    await session.execute(sa.delete(table).where(table.c.knowledge_base_id == knowledge_base_id))
    await session.execute(sa.update(base).where(base.c.id == knowledge_base_id).values(name=""))


async def documents(session: Session, knowledge_base_id: str) -> list[Document]:
    """By name."""
    table = tables.documents
    query = sa.select(table).where(table.c.knowledge_base_id == knowledge_base_id).order_by(table.c.name, table.c.id)
    return [_document(row) for row in await session.execute(query)]


async def passages(session: Session, knowledge_base_id: str) -> list[StoredPassage]:
    """All of them, by document name and position."""
    query = _passages(knowledge_base_id, sa.literal(0.0))
    query = query.order_by(tables.documents.c.name, tables.passages.c.position)
    return [_passage(row) for row in await session.execute(query)]


async def candidates(
    session: Session, knowledge_base_id: str, *, terms: Sequence[str], limit: int
) -> list[StoredPassage]:
    """Passages with any of the words in `terms`, best first. Terms are words and nothing else: whatever is not a letter
    or a digit separates them, so no text of a meeting reaches the search syntax."""
    words = list(dict.fromkeys(word for term in terms for word in _WORD.findall(term.lower())))[:MAX_TERMS]
    if not words:
        return []
    query = {"sqlite": _sqlite_query, "postgresql": _postgresql_query}[session.dialect.name](knowledge_base_id, words)
    return [_passage(row) for row in await session.execute(query.limit(limit))]


def _sqlite_query(knowledge_base_id: str, words: Sequence[str]) -> sa.Select[Any]:
    fts = sa.table(fulltext.FTS_TABLE, sa.column("rowid"))
    name: Any = sa.literal_column(fulltext.FTS_TABLE)
    badness = sa.func.bm25(name, 2.0, 1.0)  # a word in the heading counts twice; the best is the most negative
    match = name.op("MATCH")(" OR ".join(f'"{word}"' for word in words))
    query = _passages(knowledge_base_id, -badness).join(fts, fts.c.rowid == tables.passages.c.id)
    return query.where(match).order_by(badness, tables.passages.c.id)


def _postgresql_query(knowledge_base_id: str, words: Sequence[str]) -> sa.Select[Any]:
    english: Any = sa.literal_column("'english'::regconfig")
    asked: Any = sa.func.plainto_tsquery(english, words[0])
    for word in words[1:]:
        asked = asked.op("||")(sa.func.plainto_tsquery(english, word))
    search: Any = sa.literal_column(f"passages.{fulltext.TSVECTOR_COLUMN}")
    score = sa.func.ts_rank(search, asked)
    query = _passages(knowledge_base_id, score).where(search.op("@@")(asked))
    return query.order_by(score.desc(), tables.passages.c.id)


def _passages(knowledge_base_id: str, score: Any) -> sa.Select[Any]:
    table, source = tables.passages, tables.documents
    columns = (table.c.id, table.c.document_id, table.c.position, table.c.heading, table.c.text)
    query = sa.select(*columns, source.c.name.label("document"), score.label("score"))
    return query.join(source, source.c.id == table.c.document_id).where(table.c.knowledge_base_id == knowledge_base_id)


async def _workspace_of(session: Session, knowledge_base_id: str) -> str:
    table = tables.knowledge_bases
    query = sa.select(table.c.workspace_id).where(table.c.id == knowledge_base_id)
    workspace_id = (await session.execute(query)).scalar_one_or_none()
    if workspace_id is None:
        raise UnknownKnowledgeBase(knowledge_base_id=knowledge_base_id)
    return str(workspace_id)


def _document(row: sa.Row[Any]) -> Document:
    values = dict(row._mapping)
    del values["workspace_id"]
    return Document(**values)


def _passage(row: sa.Row[Any]) -> StoredPassage:
    return StoredPassage(**row._mapping)
