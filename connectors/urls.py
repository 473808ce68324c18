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
from connectors.links.link import MeetingLink, with_passcode
from connectors.links.passcode import AFTER_CHARACTERS, passcode_near
from connectors.links.platforms import meeting_at
from connectors.links.text import Place, places, prepared, spelled
from connectors.links.wrappers import unwrapped

__all__ = ["MeetingLink", "find_meeting"]

MOST_WRAPPERS = 8
_TELLS_A_PASSCODE = frozenset({"zoom", "teams", "webex"})  # in their invitations


def find_meeting(text: str, *, own_hosts: Collection[str] = ()) -> MeetingLink | None:
    """The first meeting of the text, or None; raises nothing. `join_url`, read in turn, gives the same meeting."""
    text = prepared(text)
    following = places(text, own_hosts)
    for place in following:
        if (link := _read(place, own_hosts)) is not None:
            return _with_passcode(text, place, link, following, own_hosts)
    return None


def _with_passcode(
    text: str, place: Place, link: MeetingLink, following: Iterator[Place], own_hosts: Collection[str]
) -> MeetingLink:
    if link.passcode is not None or link.platform not in _TELLS_A_PASSCODE:
        return link
    until, spans = place.end + AFTER_CHARACTERS, [(place.begin, place.end)]
    for other in following:
        if other.begin >= until:
            break
        its = _read(other, own_hosts)
        if its is not None and its.meeting != link.meeting:
            until = other.begin  # what stands behind another meeting's link is that one's
            break
        if its is not None:
            spans.append((other.begin, other.end))
    return with_passcode(link, passcode_near(text, link, spans, until=until))


def _read(place: Place, own_hosts: Collection[str]) -> MeetingLink | None:
    return next((link for reading in place.readings if (link := _meeting(reading, own_hosts)) is not None), None)


def _meeting(reading: str, own_hosts: Collection[str]) -> MeetingLink | None:
    for _ in range(MOST_WRAPPERS):
        address = address_of(reading)
        if address is None:
            return None
        inside = unwrapped(address)
        if inside is None:
            return meeting_at(replace(address, own=True) if address.place in own_hosts else address)
        reading = spelled(inside)
    return None
