"""Written text as a speaker would say it: lower case words, numbers spelled out. Pure; English."""

from __future__ import annotations

import re

_ONES = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_UNITS = {"°c": "degrees", "°": "degrees", "%": "percent", "cm": "centimetres", "mm": "millimetres", "kg": "kilos"}
_TOKEN = re.compile(r"\d+|[a-z]+(?:'[a-z]+)*|°c|[°%]")
_SENTENCE = re.compile(r"(?<=[.!?:;])\s+|\n+")


def sentences(text: str) -> list[list[str]]:
    """Sentences as spoken words."""
    return [words for part in _SENTENCE.split(text) if (words := spoken_words(part))]


def spoken_words(text: str) -> list[str]:
    tokens = _TOKEN.findall(text.lower().replace("’", "'"))
    return [word for token in tokens for word in _spoken(token)]


_LATIN = (("i", "us"), ("us", "i"), ("ae", "a"))
_ENGLISH = (("ies", "y"), ("ves", "f"), ("es", ""), ("s", ""))


def other_numbers(word: str) -> set[str]:
    """What may be the word's singular or plural, regular or Latin; some are no words: a dictionary decides."""
    plural = (
        word[:-1] + "ies" if word.endswith("y") else word + ("es" if word.endswith(("s", "x", "ch", "sh")) else "s")
    )
    stems = [(end, instead) for end, instead in (*_ENGLISH, *_LATIN) if word.endswith(end)]
    return {plural, *(word[: -len(end)] + instead for end, instead in stems)} - {word}


def number_words(number: int) -> list[str]:
    """1250 -> one thousand two hundred fifty. Above 999999 digit by digit."""
    if number < 20:
        return [_ONES[number]]
    if number < 100:
        return [_TENS[number // 10], *(number_words(number % 10) if number % 10 else [])]
    for size, name, limit in ((100, "hundred", 1000), (1000, "thousand", 1_000_000)):
        if number < limit:
            rest = number_words(number % size) if number % size else []
            return [*number_words(number // size), name, *rest]
    return [_ONES[int(digit)] for digit in str(number)]


def _spoken(token: str) -> list[str]:
    if token.isdigit():
        return number_words(int(token))
    return [_UNITS.get(token, token)]
