"""Where an event's meeting is: every link in its fields, and which of them counts. Pure; asks no network.

Several fields may lead to several meetings: Google adds a Meet link, and Outlook one of Teams, to what is created
although the organiser pasted another, and descriptions keep links of last month. So all candidates are kept, with the
field they stand in, and the choice is a table that can be shown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from types import MappingProxyType

from bot.calendars.model import Link
from connectors.registry import PLATFORMS
from connectors.urls import MeetingLink, completed, find_meeting, with_passcode

CONFERENCE, LOCATION, DESCRIPTION, TITLE = "conference", "location", "description", "title"
MOST_CHARACTERS = 50_000  # of one field; an invitation is a few thousand
ADDED = frozenset({"meet", "teams"})  # by Google and by Outlook, to whatever is created
JOINABLE = frozenset(platform.name for platform in PLATFORMS)
_TYPED = re.compile("[!-~]{1,128}")  # a passcode that a guest can type


def candidates(
    fields: Sequence[tuple[str, str]],
    *,
    added_by_calendar: bool = False,
    own_hosts: Collection[str] = (),
    passcodes: Mapping[str, str] = MappingProxyType({}),
) -> tuple[Link, ...]:
    """The meetings that these (field, text) lead to, in their order, each meeting once, with the passcode that any of
    them tells. `added_by_calendar`: the conference was not chosen by anybody. `own_hosts`: of the operator's own
    meeting servers. `passcodes`: of these texts, told apart from them."""
    found: dict[str, MeetingLink] = {}
    sources: dict[str, str] = {}
    for source, text in fields:
        link = _meeting(text[:MOST_CHARACTERS], own_hosts)
        if link is None:
            continue
        if link.passcode is None and _TYPED.fullmatch(passcodes.get(text, "")):
            link = with_passcode(link, passcodes[text])
        found[link.meeting] = completed(found.get(link.meeting, link), link)
        sources.setdefault(link.meeting, source)
    return tuple(
        Link(
            source=sources[room],
            platform=link.platform,
            room=room,
            url=link.join_url,
            added_by_calendar=added_by_calendar and sources[room] == CONFERENCE and link.platform in ADDED,
        )
        for room, link in found.items()
    )


def _meeting(text: str, own_hosts: Collection[str]) -> MeetingLink | None:
    return find_meeting(text, own_hosts=own_hosts) if "/" in text or "&#" in text else None


# By preference: the first row that any candidate fits gives the choice, and its words are why.
CHOICES: tuple[tuple[str, Callable[[Link], bool]], ...] = (
    ("the calendar's own conference field", lambda link: link.source == CONFERENCE and not link.added_by_calendar),
    ("its location", lambda link: link.source == LOCATION),
    ("the conference the calendar added by itself", lambda link: link.source == CONFERENCE),
    ("its description", lambda link: link.source == DESCRIPTION),
    ("its title", lambda link: True),
)


def choose(links: Sequence[Link]) -> tuple[Link, str] | None:
    """The link that counts and why; one we can join before one we cannot."""
    joinable = [link for link in links if link.platform in JOINABLE]
    for why, fits in CHOICES:
        chosen = next((link for link in joinable or links if fits(link)), None)
        if chosen is not None:
            return chosen, why
    return None
