"""Is it for us? Rules over what was heard and who is there; silent by default. Pure: knows no clock, no platform.

With one other everything is for us, but what they call to someone beside them. With more, or nobody known, only what
calls the bot by name (`vocative.py` tells a call from talk about it), and within the reply window what the person just
answered asks on (`follow_up.py`), unless it is for someone else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from bot.conversation.dismissal import asks_to_leave, begins_with_stop, is_backchannel, says_goodbye, says_stop
from bot.conversation.follow_up import answers, follows_up
from bot.conversation.terms import STOP_WORDS, words_of
from bot.conversation.vocative import Named, called_together, is_common, is_misheard, named

REPLY_WINDOW_S = 10.0
READINGS = 3  # but the likeliest, in which a name is looked for
VOCATIVE_WORDS = 3  # how far from the start a misheard name is looked for


class Because(StrEnum):
    """Why something said is for us, or is not."""

    ALONE = "alone"
    NAME = "name"
    REPLY = "reply"
    NOT_ADDRESSED = "not_addressed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Remark:
    """Something said or written. `others`: who is in the meeting besides the bot, people or bots; 0: nobody is known.
    `since_answer_s`: since our last answer to this speaker ended; 0 while it is being made or said; None when the last
    one was not to them.
    `other_names`: what the others in the meeting are called.
    `asked_back`: what we said last ended in a question.
    `readings`: what else may have been said, likelier first."""

    text: str
    others: int
    names: tuple[str, ...]
    since_answer_s: float | None
    written: bool = False
    other_names: tuple[str, ...] = ()
    asked_back: bool = False
    readings: tuple[str, ...] = ()


RULES: tuple[tuple[Because, Callable[[Remark], bool]], ...] = (
    (Because.NAME, lambda remark: _called(remark)),
    (Because.ALONE, lambda remark: remark.others == 1 and not _calls_their_own(remark.text)),
    (Because.REPLY, lambda remark: _within_the_window(remark) and _goes_on(remark) and not _for_others(remark)),
)


def why(remark: Remark) -> Because:
    return next((reason for reason, applies in RULES if applies(remark)), Because.NOT_ADDRESSED)


def _called(remark: Remark) -> bool:
    """By the likeliest reading, or by the next ones where that has no name at all. Of talk about the bot some reading
    is always a call ("Iris could be" for "Iris, could we"), so with a name in it the likeliest decides."""
    text = _without_namesakes(remark)
    if called_together(text, remark.names, _firsts(remark)):
        return True
    said = named(_without_others(text, remark), remark.names, written=remark.written)
    if said is Named.MENTIONED and any(map(is_common, remark.names)) and asks_to_leave(text, remark.names):
        return True  # a name that is a word may be overheard, but not where it is sent away
    readings = remark.readings[:READINGS] if said is Named.NOT and text == remark.text else ()
    return said is Named.CALLED or any(named(one, remark.names, written=True) is Named.CALLED for one in readings)


def _without_namesakes(remark: Remark) -> str:
    """Somebody here who is called as we are, and something more: "Iris Meyer" is not us. "Iris (AI)" may be."""
    ours, text = {tuple(words_of(name)) for name in remark.names} - {()}, remark.text
    for name in remark.other_names:
        words = tuple(words_of(name))
        longer = words not in ours and any(words[: len(one)] == one for one in ours)
        if longer and words[-1] != "ai":
            whole = r"\b" + r"[^\w,;:.?!]+".join(map(re.escape, words)) + r"\b"
            text = re.sub(whole, "somebody", text, flags=re.IGNORECASE)
    return text


def _without_others(text: str, remark: Remark) -> str:
    """ "Iris, does Bob know" as "Iris, does somebody know": after a verb only a question has it."""
    firsts = "|".join(re.escape(one) for one in _firsts(remark) if not is_common(one))
    return re.sub(rf"\b(?:{firsts})\b(?!['’])", "somebody", text, flags=re.IGNORECASE) if firsts else text


def _within_the_window(remark: Remark) -> bool:
    since_s = remark.since_answer_s
    return not remark.written and since_s is not None and since_s <= REPLY_WINDOW_S


def _goes_on(remark: Remark) -> bool:
    """What its speaker adds to a question that is not answered yet belongs to it, whatever it looks like."""
    if remark.asked_back and answers(remark.text):
        return True
    return remark.since_answer_s == 0.0 or follows_up(remark.text) or says_stop(remark.text, remark.names)


_EVERYONE = frozenset({"all", "everyone", "everybody", "guys", "folks", "team", "people"})


def _for_others(remark: Remark) -> bool:
    """It names someone else, speaks to all or of the bot, or is a farewell: a reply to us does none of it."""
    words = words_of(remark.text)
    firsts = _firsts(remark)
    if any(word.removesuffix("'s") in {one for one in firsts if not is_common(one)} - STOP_WORDS for word in words):
        return True
    if any(named(remark.text, [one], written=True) is Named.CALLED for one in firsts if is_common(one)):
        return True
    if _calls_their_own(remark.text):
        return True
    if says_goodbye(remark.text, remark.names) and not asks_to_leave(remark.text, remark.names):
        return True
    to_all = bool(_EVERYONE.intersection(words[:4])) and words[:1] != ["are"]
    return to_all or named(remark.text, remark.names) is Named.MENTIONED


_THEIR_OWN = ("mum", "mom", "mummy", "mommy", "dad", "daddy", "grandma", "grandpa", "darling", "sweetheart", "sweetie")


def _calls_their_own(text: str) -> bool:
    """Somebody beside the one who speaks, who is not in the meeting."""
    return named(text, _THEIR_OWN, written=True) is Named.CALLED


def _firsts(remark: Remark) -> tuple[str, ...]:
    """What the others are called, where we are not called so, too."""
    ours = {first_name(name) for name in remark.names}
    return tuple(sorted({first_name(name) for name in remark.other_names} - ours - {""}))


def first_name(name: str) -> str:
    return next(iter(words_of(name)), "")


def names_us(text: str, names: Sequence[str], *, written: bool = False) -> bool:
    """Whether the name was said at all, perhaps misheard: a call or talk about the bot."""
    words = words_of(text)
    if named(text, names, written=written) is not Named.NOT:
        return True
    places = [] if written else words[:VOCATIVE_WORDS] + words[-1:]
    return any(is_misheard(place, "".join(words_of(name))) for place in places for name in names)


def wants_the_floor(text: str, names: Sequence[str], *, others: int) -> bool:
    """Whether words said so far over ours already say that we should stop."""
    words = words_of(text)
    if not words or is_backchannel(text):
        return False
    asks = others == 1 and len(words) >= 3 and bool(_QUESTION.match(" ".join(words)))
    return asks or begins_with_stop(text, names) or named(text, names) is Named.CALLED


_QUESTION = re.compile(r"^(how|what|when|where|which|who|why|can|could|do|does|is|are|should|would)\b")
