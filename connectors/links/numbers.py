"""A meeting's number as invitations write it, and what it is labelled with. Pure: strings in, strings out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice

A_MEETING = (  # as languages call it
    *("meeting", "webinar", "besprechungs?", "r[ée]union", "reuni[óo]n", "reuni[ãa]o", "riunione", "vergaderings?"),
    *("ミーティング", "会議", "会议", "會議"),
)
_OF_A_MEETING = "|".join(A_MEETING)
_ID = (
    rf"(?:(?:{_OF_A_MEETING})[ -]?(?:id|number|nummer)"
    rf"|(?<![a-z])id\.?(?: (?:de|da|do|di|della|van)(?: la)?)? (?:{_OF_A_MEETING}))(?![a-z])"
)
_MEETINGS_ID = re.compile(rf"{_ID}\W{{0,3}}(?:\([^()\n]{{0,40}}\))?\W{{0,20}}\Z", re.IGNORECASE)
_ANY_ID = re.compile(r"(?<![a-z])id(?![a-z])[^\n0-9]{0,24}\n?\Z", re.IGNORECASE)
_BACKWARDS = re.compile(r"[0-9](?:[ -]{0,2}[0-9]){4,19}(?![a-z0-9/=?&%_@.+,])", re.IGNORECASE | re.ASCII)  # no link's
_LABEL_CHARACTERS = 80
_BEFORE_CHARACTERS, _AFTER_CHARACTERS = 200, 400  # of a link, where its number may be told
_MOST_TOLD = 4
_DIGITS = re.compile(r"(?<![0-9])[0-9](?:[ \u00a0\u202f-]{0,2}[0-9]){4,19}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Number:
    begin: int
    end: int
    digits: str
    is_labelled: bool  # as an ID, of whatever
    is_a_meetings: bool  # it is labelled as a meeting's


def last_number(text: str, before: int, *, characters: int = 160) -> Number | None:
    """What the last digit before this place belongs to, if it is as long as a meeting's number."""
    part = text[max(0, before - characters) : before]
    end = next((at + 1 for at in range(len(part) - 1, -1, -1) if part[at] in "0123456789"), 0)
    found = _BACKWARDS.match(part[:end][::-1])
    if found is None:
        return None
    label = part[max(0, end - found.end() - _LABEL_CHARACTERS) : end - found.end()]
    return Number(
        begin=before - len(part) + end - found.end(),
        end=before - len(part) + end,
        digits=re.sub("[^0-9]", "", found[0])[::-1],
        is_labelled=_ANY_ID.search(label) is not None,
        is_a_meetings=_MEETINGS_ID.search(label) is not None,
    )


def numbers_told(text: str, begin: int, end: int, *, starting: str) -> frozenset[str]:
    """The numbers that are called a meeting's close to what stands between `begin` and `end`, and start like this."""
    told = set()
    for part in (text[max(0, begin - _BEFORE_CHARACTERS) : begin], text[end : end + _AFTER_CHARACTERS]):
        alike = ((found.start(), re.sub("[^0-9]", "", found[0])) for found in _DIGITS.finditer(part))
        for at, digits in islice((one for one in alike if one[1].startswith(starting)), _MOST_TOLD):
            if _MEETINGS_ID.search(part[max(0, at - _LABEL_CHARACTERS) : at]):
                told.add(digits)
    return frozenset(told)
