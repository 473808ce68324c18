"""Links that a line break has cut in two, and what they were. Pure; reads by what it is given.

The next line is joined where that makes the number the one the invitation tells, where it can be nothing else than a
link's rest, or where the link gains what says whose meeting it is. A number with which only the told one begins is no
meeting's: better none than another.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from connectors.links.link import MeetingLink
from connectors.links.numbers import numbers_told
from connectors.links.text import Place, continued

_A_LINKS_REST = re.compile(r"[0-9]{0,14}(?:[?&]|%(?:25)?3f)(?:pwd|p|tk|context)(?:=|%(?:25)?3d)", re.IGNORECASE)
_ENDS_A_PASSCODE = re.compile(r"\.[0-9]\Z")  # as Zoom writes them
_NONE = MeetingLink(platform="", key="", join_url="")


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    place: Place
    link: MeetingLink | None
    in_doubt: bool = False  # its passcode may be a piece of one


def may_be_cut(text: str, place: Place, link: MeetingLink | None) -> bool:
    """Worth looking at: a meeting's link, or one that breaks off within a number."""
    return link is not None or text[place.end - 1 : place.end].isdigit()


def whole(text: str, place: Place, link: MeetingLink | None, read: Callable[[Place], MeetingLink | None]) -> Found:
    """The link of this place as it was before a line break has cut it, if one has."""
    as_it_is = Found(place=place, link=link)
    longer, rest = continued(text, place) or (place, "")
    joined = read(longer) if rest else None
    key = (link or joined or _NONE).key
    told = numbers_told(text, place.begin, place.end, starting=key) if key.isdigit() else frozenset()
    if link is None or (told and key not in told):  # then the told number begins with this one
        agrees = joined is not None and joined.key in told
        return Found(place=longer, link=joined) if agrees else Found(place=place, link=None)
    if joined is None:
        return as_it_is
    if _A_LINKS_REST.match(rest):
        return Found(place=longer, link=joined)
    if joined.meeting != link.meeting:
        return as_it_is
    if joined.passcode != link.passcode:
        is_one = _ENDS_A_PASSCODE.search(joined.passcode or "") and not _ENDS_A_PASSCODE.search(link.passcode or "")
        return Found(place=place, link=joined if is_one else link, in_doubt=True)  # the next line may be of anything
    names_the_organiser = "Oid" in joined.join_url and "Oid" not in link.join_url
    return Found(place=longer, link=joined) if names_the_organiser else as_it_is
