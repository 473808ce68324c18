"""Is it for us? Rules over what was heard and who is there; silent by default. Pure: knows no clock, no platform.

With one other person everything is for us. With more, only what names the bot, and what the person just answered says
within the reply window. Recognisers mishear names, so a word that sounds and is spelled nearly the same counts where
people put a name: at the start or the end of what they say.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from bot.conversation.terms import STOP_WORDS, edits, sound_key, words_of

REPLY_WINDOW_S = 10.0
VOCATIVE_WORDS = 3  # how far from the start a misheard name may stand


class Because(StrEnum):
    """Why something said is for us, or is not."""

    ALONE = "alone"
    NAME = "name"
    REPLY = "reply"
    NOT_ADDRESSED = "not_addressed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Remark:
    """Something said or written. `others`: people in the meeting besides the bot and other bots of ours.
    `since_answer_s`: since our last answer to this speaker ended; None when the last one was not to them."""

    text: str
    others: int
    names: tuple[str, ...]
    since_answer_s: float | None
    written: bool = False


RULES: tuple[tuple[Because, Callable[[Remark], bool]], ...] = (
    (Because.NAME, lambda remark: names_us(remark.text, remark.names, written=remark.written)),
    (Because.ALONE, lambda remark: remark.others <= 1),
    (
        Because.REPLY,
        lambda remark: (
            not remark.written and remark.since_answer_s is not None and remark.since_answer_s <= REPLY_WINDOW_S
        ),
    ),
)


def why(remark: Remark) -> Because:
    return next((reason for reason, applies in RULES if applies(remark)), Because.NOT_ADDRESSED)


def names_us(text: str, names: Sequence[str], *, written: bool = False) -> bool:
    words = words_of(text)
    for name in names:
        called = words_of(name)
        if called and any(words[i : i + len(called)] == called for i in range(len(words))):
            return True
    if written:
        return False  # who writes a name spells it
    places = words[:VOCATIVE_WORDS] + words[-1:] + ["".join(words[i : i + 2]) for i in range(min(2, len(words)))]
    return any(_misheard(place, "".join(words_of(name))) for place in places for name in names)


def _misheard(word: str, name: str) -> bool:
    if len(name) < 4 or word in STOP_WORDS or word[:1] not in {name[:1], "e"}:
        return False
    return sound_key(word).replace("C", "s") == sound_key(name).replace("C", "s") and edits(word, name) <= 1


_QUESTION = re.compile(r"^(how|what|when|where|which|who|why|can|could|do|does|is|are|should|would)\b")
_FAREWELL = re.compile(r"\b(good\s?bye|bye|see you( all)?( later| soon| tomorrow| next time)?|farewell)\b")
_DISMISSAL = re.compile(
    r"\b(please|can|could|may|should|must|now)\b.*\bleave( us| now| please)*( (the|this) (meeting|call|room))?"
    r"( now| please)*$"
    r"|^(leave|go away)( now| please)*$|\bleave (the|this) (meeting|call)( now| please)*$"
)
_STOP = re.compile(
    r"^(please )?(stop|wait|hold on|quiet|be quiet|shut up|enough|that's enough|one moment|wait a (moment|minute))"
    r"( please| it| talking| there)*$"
)
_BACKCHANNEL = frozenset(
    {"ah", "aha", "all", "cool", "fine", "good", "great", "hm", "hmm", "i", "mhm", "mm", "nice", "oh", "ok", "okay"}
    | {"really", "right", "see", "sure", "uh", "uhuh", "wow", "yeah", "yep", "yes"}
)
MAX_FAREWELL_WORDS = 8
MAX_BACKCHANNEL_WORDS = 3


def says_goodbye(text: str, names: Sequence[str]) -> bool:
    """A farewell, or being asked to leave, and nothing else."""
    said = _without_names(text, names)
    if len(said.split()) > MAX_FAREWELL_WORDS:
        return False
    farewell = bool(_FAREWELL.search(said)) and not _QUESTION.match(said)
    return farewell or asks_to_leave(text, names)


def asks_to_leave(text: str, names: Sequence[str]) -> bool:
    said = _without_names(text, names)
    return len(said.split()) <= MAX_FAREWELL_WORDS and bool(_DISMISSAL.search(said))


def says_stop(text: str, names: Sequence[str]) -> bool:
    return bool(_STOP.match(_without_names(text, names)))


def is_backchannel(text: str) -> bool:
    words = words_of(text)
    return 0 < len(words) <= MAX_BACKCHANNEL_WORDS and all(word in _BACKCHANNEL for word in words)


def _without_names(text: str, names: Sequence[str]) -> str:
    said = " ".join(words_of(text))
    for name in sorted(names, key=len, reverse=True):
        said = re.sub(rf"\b{re.escape(' '.join(words_of(name)))}\b", " ", said)
    return " ".join(said.split())
