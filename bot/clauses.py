"""Text into pieces short enough to start speaking, at places where a speaker would breathe. Pure; knows no voice."""

from __future__ import annotations

import re
from collections.abc import Iterator

MAX_CHARS = 160  # about ten seconds of speech
MIN_CHARS = 24  # shorter pieces sound chopped, unless they are whole sentences

_SENTENCE_END = re.compile(r"[.!?…]+[\"'”’)\]]*(?=\s)|\n{2,}")
_BREATH = re.compile(r"[,;:][\"'”’)\]]*(?=\s)|\s[–—-](?=\s)")
_ABBREVIATION = re.compile(r"\b(?:e\.g|i\.e|etc|approx|Dr|Mr|Mrs|Ms|St|No|vs|[A-Z])\.$")


class ClauseSplitter:
    """Takes text as it arrives, gives whole pieces as soon as they are sure. White space is made single."""

    def __init__(self, max_chars: int = MAX_CHARS) -> None:
        self._max_chars = max_chars
        self._rest = ""

    def add(self, text: str) -> Iterator[str]:
        self._rest += text
        while (end := self._cut()) > 0:
            piece, self._rest = self._rest[:end], self._rest[end:].lstrip()
            if piece.strip():
                yield " ".join(piece.split())

    def close(self) -> Iterator[str]:
        """What is left, however it ends."""
        yield from self.add("\n\n ")

    def _cut(self) -> int:
        """Where the next piece ends; 0 when more text is needed to say."""
        for match in _SENTENCE_END.finditer(self._rest):
            if match.end() > self._max_chars:
                break
            if not _ABBREVIATION.search(self._rest[: match.end()]):
                return match.end()
        if len(self._rest) <= self._max_chars:
            return 0
        breaths = [m.end() for m in _BREATH.finditer(self._rest, MIN_CHARS, self._max_chars)]
        if breaths:
            return breaths[-1]
        space = self._rest.rfind(" ", 1, self._max_chars)
        return space if space > 0 else self._max_chars


def split_clauses(text: str, max_chars: int = MAX_CHARS) -> list[str]:
    splitter = ClauseSplitter(max_chars)
    return [*splitter.add(text), *splitter.close()]
