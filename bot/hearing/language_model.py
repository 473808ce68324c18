"""A language model and dictionary for one knowledge base: what a listener who has read it expects to hear.

Trigrams with back-off. The bigrams are mixed from three sources: the knowledge text (absolute discounting), patterns of
questions that name no subject (`questions.txt`), and general English, which is read out of the trigram model that
pocketsphinx carries, for the words concerned; the trigrams come from the first two. Written in ARPA format with its
dictionary, in a folder named by the content.
"""

from __future__ import annotations

import hashlib
import math
import shutil
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bot.hearing.phones import cmu_phones
from bot.hearing.words import other_numbers, sentences, spoken_words

VERSION = 4  # of what `build` makes from the same input: part of the folder's name
GENERAL_WORDS = 1400  # the commonest of general English, always in the vocabulary
KNOWLEDGE, QUESTIONS, GENERAL = 0.6, 0.2, 0.2  # shares of the mixture
DISCOUNT = 0.6
SHORTEST = 3  # words up to this length have no other forms worth hearing
TRIGRAM = 0.6  # share of what was counted after two words; the rest is left to the bigram
GENERAL_MIN = 2e-4  # a general bigram rarer than this is left to the back-off
BEGIN, END, ANY = "<s>", "</s>", "*"
SPHINX_LOG = math.log(1.0001)  # pocketsphinx counts in logarithms to this base

Probabilities = dict[str, float]
Bigrams = dict[str, dict[str, float]]
Pair = tuple[str, str]
Trigrams = dict[Pair, dict[str, float]]
Counts = defaultdict[str, Counter[str]]


def folder_name(texts: Sequence[str], names: Sequence[str]) -> str:
    digest = hashlib.sha256(repr((VERSION, list(texts), list(names))).encode())
    digest.update(_patterns_path().read_bytes())
    return f"lm-{digest.hexdigest()[:20]}"


def unknown_words(texts: Iterable[str], names: Iterable[str]) -> list[str]:
    """Words the bundled dictionary cannot pronounce; espeak-ng is asked about them."""
    wanted = {word for text in (*texts, *names) for word in spoken_words(text)}
    return sorted(wanted - _bundled_dictionary().keys())


def build(folder: Path, texts: Sequence[str], names: Sequence[str], ipa: Mapping[str, str]) -> None:
    """Write `model.arpa` and `words.dict` into `folder`, whole or not at all."""
    pronunciations = _bundled_dictionary()
    for word, said in ipa.items():
        if phones := cmu_phones(said):
            pronunciations.setdefault(word, [" ".join(phones)])
    general = _General()
    corpus = [[w for w in sentence if w in pronunciations] for text in texts for sentence in sentences(text)]
    patterns = _patterns() + [spoken_words(name) for name in names] + [["hey", *spoken_words(name)] for name in names]
    patterns = [[w for w in pattern if w == ANY or w in pronunciations] for pattern in patterns]
    corpus += _other_forms(corpus, pronunciations)
    vocabulary = {w for sentence in (*corpus, *patterns) for w in sentence if w != ANY}
    vocabulary |= set(general.commonest(pronunciations, GENERAL_WORDS))
    words = [BEGIN, END, *sorted(vocabulary)]
    unigrams, bigrams = _mix(words, corpus, patterns, general)
    trigrams = _trigrams([*corpus, *patterns, *patterns], unigrams, bigrams)

    folder.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=".lm-", dir=folder.parent))
    (made / "model.arpa").write_text("\n".join(_arpa(words, unigrams, bigrams, trigrams)))
    (made / "words.dict").write_text("\n".join(_dictionary_lines(words, pronunciations)) + "\n")
    try:
        made.rename(folder)
    except OSError:  # another process of this installation was faster
        shutil.rmtree(made)
        if not folder.is_dir():
            raise


def _other_forms(corpus: Sequence[Sequence[str]], known: Mapping[str, object]) -> list[list[str]]:
    """Who has read of orchids and cacti is asked about an orchid and a cactus: each word's other number, once."""
    read = {word for sentence in corpus for word in sentence if len(word) > SHORTEST}
    forms = {form for word in read for form in other_numbers(word) if form in known}
    return [[form] for form in sorted(forms - read)]


def _mix(
    words: Sequence[str], corpus: Sequence[Sequence[str]], patterns: Sequence[Sequence[str]], general: _General
) -> tuple[Probabilities, Bigrams]:
    known, asked = _counts(corpus), _counts(patterns)
    unigrams = _mixed_unigrams(words, known, asked, general)
    bigrams: Bigrams = {}
    matrix = general.bigrams(words)
    for row, before in enumerate(words):
        if before == END:
            continue
        explicit = {words[column]: GENERAL * p for column, p in matrix[row]}
        for share, counts in ((KNOWLEDGE, known), (QUESTIONS, asked)):
            total = sum(counts[before].values())
            for after, count in counts[before].items():
                if after != ANY:
                    explicit[after] = explicit.get(after, 0.0) + share * max(count - DISCOUNT, 0.0) / total
        for after in explicit:
            explicit[after] += 0.1 * unigrams[after]
        heavy = sum(explicit.values())
        if heavy > 0.95:  # always leave the back-off something
            explicit = {after: p * 0.95 / heavy for after, p in explicit.items()}
        bigrams[before] = explicit
    return unigrams, bigrams


def _mixed_unigrams(words: Sequence[str], known: Counts, asked: Counts, general: _General) -> Probabilities:
    def of(counts: Counts) -> Counter[str]:
        whole: Counter[str] = Counter()
        for following in counts.values():  # adding counters up would copy the whole for each
            whole.update(following)
        return whole

    mixed: dict[str, float] = defaultdict(float)
    for share, source in ((KNOWLEDGE, of(known)), (QUESTIONS, of(asked))):
        source.pop(ANY, None)
        total = sum(source.values())
        for word, count in source.items():
            mixed[word] += share * count / total
    for word in words:
        mixed[word] += GENERAL * general.unigram(word)
    mixed.pop(BEGIN, None)
    whole = sum(mixed.values())
    return {word: max(mixed[word] / whole, 1e-7) for word in words if word != BEGIN}


def _trigrams(sentences: Iterable[Sequence[str]], unigrams: Probabilities, bigrams: Bigrams) -> Trigrams:
    """What follows two words, where that was counted: interpolated with the bigram's probability."""
    counts: defaultdict[Pair, Counter[str]] = defaultdict(Counter)
    for sentence in sentences:
        told = [BEGIN, *sentence, END]
        for first, second, third in zip(told, told[1:], told[2:], strict=False):
            if ANY not in (first, second):
                counts[first, second][third] += 1
    backoffs = {before: _backoff(after, unigrams) for before, after in bigrams.items()}
    trigrams: Trigrams = {}
    for (first, second), following in counts.items():
        if second not in bigrams.get(first, {}):
            continue
        total = sum(following.values())
        trigrams[first, second] = {
            third: TRIGRAM * max(count - DISCOUNT, 0.0) / total
            + (1 - TRIGRAM) * bigrams[second].get(third, backoffs[second] * unigrams[third])
            for third, count in following.items()
            if third != ANY
        }
    return {pair: following for pair, following in trigrams.items() if following}


def _backoff(explicit: Probabilities, lower: Probabilities) -> float:
    """The weight that makes a history sum to one (Katz 1987, with the mixture as the lower order)."""
    left = 1.0 - sum(explicit.values())
    return max(left, 1e-6) / max(1.0 - sum(lower[after] for after in explicit), 1e-6)


def _counts(corpus: Iterable[Sequence[str]]) -> Counts:
    counts: Counts = defaultdict(Counter)
    for sentence in corpus:
        for before, after in zip([BEGIN, *sentence], [*sentence, END], strict=True):
            if before != ANY:
                counts[before][after] += 1
    return counts


class _General:
    """General English, as the trigram model inside the pocketsphinx distribution (BSD) has it."""

    def __init__(self) -> None:
        from pocketsphinx import NGramModel, get_model_path

        self._model = NGramModel.readfile(get_model_path("en-us/en-us.lm.bin"))

    def unigram(self, word: str) -> float:
        return math.exp(self._model.prob([word]) * SPHINX_LOG)

    def commonest(self, words: Iterable[str], count: int) -> list[str]:
        return sorted(words, key=lambda word: -int(self._model.prob([word])))[:count]

    def bigrams(self, words: Sequence[str]) -> list[list[tuple[int, float]]]:
        """For each word those that follow it clearly more often than by chance, with their probability."""
        probability, floor = self._model.prob, math.log(GENERAL_MIN) / SPHINX_LOG
        alone: NDArray[np.float64] = np.array([probability([word]) for word in words], np.float64)
        following = []
        for before in words:
            logs = np.array([probability([after, before]) for after in words], np.float64)
            logs[0] = -np.inf  # nothing is followed by a beginning
            chosen = np.flatnonzero((logs > floor) & (logs > alone + 1.0 / SPHINX_LOG))
            following.append([(int(column), math.exp(logs[column] * SPHINX_LOG)) for column in chosen])
        return following


def _arpa(words: Sequence[str], unigrams: Probabilities, bigrams: Bigrams, trigrams: Trigrams) -> Iterable[str]:
    sizes = (len(words), sum(map(len, bigrams.values())), sum(map(len, trigrams.values())))
    yield from ("\\data\\", *(f"ngram {order}={size}" for order, size in enumerate(sizes, 1)), "", "\\1-grams:")
    backoffs = {before: _backoff(explicit, unigrams) for before, explicit in bigrams.items()}
    for word in words:
        own = math.log10(unigrams[word]) if word != BEGIN else -99.0
        yield f"{own:.4f} {word} {math.log10(backoffs[word]):.4f}" if word != END else f"{own:.4f} {word}"
    yield from ("", "\\2-grams:")
    for before, explicit in bigrams.items():
        for after, probability in explicit.items():
            line = f"{math.log10(probability):.4f} {before} {after}"
            if following := trigrams.get((before, after)):
                lower = {w: bigrams[after].get(w, backoffs[after] * unigrams[w]) for w in following}
                line += f" {math.log10(_backoff(following, lower)):.4f}"
            yield line
    yield from ("", "\\3-grams:")
    for (first, second), following in trigrams.items():
        for third, probability in following.items():
            yield f"{math.log10(probability):.4f} {first} {second} {third}"
    yield from ("", "\\end\\", "")


def _dictionary_lines(words: Sequence[str], pronunciations: Mapping[str, Sequence[str]]) -> Iterable[str]:
    for word in words:
        for index, phones in enumerate(pronunciations.get(word, ())):
            yield f"{word}{f'({index + 1})' if index else ''} {phones}"


def _bundled_dictionary() -> dict[str, list[str]]:
    from pocketsphinx import get_model_path

    pronunciations: dict[str, list[str]] = {}
    with Path(get_model_path("en-us/cmudict-en-us.dict")).open(encoding="utf-8") as lines:
        for line in lines:
            name, _, phones = line.strip().partition(" ")
            pronunciations.setdefault(name.split("(")[0], []).append(phones)
    return pronunciations


def _patterns_path() -> Path:
    return Path(__file__).with_name("questions.txt")


def _patterns() -> list[list[str]]:
    lines = _patterns_path().read_text(encoding="utf-8").splitlines()
    return [line.split() for line in lines if line.strip() and not line.startswith("#")]
