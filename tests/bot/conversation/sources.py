"""Candidate sources for tests: SQLite's full-text search in memory, as the store's is. And the shipped knowledge."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from bot.conversation.base import Passage
from bot.conversation.passages import split_document

LIBRARY = Path(__file__).parents[3] / "bot" / "library"


def passages_of(folder: Path) -> list[Passage]:
    return [
        Passage(passage_id=f"{path.name}#{position}", document=path.name, heading=heading, text=text)
        for path in sorted(folder.glob("*.md"))
        for position, (heading, text) in enumerate(split_document(path.name, path.read_text()))
    ]


def iris_passages() -> list[Passage]:
    return passages_of(LIBRARY / "iris" / "knowledge")


class FullTextSource:
    """`await source(terms, limit)`: passages with any of the terms, best BM25 first."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        self._passages = {passage.passage_id: passage for passage in passages}
        self._database = sqlite3.connect(":memory:")
        self._database.execute(
            "CREATE VIRTUAL TABLE passage USING fts5(id UNINDEXED, heading, text, tokenize='porter')"
        )
        rows = [(p.passage_id, p.heading, p.text) for p in passages]
        self._database.executemany("INSERT INTO passage VALUES (?, ?, ?)", rows)

    async def __call__(self, terms: Sequence[str], limit: int) -> Sequence[Passage]:
        query = " OR ".join('"' + term.replace('"', "") + '"' for term in terms)
        found = self._database.execute(
            "SELECT id FROM passage WHERE passage MATCH ? ORDER BY rank LIMIT ?", (query, limit)
        )
        return [self._passages[row[0]] for row in found]
