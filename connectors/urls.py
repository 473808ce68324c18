"""Which meeting a text leads to: the first link in it that can be joined. The one place that knows meeting links.

    find_meeting("Join: https://us02web.zoom.us/j/123456789?pwd=x").key == "123456789"

The text may be a link, an invitation, HTML or a piece of a calendar. It is not trusted: a link counts by its exact
host, wrappers are opened only where they are known, and every loop has an end. Asks no network. Meeting servers of
one's own have no host that could be known: theirs are given, `own_hosts={"meet.example.org:8443"}`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

from connectors.links.address import address_of
from connectors.links.cuts import Found, whole
from connectors.links.link import MeetingLink, completed, with_passcode
from connectors.links.passcode import AFTER_CHARACTERS, passcode_near
from connectors.links.platforms import meeting_at
from connectors.links.text import Place, places, prepared, spelled
from connectors.links.wrappers import unwrapped

__all__ = ["MeetingLink", "completed", "find_meeting", "with_passcode"]

MOST_WRAPPERS = 8  # around one link
MOST_UNWRAPPINGS = 600  # in a text: more than twice as many as it may have places
_TELLS_A_PASSCODE = frozenset({"zoom", "teams", "webex"})  # in their invitations


def find_meeting(text: str, *, own_hosts: Collection[str] = ()) -> MeetingLink | None:
    """The first meeting of the text, or None; raises nothing. `join_url`, read in turn, gives the same meeting."""
    text = prepared(text)
    unwrappings = iter(range(MOST_UNWRAPPINGS))

    def read(place: Place) -> MeetingLink | None:
        return _read(place, own_hosts, unwrappings)

    found = (whole(text, place, read(place), read) for place in places(text, own_hosts))
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


def _read(place: Place, own_hosts: Collection[str], unwrappings: Iterator[int]) -> MeetingLink | None:
    links = (_meeting(reading, own_hosts, unwrappings) for reading in place.readings)
    return next((link for link in links if link is not None), None)


def _meeting(reading: str, own_hosts: Collection[str], unwrappings: Iterator[int]) -> MeetingLink | None:
    for _ in range(MOST_WRAPPERS):
        address = address_of(reading)
        if address is None:
            return None
        inside = unwrapped(address)
        if inside is None:
            return meeting_at(replace(address, own=True) if address.place in own_hosts else address)
        if next(unwrappings, None) is None:
            return None
        reading = spelled(inside)
    return None
