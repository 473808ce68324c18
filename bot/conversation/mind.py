"""A mind without a model: it answers by quoting the passage that fits best, names the document, and says plainly when
its knowledge has nothing."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence

from bot.conversation.base import Clause, Knowledge, Passage, Said
from bot.conversation.passages import split_sentences
from bot.conversation.smalltalk import small_talk
from bot.conversation.terms import content_words, relatives, stem

MAX_SENTENCES = 2
MAX_CHARS = 320
FIRST = 1.5  # matched words the first sentence is ahead: a passage opens with what it has to say
UNKNOWN = "I'm sorry, I don't have anything about that in my notes."
NOTHING_HEARD = "I'm sorry, I didn't catch that. Could you say it again?"


class QuotingMind:
    """Satisfies `base.Mind`. `about`: one sentence of what it can be asked."""

    def __init__(self, knowledge: Knowledge, *, name: str, about: str = "Ask me about what is in my notes.") -> None:
        self._knowledge, self._name, self._about = knowledge, name, about

    async def answer(
        self, question: str, *, speaker: str, history: Sequence[Said], readings: Sequence[str] = ()
    ) -> AsyncIterator[Clause]:
        if not question.strip():
            yield Clause(text=NOTHING_HEARD)
            return
        if reply := small_talk(question, name=self._name, about=self._about):
            yield Clause(text=reply)
            return
        found = await self._knowledge.search(question, limit=2, readings=readings)
        if not found:
            yield Clause(text=UNKNOWN)
            return
        best = found[0]
        sentences = key_sentences(question, best)
        lead = f"From my notes on {source_name(best)}:"
        yield Clause(text=f"{lead} {sentences[0]}", passages=(best.passage_id,))
        for sentence in sentences[1:]:
            yield Clause(text=sentence, passages=(best.passage_id,))


def key_sentences(question: str, passage: Passage) -> list[str]:
    """The one or two sentences of the passage that answer, in their order; neighbours are preferred."""
    sentences = split_sentences(passage.text)
    asked = {stem(word) for word in content_words(question)}
    near = {other for one in asked for other in relatives(one)}
    scores = [_worth(sentence, asked, near, index) for index, sentence in enumerate(sentences)]
    pairs = [(scores[i] + scores[i + 1], i) for i in range(len(sentences) - 1)]
    pairs = [(score, i) for score, i in pairs if len(sentences[i]) + len(sentences[i + 1]) <= MAX_CHARS]
    if not pairs:
        return [sentences[max(range(len(sentences)), key=scores.__getitem__)]]
    start = max(pairs, key=lambda pair: (pair[0], -pair[1]))[1]
    return sentences[start : start + MAX_SENTENCES]


def source_name(passage: Passage) -> str:
    """The document's name as one says it."""
    name = passage.document.rsplit("/", 1)[-1]
    return re.sub(r"[-_]+", " ", re.sub(r"\.\w{1,5}$", "", name)).strip() or "this"


def _worth(sentence: str, asked: set[str], near: set[str], index: int) -> float:
    stems = {stem(word) for word in content_words(sentence)}
    return len(stems & asked) + 0.4 * len(stems & near) + (FIRST if index == 0 else 0.0)
