"""Which meeting a text leads to: the first link in it that can be joined. The one place that knows meeting links.

    find_meeting("Join: https://us02web.zoom.us/j/123456789?pwd=x").key == "123456789"

The text may be a link, an invitation, HTML or a piece of a calendar. It is not trusted: a link counts by its exact
host, wrappers are opened only where they are known, and every loop has an end. Asks no network. Meeting servers of
one's own have no host that could be known: theirs are given, `own_hosts={"meet.example.org:8443"}`, as `links/own.py`
reads them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from itertools import takewhile

from connectors.links.address import address_of
from connectors.links.cuts import Found, may_be_cut, whole
from connectors.links.link import MeetingLink, completed, with_passcode
from connectors.links.own import is_own, own_servers
from connectors.links.passcode import AFTER_CHARACTERS, passcode_near
from connectors.links.platforms import meeting_at
from connectors.links.text import Place, places, prepared, spelled
from connectors.links.wrappers import unwrapped

__all__ = ["MeetingLink", "completed", "find_meeting", "with_passcode"]

MOST_WRAPPERS = 8  # around one link
MOST_UNWRAPPINGS = 600  # in a text: more than twice as many as it may have places
MOST_ESCAPES = 5000  # in all that is read of a text: each is decoded several times
MOST_JOINS = 50  # of a line with the next one
_TELLS_A_PASSCODE = frozenset({"zoom", "teams", "webex"})  # in their invitations


@dataclass(kw_only=True, slots=True)
class _Left:
    """What may still be done for this text."""

    unwrappings: int = MOST_UNWRAPPINGS
    escapes: int = MOST_ESCAPES
    joins: int = MOST_JOINS


def find_meeting(text: str, *, own_hosts: Collection[str] = ()) -> MeetingLink | None:
    """The first meeting of the text, or None; raises nothing. `join_url`, read in turn, gives the same meeting."""
    text = prepared(text)
    hosts = [server.host for server in own_servers(own_hosts)]
    left = _Left()

    def read(place: Place) -> MeetingLink | None:
        return _read(place, own_hosts, left)

    def found_at(place: Place) -> Found:
        link = read(place)
        if left.joins == 0 or not may_be_cut(text, place, link):
            return Found(place=place, link=link)
        left.joins -= 1
        return whole(text, place, link, read)

    found = map(found_at, takewhile(lambda _: left.escapes >= 0, places(text, hosts)))
    for one in found:
        if one.link is not None:
            return _with_passcode(text, one, one.link, found)
    return None


def _with_passcode(text: str, found: Found, link: MeetingLink, following: Iterator[Found]) -> MeetingLink:
    """With what another link to this meeting carries, wherever it is; else with what is told beside them."""
    if (link.passcode is not None and not found.in_doubt) or link.platform not in _TELLS_A_PASSCODE:
        return link
    until, spans = found.place.end + AFTER_CHARACTERS, [(found.place.begin, found.place.end)]
    for other in following:
        its, place = other.link, other.place
        if its is None:
            continue
        if its.meeting != link.meeting:
            until = min(until, place.begin)  # what stands behind another meeting's link is that one's
        elif its.passcode is not None and not other.in_doubt:
            return with_passcode(completed(link, its), its.passcode)
        elif place.begin < until:
            spans.append((place.begin, place.end))
    return with_passcode(link, passcode_near(text, link, spans, until=until))


def _read(place: Place, own_hosts: Collection[str], left: _Left) -> MeetingLink | None:
    links = (_meeting(reading, own_hosts, left) for reading in place.readings)
    return next((link for link in links if link is not None), None)


def _meeting(reading: str, own_hosts: Collection[str], left: _Left) -> MeetingLink | None:
    for _ in range(MOST_WRAPPERS):
        left.escapes -= reading.count("%") + (reading.count("-") if "/v2/url" in reading else 0)  # Proofpoint's
        address = address_of(reading) if left.escapes >= 0 else None
        if address is None:
            return None
        inside = unwrapped(address)
        if inside is None:
            return meeting_at(replace(address, own=True) if is_own(address, own_hosts) else address)
        left.unwrappings -= 1
        if left.unwrappings < 0:
            return None
        reading = spelled(inside)
    return None
