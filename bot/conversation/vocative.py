"""Is the bot called, or talked about? Rules over where its name stands in a sentence. Pure; English.

A name is a call at the start ("Iris, what is mulch"), at the end ("what do you think, Iris") and between pauses. It is
talk about the bot as a subject ("Iris said so"), an object ("ask Iris later") or an owner ("Iris's answer").
Recognisers drop commas and mishear names: without a comma the words around decide (`calls.txt`), and a word that only
sounds like the name counts where the rest is plainly said to someone. Of a name that is an everyday word too
(`common_names.txt`: Will, May, Hope) only what can be nothing but a call is one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from bot.conversation.phrases import FILLER
from bot.conversation.terms import STOP_WORDS, WORD, edits, folded, lines, sound_key, words_of


class Named(StrEnum):
    CALLED = "called"
    MENTIONED = "mentioned"
    NOT = "not"


def _groups() -> dict[str, frozenset[str]]:
    groups: dict[str, set[str]] = {}
    for group, *words in lines("calls.txt"):
        groups.setdefault(group.removesuffix(":"), set()).update(words)
    return {group: frozenset(words) for group, words in groups.items()}


_WORDS = _groups()
_OPENERS, _GREETINGS, _ORDERS, _BEFORE_AN_OBJECT = (_WORDS[g] for g in ("openers", "greetings", "orders", "before"))
_QUESTION_WORDS, _INVERTED, _AUXILIARIES = (_WORDS[g] for g in ("question", "inverted", "auxiliaries"))
_MODALS = frozenset({"can", "could", "will", "would", "should", "shall", "might", "must", "may"})
_SUBJECTS, _THEIRS, _ADVERBS, _QUOTING, _NO_VERBS, _PLACES, _PARTICLES = (
    _WORDS[g] for g in ("subjects", "theirs", "adverbs", "quoting", "no-verbs", "places", "particles")
)
_PRONOUNS = frozenset({"you", "i", "we", "it", "they", "he", "she", "there"})
_ASKING = _QUESTION_WORDS | _INVERTED | _AUXILIARIES | _ORDERS | {"you", "your", "please", "i"}
_THIRD_PERSON = re.compile(r"[^\W\d_]{2,}(?:[^\W\d_su']s|[a-z]ed)")
_COMMON = frozenset(word for line in lines("common_names.txt") for word in line)
_FAREWELLS = frozenset({"bye", "goodbye", "farewell"})
_HAILS = frozenset({"hey", "hi", "hello", "thanks", "dear", "welcome", "morning", "afternoon", "evening"}) | _FAREWELLS
_ENDS_A_QUESTION = frozenset(
    {"think", "say", "know", "mean", "suggest", "recommend", "me", "us", "again", "please", "more"}
)
_ENDS_A_QUESTION_OF_ANY_NAME = frozenset({"think", "say", "mean", "suggest", "recommend"})  # "what do you think Iris"
_ADDS = frozenset({"if", "in", "when", "for", "with", "on", "at", "instead", "then", "now", "today", "here", "to"})
_YOU = frozenset({"you", "your", "yours", "you're"})
_ADDRESS = re.compile(r"https?://\S+|(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,64}\.\w\S*")  # of a page, of mail
_PIECE = re.compile(rf"{WORD}|[,.:;?!@()]|[-–—]{{1,2}}(?=\s)")
_ENDS = frozenset(".?!;")
_PAUSES = frozenset(",:-–—()")
_TOKENS = 4  # of openers before a name that still opens a sentence
_LONGEST_OPENING = 12  # words of thanks, nods and the like before it


@dataclass(frozen=True, kw_only=True, slots=True)
class _Place:
    """Where a name stands in its sentence: the words around it and whether a pause parts them."""

    before: tuple[str, ...]
    after: tuple[str, ...]
    pause_before: bool
    pause_after: bool
    asked: bool  # the sentence ends with a question mark


def named(text: str, names: Sequence[str], *, written: bool = False) -> Named:
    """The strongest of what every sentence says. Who writes a name spells it, so nothing misheard counts then."""
    found = Named.NOT
    for sentence in _sentences(text):
        for name in sorted(names, key=len, reverse=True):
            calls = _calls_by_a_word if is_common(name) else _calls
            for place in _places(sentence, tuple(words_of(name))):
                if calls(place):
                    return Named.CALLED
                found = Named.MENTIONED
        if "@" in sentence and any(_at(sentence, words_of(name)) for name in names):
            return Named.CALLED
        if not written and found is Named.NOT and any(_called_misheard(sentence, name) for name in names):
            return Named.CALLED
    return found


def called_together(text: str, names: Sequence[str], others: Sequence[str]) -> bool:
    """Whether a call opens with us and someone else: "Iris and Bob, what do you both think?"."""
    spoken = ({" ".join(words_of(one)) for one in some} - {""} for some in (names, others))
    ours, theirs = ("|".join(map(re.escape, sorted(some, key=len, reverse=True))) for some in spoken)
    if not ours or not theirs:
        return False
    pairs = re.compile(rf"^((?:\w+ )*?)(?:(?:{ours}) and (?:{theirs})|(?:{theirs}) and (?:{ours}))\b(,?) ?(.*)")
    for sentence in _sentences(text):
        said = re.sub(r" (?=,)", "", " ".join(sentence))
        if (found := pairs.match(said)) is None:
            continue
        before, after = tuple(words_of(found[1])), tuple(words_of(found[3]))
        if after and _opens(before) and not _to_someone(before) and (found[2] or _to_you(after)):
            return True
    return False


def is_common(name: str) -> bool:
    return len(words_of(name)) == 1 and words_of(name)[0] in _COMMON


def is_misheard(word: str, name: str) -> bool:
    """Sounds the same and is spelled nearly so. Vowels at the start are one to a recogniser."""
    if len(name) < 4 or name in _COMMON or word in STOP_WORDS or word == name:
        return False
    if word[:1] != name[:1] and not (word[:1] in "aei" and name[:1] in "aeiou"):
        return False
    return sound_key(word).replace("C", "s") == sound_key(name).replace("C", "s") and edits(word, name) <= 1


def _sentences(text: str) -> list[list[str]]:
    """Pieces, words and marks, of each sentence; the mark that ends it stays."""
    said = re.sub(r"(\w)' ", r"\1's ", folded(_ADDRESS.sub(" ", text)))  # an owner whose name ends in s
    sentences: list[list[str]] = [[]]
    for piece in _PIECE.findall(said):
        sentences[-1].append(piece)
        if piece in _ENDS:
            sentences.append([])
    return [one for one in sentences if one]


def _places(sentence: list[str], name: tuple[str, ...]) -> list[_Place]:
    found = []
    for at in range(len(sentence) - len(name) + 1):
        end = at + len(name)
        if name and tuple(sentence[at:end]) == name:
            found.append(_place(sentence, at, end))
    return found


def _place(sentence: list[str], at: int, end: int) -> _Place:
    return _Place(
        before=tuple(piece for piece in sentence[:at] if piece[0].isalnum()),
        after=tuple(piece for piece in sentence[end:] if piece[0].isalnum()),
        pause_before=at > 0 and sentence[at - 1] in _PAUSES,
        pause_after=end < len(sentence) and sentence[end] in _PAUSES,
        asked=sentence[-1] == "?",
    )


def _at(sentence: list[str], name: list[str]) -> bool:
    return bool(name) and any(
        sentence[i] == "@" and sentence[i + 1 : i + 1 + len(name)] == name for i in range(len(sentence))
    )


def _calls(place: _Place) -> bool:
    opens = _opens(place.before)
    if not place.after:
        what_do_you_think = _asks_you(place.before) and place.before[-1] in _ENDS_A_QUESTION_OF_ANY_NAME
        opens = (opens and not _to_someone(place.before)) or place.pause_before
        return opens or what_do_you_think or not _takes_an_object(place.before)
    if _is_quoted(place.before):
        return False
    if all(word in _FAREWELLS for word in place.after):
        return not _takes_an_object(place.before)
    if opens and not _to_someone(place.before):
        return place.pause_after or not _goes_on_about(place)
    if place.pause_before and place.pause_after:
        return not _goes_on_about(place) or place.before[-1] not in {"and", "or"}
    if place.pause_before or not _takes_an_object(place.before):
        return _to_you(place.after) or (place.after[0] in _ADDS and _asks_you(place.before))
    return False


def _takes_an_object(before: tuple[str, ...]) -> bool:
    """Whether what stands before a name is not over without it: "ask", "with", and not "come on"."""
    *_, verb, last = ("", "", *before)
    called = last == "it" and verb in {"call", "called", "name", "named"}
    return called or (last in _BEFORE_AN_OBJECT and not (last == "on" and verb in _PARTICLES))


def _opens(before: tuple[str, ...]) -> bool:
    """Words that come before what is meant: "okay so", "thanks for your help"."""
    if len(before) <= _TOKENS and all(word in _OPENERS for word in before):
        return True
    said = " ".join(before) if len(before) <= _LONGEST_OPENING else "."
    while found := FILLER.match(said):
        said = said[found.end() :]
    return not said


def _calls_by_a_word(place: _Place) -> bool:
    """Of a name that is an everyday word: parted by a pause, after a hail, or with a question to someone around it."""
    before, after, opens = place.before, place.after, _opens(place.before)
    hailed = bool(before) and opens and (before[-1] in _HAILS or before[-2:] == ("thank", "you"))
    if not after:
        asks = _asks_you(before) and before[-1] in _ENDS_A_QUESTION
        hailed = hailed or before[-1:] in {("hey",), ("hi",), ("hello",)}
        return hailed or asks or not before or (place.pause_before and _is_to_you(place))
    if _is_quoted(before):
        return False
    if place.pause_after and (opens or place.pause_before):
        return not (opens and _to_someone(before))
    if hailed:
        return not _goes_on_about(place)
    return opens and not _to_someone(before) and _asks_someone(after)


def _asks_you(words: tuple[str, ...]) -> bool:
    return "you" in words[1:] and (words[0] in _QUESTION_WORDS or words[0] in _AUXILIARIES | _INVERTED)


def _is_to_you(place: _Place) -> bool:
    first = place.before[0]
    return place.asked or bool(_YOU.intersection(place.before)) or first in _ORDERS | _OPENERS


def _asks_someone(after: tuple[str, ...]) -> bool:
    """A whole question or order without doubt: "what is ...", "can you ...", "tell us ..."."""
    first, second = (*after, "", "")[:2]
    if first == "and":
        return second in _QUESTION_WORDS and _asks_someone(after[1:])
    if first in _QUESTION_WORDS:
        asks = second not in _PRONOUNS and not (_AUXILIARIES | _INVERTED).isdisjoint(after[1:5])
        return asks or "'" in first or first == "how" or second == "about"
    asks = first in {"please", "thanks"} or (first in _AUXILIARIES | _INVERTED and second in _PRONOUNS)
    return asks or (first in _ORDERS and second in {"me", "us", "the", "that", "a"})


def _to_someone(before: tuple[str, ...]) -> bool:
    """Openers that make the name an object: "tell Iris", "thanks ... and Iris"."""
    return before[-1:] in {("tell",), ("excuse",)} or (len(before) > 1 and before[-1] in {"and", "but"})


def _is_quoted(before: tuple[str, ...]) -> bool:
    """ "And I said, Iris, ...": somebody's call is told. "As I said, Iris, ..." and "you said, Iris, ..." are calls."""
    *_, as_, who, says = ("", "", "", *before)
    return says in _QUOTING and who != "you" and as_ not in {"as", "like"}


def _goes_on_about(place: _Place) -> bool:
    """Whether the words after a name make it the one who does something."""
    first, *rest = place.after
    if first in _ADVERBS and rest and (rest[0] in _QUESTION_WORDS or rest[0] in _ORDERS):
        return False
    if first in _AUXILIARIES:
        if not rest:
            return True
        asked = rest[0] in _SUBJECTS or (rest[0] in {"the", "a", "an"} and (place.asked or first in _MODALS))
        return not (asked or _asks_of_oneself(rest))
    if first == "who":  # "Iris, who asked" far oftener than "Iris, who asked, said"
        return not rest or rest[0] in _SUBJECTS
    if first in _PLACES:
        return not place.asked and _ASKING.isdisjoint(rest)
    return first in _THEIRS | _ADVERBS or _is_what_one_does(first)


def _is_what_one_does(word: str) -> bool:
    """A verb as it follows who does it: "checks", "booked"."""
    return _THIRD_PERSON.fullmatch(word) is not None and word not in _NO_VERBS


def _asks_of_oneself(words: list[str]) -> bool:
    """ "... do I", "... deep should I": a question whose first word was misheard as one that goes with a name."""
    return any(first in _AUXILIARIES | _INVERTED and second == "i" for first, second in pairwise(words[:3]))


def _to_you(after: tuple[str, ...]) -> bool:
    """Words one says to someone: a question to "you", an order, a question word."""
    first, second = (*after, "")[:2]
    if first in _QUESTION_WORDS | _ORDERS or (first == "and" and second in _QUESTION_WORDS | _ORDERS):
        return True
    asks = first in {"you", "you're"} or (first in _AUXILIARIES | _INVERTED and second in _PRONOUNS)
    return asks or (first == "is" and second in _QUESTION_WORDS)  # "my question, Iris, is how"


def _called_misheard(sentence: list[str], name: str) -> bool:
    """A word like the name, first or last, where the rest is plainly said to someone."""
    words = [piece for piece in sentence if piece[0].isalnum()]
    whole = "".join(words_of(name))
    if not whole or is_common(name):
        return False
    for at in range(min(3, len(words))):
        opens = all(word in _OPENERS for word in words[:at])
        for width in (1, 2):
            rest = words[at + width :]
            if opens and rest and _like(words[at : at + width], whole) and _follows_a_call(words[:at], rest):
                return True
    if len(words) < 3 or not is_misheard(words[-1], whole) or words[-2] in _BEFORE_AN_OBJECT:
        return False
    return words[0] in _QUESTION_WORDS | _AUXILIARIES | _INVERTED or "you" in words or sentence[-1] == "?"


def _like(words: list[str], name: str) -> bool:
    if len(words) == 1:
        return is_misheard(words[0], name)
    joined = "".join(words)
    return len(words) == 2 and (joined == name or (sound_key(joined) == sound_key(name) and edits(joined, name) <= 3))


def _follows_a_call(before: list[str], rest: list[str]) -> bool:
    asks = rest[0] in _QUESTION_WORDS or rest[0] in _ORDERS or rest[0] in _INVERTED
    inverted = rest[0] in _AUXILIARIES and len(rest) > 1 and rest[1] in _SUBJECTS
    return asks or inverted or (bool(before) and before[0] in _GREETINGS and rest[0] not in _THEIRS | _AUXILIARIES)
