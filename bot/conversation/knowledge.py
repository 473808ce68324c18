"""Finding the passage that answers: a source proposes candidates for the words of a question, this ranks them.

The source is injected (the store's full-text search) and asked with OR terms. Ranking is BM25 (Robertson and Zaragoza
2009, k1 1.2, b 0.6) over stems, with the heading counted heavily, half credit for words of the same family, some for
words that sound alike (questions come from a recogniser), and a bonus for word pairs. Below a threshold nothing fits.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from bot.conversation.base import Passage
from bot.conversation.terms import content_words, edits, family_words, relatives, same_root, sounds_like, stem

CandidateSource = Callable[[Sequence[str], int], Awaitable[Sequence[Passage]]]

MAX_TERMS = 64
CANDIDATES = 60
MAX_REMEMBERED = 5000  # words whose meanings are kept
MAX_READINGS = 9
READING_DECAY = 0.9
K1, B = 1.2, 0.6


@dataclass(frozen=True, kw_only=True, slots=True)
class Weights:
    heading: float = 2.5  # occurrences a word of the heading counts for
    relative: float = 0.65  # of a word of the same family
    root: float = 0.7  # of a word that begins alike
    sound: float = 0.55  # of a word that sounds the same, where the base does not have the word itself
    sound_known: float = 0.2  # the same where it has
    sound_from: float = 0.75  # least likeness that counts
    pair: float = 0.3  # for two neighbouring question words near each other in the passage
    coverage: float = 0.3  # of the score, by the share of the question's weight that was found
    unknown: float = 3.0  # a question word the base does not have: as rare as one in twenty passages, often misheard
    threshold: float = 0.3  # of the question's own weight: what must be found for an answer


class _Indexed:
    def __init__(self, passage: Passage, weights: Weights) -> None:
        self.passage = passage
        words = content_words(passage.text)
        self.stems = [stem(word) for word in words]
        self.counts: dict[str, float] = dict(Counter(self.stems))
        for word in content_words(passage.heading):
            self.counts[stem(word)] = self.counts.get(stem(word), 0.0) + weights.heading
        for word in content_words(passage.document.rsplit("/", 1)[-1].rsplit(".", 1)[0].replace("-", " ")):
            self.counts[stem(word)] = self.counts.get(stem(word), 0.0) + 1.0
        self.length = len(words)
        self.near = {pair for gap in (1, 2, 3) for pair in zip(self.stems, self.stems[gap:], strict=False)}


class RankedKnowledge:
    """Satisfies `base.Knowledge`. `passages` is the whole base: it gives the words' rarity, the sound-alikes and what
    the source is asked for."""

    def __init__(
        self, passages: Sequence[Passage], candidates: CandidateSource, *, weights: Weights | None = None
    ) -> None:
        self._weights = weights or Weights()
        self._candidates = candidates
        self._by_id = {passage.passage_id: _Indexed(passage, self._weights) for passage in passages}
        self._frequency = Counter(one for indexed in self._by_id.values() for one in indexed.counts)
        self._mean_length = sum(i.length for i in self._by_id.values()) / max(len(self._by_id), 1)
        self._meaning: dict[str, dict[str, float]] = {}
        self._written: dict[str, set[str]] = {}
        for passage in passages:
            for word in content_words(f"{passage.heading} {passage.text} {passage.document}"):
                self._written.setdefault(stem(word), set()).add(word)

    async def search(self, query: str, *, limit: int = 4, readings: Sequence[str] = ()) -> Sequence[Passage]:
        """A reading that fits a passage well is likelier to be what was said: each passage counts with the reading
        that suits it best, less for each place further down."""
        asked = [_terms(reading) for reading in (query, *readings[:MAX_READINGS])]
        wanted = {term: self._meanings(term) for term in {term for terms in asked for term in terms}}
        written = {word for meanings in wanted.values() for one in meanings for word in self._written[one]}
        if not written:
            return []
        found = await self._candidates(self._rarest_first(sorted(written))[:MAX_TERMS], CANDIDATES)
        best: dict[str, Passage] = {}
        for place, terms in enumerate(asked):
            for passage in (self._scored(terms, wanted, passage) for passage in found) if terms else ():
                score = passage.score * READING_DECAY**place
                if score > 0.0 and (passage.passage_id not in best or score > best[passage.passage_id].score):
                    best[passage.passage_id] = replace(passage, score=score)
        return sorted(best.values(), key=lambda passage: -passage.score)[:limit]

    def _rarest_first(self, words: Sequence[str]) -> list[str]:
        return sorted(words, key=lambda word: self._frequency[stem(word)])

    def _meanings(self, term: str) -> dict[str, float]:
        """Stems of the base that the term may stand for, with the credit each earns."""
        if term not in self._meaning:
            if len(self._meaning) >= MAX_REMEMBERED:
                self._meaning.clear()
            self._meaning[term] = self._look_up(term)
        return self._meaning[term]

    def _look_up(self, term: str) -> dict[str, float]:
        meanings = {term: 1.0} if term in self._written else {}
        for other in {*relatives(term), *map(stem, family_words(term))} - {term}:
            if other in self._written:
                meanings[other] = self._weights.relative
        for other in self._written.keys() - meanings.keys():
            if same_root(term, other):
                meanings[other] = self._weights.root
            elif (likeness := sounds_like(term, other)) >= self._weights.sound_from and _spelled_alike(term, other):
                credit = self._weights.sound_known if term in self._written else self._weights.sound
                meanings[other] = likeness * credit
        return meanings

    def _rarity(self, term: str) -> float:
        count = self._frequency[term]
        return math.log(1.0 + (len(self._by_id) - count + 0.5) / (count + 0.5))

    def _scored(self, terms: Sequence[str], wanted: dict[str, dict[str, float]], passage: Passage) -> Passage:
        indexed = self._by_id.get(passage.passage_id) or _Indexed(passage, self._weights)
        total = found_weight = score = 0.0
        for term in dict.fromkeys(terms):
            best, matched = 0.0, 0.0
            for meaning, credit in wanted[term].items():
                count = indexed.counts.get(meaning, 0.0)
                norm = K1 * (1 - B + B * indexed.length / max(self._mean_length, 1.0))
                gain = credit * self._rarity(meaning) * count * (K1 + 1) / (count + norm)
                if gain > best:
                    best, matched = gain, credit
            own = self._rarity(term) if term in self._written else self._weights.unknown
            score += best
            total += own
            found_weight += own * matched
        for pair in pairwise(terms):
            if pair in indexed.near or pair[::-1] in indexed.near:
                score += self._weights.pair * (self._rarity(pair[0]) + self._rarity(pair[1])) / 2
        share = found_weight / total if total else 0.0
        fits = share >= self._weights.threshold
        blended = score * (1 - self._weights.coverage + self._weights.coverage * share) if fits else 0.0
        return replace(passage, score=blended)


def _terms(query: str) -> list[str]:
    return [stem(word) for word in content_words(query)]


def _spelled_alike(one: str, other: str) -> bool:
    """Short words have few sounds, so by sound alone "bed" would be "pot"."""
    shortest = min(len(one), len(other))
    return shortest > 3 and edits(one, other) <= (2 if shortest == 4 else 4)
