"""The grammar of iCalendar: content lines to components with the few properties we read. Pure; knows no meanings.

A reader of its own because of size: feeds hold ten thousand events of which a month is wanted, and a library that makes
typed objects of everything takes many times as long. What is hard, time zones and recurrence, is left to libraries.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

READ = frozenset(
    (
        *("UID", "DTSTART", "DTEND", "DURATION", "RRULE", "RDATE", "EXDATE", "RECURRENCE-ID", "STATUS", "SEQUENCE"),
        *("SUMMARY", "LOCATION", "DESCRIPTION", "X-ALT-DESC", "URL", "ORGANIZER", "ATTENDEE", "LAST-MODIFIED"),
        *("CONFERENCE", "X-GOOGLE-CONFERENCE", "X-MICROSOFT-SKYPETEAMSMEETINGURL", "X-MICROSOFT-CDO-BUSYSTATUS"),
        *("X-MICROSOFT-CDO-INTENDEDSTATUS", "CLASS"),
    )
)
OF_CALENDAR = frozenset({"X-WR-TIMEZONE", "TIMEZONE-ID", "REFRESH-INTERVAL", "X-PUBLISHED-TTL", "METHOD"})

DEEPEST = 8  # components within components
MOST_ZONES, LONGEST_ZONE_CHARACTERS = 200, 100_000

_MARKS = frozenset("BbEe")  # what begins or ends a component begins so
_FOLD = re.compile(r"\n[ \t]")
_HEAD = re.compile(r'([A-Za-z0-9-]+)((?:;[A-Za-z0-9-]+=(?:"[^"]*"|[^";:,]*)(?:,(?:"[^"]*"|[^";:,]*))*)*):', re.ASCII)
_PARAMETER = re.compile(r';([A-Za-z0-9-]+)=((?:"[^"]*"|[^";:,]*)(?:,(?:"[^"]*"|[^";:,]*))*)', re.ASCII)
_ESCAPED = re.compile(r"\\([\\;,nN])")


@dataclass(frozen=True, slots=True)
class Property:
    raw_parameters: str
    value: str

    @property
    def parameters(self) -> dict[str, str]:
        return {name.upper(): value.strip('"') for name, value in _PARAMETER.findall(self.raw_parameters)}

    @property
    def text(self) -> str:
        """Of a property whose value is text: without its escapes."""
        if "\\" not in self.value:
            return self.value
        return _ESCAPED.sub(lambda found: "\n" if found[1] in "nN" else found[1], self.value)


Component = dict[str, list[Property]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Calendar:
    properties: Component
    events: list[list[str]]  # lines: of most events hardly one is read
    zones: dict[str, str] = field(default_factory=dict)  # TZID: the text of its VTIMEZONE


def parse(text: str) -> Calendar:
    """What a feed holds; what is no calendar holds nothing. Never raises: a line that is none is passed over."""
    lines = _FOLD.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).split("\n")
    found = Calendar(properties=defaultdict(list), events=[])
    stack: list[str] = []
    event: list[str] = []
    zone: list[str] = []
    within, in_zone = "", False
    for line in lines:
        start = line[:6].upper() if line[:1] in _MARKS else ""
        if start == "BEGIN:" and len(stack) < DEEPEST:
            within = line[6:].strip().upper()
            stack.append(within)
            if within == "VEVENT":
                event = []
            elif within == "VTIMEZONE":
                zone, in_zone = [], True
        if in_zone:
            zone.append(line)
        if start[:4] == "END:" and stack:
            ended = stack.pop()
            within = stack[-1] if stack else ""
            if ended == "VEVENT":
                found.events.append(event)
            elif ended == "VTIMEZONE":
                in_zone = "VTIMEZONE" in stack
                _keep_zone(found, zone)
        elif within == "VEVENT":
            event.append(line)
        elif within == "VCALENDAR":
            _keep(found.properties, line, OF_CALENDAR)
    return found


def component(lines: Iterable[str]) -> Component:
    """The properties of an event that are read."""
    made: Component = defaultdict(list)
    for line in lines:
        _keep(made, line, READ)
    return made


def _keep(component: Component, line: str, wanted: frozenset[str]) -> None:
    name, colon, value = line.partition(":")
    has_parameters = ";" in name
    name = name.partition(";")[0].upper()
    if name not in wanted or not colon:
        return
    if not has_parameters:
        component[name].append(Property("", value))
        return
    head = _HEAD.match(line)
    if head is not None:
        component[name].append(Property(head[2], line[head.end() :]))


def _keep_zone(calendar: Calendar, lines: list[str]) -> None:
    named = next((line for line in lines if line[:4].upper() == "TZID"), "")
    if len(calendar.zones) >= MOST_ZONES or sum(map(len, lines)) > LONGEST_ZONE_CHARACTERS:
        return
    calendar.zones.setdefault(named.partition(":")[2].strip(), "\r\n".join(lines) + "\r\n")


def first(component: Component, name: str) -> Property | None:
    found = component.get(name)
    return found[0] if found else None
