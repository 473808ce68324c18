"""From words to what is searched for: stop words, light stems, everyday variants, and how a word sounds. Pure; English.

The variants are general English (a plural, a synonym of everyday speech), not tuned to one knowledge base: they are
computed from small word families, without weights.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from pathlib import Path

import snowballstemmer


def lines(name: str) -> list[list[str]]:
    """The words of each line of a word list of this package."""
    text = Path(__file__).with_name(name).read_text(encoding="utf-8")
    return [line.split() for line in text.splitlines() if line.strip() and not line.startswith("#")]


STOP_WORDS = frozenset(word for line in lines("stop_words.txt") for word in line)
_BASE_FORMS = {form: forms[0] for forms in lines("irregular.txt") for form in forms}
FAMILIES = tuple(tuple(line) for line in lines("families.txt"))
_LETTER = r"(?:[^\W_]|[\u0900-\u0eff])"  # the second: scripts whose vowel signs are marks, not letters
WORD = rf"{_LETTER}+(?:'{_LETTER}+)?"
_WORD = re.compile(WORD)
_ACCENTS = re.compile("[\u0300-\u036f]")
_PLAIN = str.maketrans({"’": "'", "ø": "o", "ł": "l", "đ": "d", "ß": "ss", "æ": "ae", "œ": "oe"})


def folded(text: str) -> str:
    """Lower case, without accents: a recogniser writes "zoe" for Zoë. Letters of any script stay."""
    if text.isascii():
        return text.lower()
    plain = unicodedata.normalize("NFKD", text.lower().translate(_PLAIN))
    return unicodedata.normalize("NFC", _ACCENTS.sub("", plain))


def words_of(text: str) -> list[str]:
    return _WORD.findall(folded(text))


def content_words(text: str) -> list[str]:
    return [word for word in words_of(text) if word not in STOP_WORDS and len(word) > 1]


_snowball = snowballstemmer.stemmer("english")


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """One form for a word's everyday forms: irregular ones by a table, the rest by Snowball's English stemmer
    (Porter 2001)."""
    word = word.removesuffix("'s")
    return str(_snowball.stemWord(_BASE_FORMS.get(word, word)))


def same_root(one: str, other: str) -> bool:
    """Whether two stems begin alike as words of one root do: powder and powdery, sand and sandy."""
    short, long = sorted((one, other), key=len)
    shared = next((at for at, pair in enumerate(zip(short, long, strict=False)) if pair[0] != pair[1]), len(short))
    return shared >= 4 and shared >= len(short) - 1 and len(long) - shared <= 3


@lru_cache(maxsize=1)
def _related() -> dict[str, frozenset[str]]:
    related: dict[str, set[str]] = {}
    for family in FAMILIES:
        stems = {stem(word) for word in family}
        for one in stems:
            related.setdefault(one, set()).update(stems - {one})
    return {word: frozenset(others) for word, others in related.items()}


def relatives(stemmed: str) -> frozenset[str]:
    """Stems of other words of the same family."""
    return _related().get(stemmed, frozenset())


def family_words(stemmed: str) -> list[str]:
    """Written words of the families the stem belongs to, for a source that matches whole words."""
    return sorted({word for family in FAMILIES if any(stem(w) == stemmed for w in family) for word in family})


_SOUNDS = (
    (r"^(kn|gn|pn)", "n"), (r"^wr", "r"), (r"^ps", "s"), (r"^x", "s"), (r"mb$", "m"), (r"ough", "o"), (r"augh", "a"),
    (r"igh", "i"), (r"ph", "f"), (r"tch", "C"), (r"ch", "C"), (r"sh|tio|sio|cia", "C"), (r"dge|dg|j", "C"),
    (r"ge$|g(?=[ei])", "C"), (r"th", "t"), (r"ck", "k"), (r"c(?=[eiy])", "s"), (r"c|q", "k"), (r"x", "ks"),
    (r"wh", "w"), (r"gh", "g"), (r"v", "f"), (r"z", "s"), (r"d", "t"), (r"b", "p"), (r"g", "k"),
)  # fmt: skip


@lru_cache(maxsize=20_000)
def sound_key(word: str) -> str:
    """How a word sounds, roughly (after Philips' Metaphone, coarser: voiced and voiceless consonants are one), for
    misheard words. Vowels count only at the start."""
    for pattern, instead in _SOUNDS:
        word = re.sub(pattern, instead, word)
    first = "A" if word[:1] in "aeiou" else word[:1]
    rest = re.sub(r"[aeiouyhw']", "", word[1:])
    return re.sub(r"(.)\1+", r"\1", first + rest)


@lru_cache(maxsize=50_000)
def sounds_like(one: str, other: str) -> float:
    """0..1: 1 for the same key, less for each sound added, lost or changed."""
    a, b = sound_key(one), sound_key(other)
    if not a or not b or abs(len(a) - len(b)) > 1:
        return 0.0
    longest = max(len(a), len(b))
    return max(0.0, 1.0 - edits(a, b) / longest)


def edits(a: str, b: str) -> int:
    """Levenshtein distance."""
    row = list(range(len(b) + 1))
    for i, left in enumerate(a, 1):
        diagonal, row[0] = row[0], i
        for j, right in enumerate(b, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (left != right))
    return row[-1]
