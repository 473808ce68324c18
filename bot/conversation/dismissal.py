"""What ends things: a farewell, being asked to leave, a stop; and the nod, which ends nothing. Pure; English.

Each is a whole sentence of its kind and never a word in one: "goodbye" is a farewell, "how do I say goodbye" is not. A
sentence is eaten up from its beginning, phrase by phrase (`phrases.py`); what is left over makes it something else.
Recognisers give neither marks nor sentences, so "please leave" may follow what "we" want and be followed by why.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from bot.conversation import phrases
from bot.conversation.terms import folded, words_of
from bot.conversation.vocative import Named, named

MAX_NODS = 3  # different ones in a row
MAX_WORDS = 60  # what is longer is none of these


def says_goodbye(text: str, names: Sequence[str]) -> bool:
    """A farewell, or being asked to leave, and nothing else."""
    return asks_to_leave(text, names) or _takes_leave(text, names)


def asks_to_leave(text: str, names: Sequence[str]) -> bool:
    """Some sentence sends the bot away, and none keeps it here."""
    whole = without_names(text, names)
    if len(whole.split()) > MAX_WORDS or phrases.STAY.search(whole):
        return False
    return any(_dismisses(part) for sentence in _sentences(text) for part in _parts(sentence, names))


def says_stop(text: str, names: Sequence[str]) -> bool:
    said = without_names(text, names)
    return _is_all(said, phrases.STOP, phrases.BESIDE_STOP) or _calls_off(said)


def _calls_off(said: str) -> bool:
    if len(said.split()) > MAX_WORDS:
        return False
    while not (off := phrases.CALLED_OFF.match(said)) and (filler := phrases.FILLER.match(said)):
        said = said[filler.end() :]
    return off is not None and phrases.SETTLED.match(said, off.end()) is not None


def says_thanks(text: str, names: Sequence[str]) -> bool:
    """Thanks, and at most a nod beside them."""
    return _is_all(without_names(text, names), phrases.THANKS, phrases.BESIDE_THANKS)


def begins_with_stop(text: str, names: Sequence[str]) -> bool:
    """Of words that are still coming: they begin with a stop, whatever follows."""
    said = without_names(text, names)
    while not phrases.STOP.match(said):
        beside = phrases.BESIDE_STOP.match(said)
        if beside is None:
            return False
        said = said[beside.end() :]
    return True


def is_backchannel(text: str) -> bool:
    said = " ".join(words_of(text))
    nods: set[str] = set()
    while len(nods) <= MAX_NODS and (found := phrases.NOD.match(said)):
        nods.add(found.group())
        said = said[found.end() :]
    begun = not said or phrases.BEGUN_NOD.match(said) is not None  # words come one by one
    return begun and 0 < len(nods) + bool(said) <= MAX_NODS


def is_sign(text: str) -> bool:
    """Written without a letter: a picture of a thumb, dots, "+1"."""
    return not any(letter.isalpha() for letter in text)


def without_names(text: str, names: Sequence[str]) -> str:
    return " ".join(" ".join(_around(text, names)).split())


def _is_all(said: str, wanted: re.Pattern[str], beside: re.Pattern[str]) -> bool:
    """It consists of what is wanted, at least once, and of what may stand beside it."""
    once, words = False, len(said.split())
    while said and words <= MAX_WORDS and (found := wanted.match(said) or beside.match(said)):
        once = once or found.re is wanted
        said = said[found.end() :]
    return once and not said


def _dismisses(said: str) -> bool:
    start = 0
    while filler := phrases.FILLER.match(said, start):
        start = filler.end()
    cores = [phrases.LEAVE, phrases.YOU_LEAVE] + ([phrases.PLEASE_GO] if "please" in said.split() else [])
    if any(_ends_after(said, core, start) for core in cores):
        return True
    if not phrases.BEFORE_LEAVE.match(said):
        return False
    places = [0, *(one.end() for one in re.finditer(" ", said))]
    return any(_ends_after(said, phrases.PLEASE_LEAVE, at) for at in places if _is_about_us(said[:at])) or any(
        _ends_after(said, phrases.YOU_LEAVE, at) for at in places if phrases.WE_ARE_DONE.match(said[:at])
    )


def _is_about_us(before: str) -> bool:
    return bool(before) and not phrases.NOT_OURS.search(before)


def _ends_after(said: str, core: re.Pattern[str], at: int) -> bool:
    """It is at `at`, and what follows is a polite word, a time or a reason."""
    found = core.match(said, at)
    if found is None:
        return False
    rest = said[found.end() :]
    while beside := phrases.BESIDE_LEAVE.match(rest):
        rest = rest[beside.end() :]
    return not rest or phrases.WHY.match(rest) is not None


def _takes_leave(text: str, names: Sequence[str]) -> bool:
    *earlier, last = _sentences(text) or [""]
    if any("?" in sentence for sentence in earlier):
        return False
    whole, *parts = _parts(last, names)
    if _is_farewell(whole) or (parts and _is_farewell(parts[-1])):
        return True
    polite = _is_all(whole, phrases.FILLER, phrases.BESIDE_FAREWELL)  # "Goodbye. Thank you."
    return polite and bool(earlier) and _is_farewell(without_names(earlier[-1], names))


def _is_farewell(said: str) -> bool:
    return _is_all(said, phrases.FAREWELL, phrases.BESIDE_FAREWELL)


def _sentences(text: str) -> list[str]:
    return [one for one in re.findall(r"[^.?!;]+[.?!;]*", folded(text)) if words_of(one)]


def _parts(sentence: str, names: Sequence[str]) -> Iterator[str]:
    """All of it without our names; and, where it calls us, what stands between them: a call begins anew."""
    yield without_names(sentence, names)
    if named(sentence, names) is Named.CALLED:
        parts = [" ".join(one.split()) for one in _around(sentence, names)]
        quoted = (phrases.QUOTES.search(before) is not None for before in parts)
        yield from (one for one, is_quoted in zip(parts, (False, *quoted), strict=False) if one and not is_quoted)


def _around(text: str, names: Sequence[str]) -> list[str]:
    """What stands before, between and after our names."""
    ours = sorted({" ".join(words_of(name)) for name in names} - {""}, key=len, reverse=True)
    said = " ".join(words_of(text))
    return re.split(rf"\b(?:{'|'.join(map(re.escape, ours))})\b", said) if ours else [said]
