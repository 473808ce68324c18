"""A feed's text to the events of a window: series unfolded, their exceptions put in place. Pure.

Components are gathered by UID before anything is decided: an exception may stand before its series, one that is
cancelled cancels itself alone, and one that was moved is no longer where the series has it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from bot.calendars import links
from bot.calendars.ics import lines
from bot.calendars.ics.lines import Component, first
from bot.calendars.ics.recurrence import Budget, Window, instances
from bot.calendars.ics.times import Moment, Zones, duration, moment, moments, name_of
from bot.calendars.model import Event, Kind, Link, Response

LONGEST = timedelta(days=31)  # of an event; one that began this long before the window is not looked for

_A_ZONE = timedelta(days=2)  # no two clocks of the world are further apart
_LINK_FIELDS = (  # property, what it counts as
    ("X-GOOGLE-CONFERENCE", links.CONFERENCE),
    ("CONFERENCE", links.CONFERENCE),
    ("X-MICROSOFT-SKYPETEAMSMEETINGURL", links.CONFERENCE),
    ("LOCATION", links.LOCATION),
    ("URL", links.LOCATION),
    ("DESCRIPTION", links.DESCRIPTION),
    ("X-ALT-DESC", links.DESCRIPTION),
    ("SUMMARY", links.TITLE),
)
_REPEATING = ("RRULE", "RDATE", "RECURRENCE-ID")
_TELLING = frozenset("DdRr")  # how those, and the start, begin
_RESPONSES = {
    "ACCEPTED": Response.ACCEPTED,
    "DECLINED": Response.DECLINED,
    "TENTATIVE": Response.TENTATIVE,
}
_NO_PEOPLE = frozenset({"ROOM", "RESOURCE"})  # CUTYPE
_KINDS = {"OOF": Kind.AWAY, "WORKINGELSEWHERE": Kind.PLACE}


def read_feed(
    text: str, *, calendar_id: str, owner: str, begin: datetime, end: datetime, own_hosts: Collection[str] = ()
) -> list[Event]:
    """The events of a feed that touch the time from `begin` to `end`; `owner` is the e-mail address of whose it is,
    or empty. `own_hosts`: of the operator's own meeting servers."""
    calendar = lines.parse(text)
    named = first(calendar.properties, "X-WR-TIMEZONE") or first(calendar.properties, "TIMEZONE-ID")
    zones = Zones(calendar.zones, otherwise=named.text if named else "")
    window, budget = Window(begin=begin, end=end), Budget()
    method = first(calendar.properties, "METHOD")
    all_cancelled = method is not None and method.value.upper() == "CANCEL"
    by_uid: dict[str, list[_Entry]] = defaultdict(list)
    days = f"{begin - LONGEST - _A_ZONE:%Y%m%d}", f"{end + _A_ZONE:%Y%m%d}"
    for written in calendar.events:
        if _is_elsewhen(written, days):
            continue
        written_out = lines.component(written)
        entry = _Entry(component=written_out, zones=zones, cancelled_feed=all_cancelled, own_hosts=own_hosts)
        if entry.uid and entry.start is not None:
            by_uid[entry.uid].append(entry)
    return [
        made
        for entries in by_uid.values()
        for made in _of_uid(entries, calendar_id=calendar_id, owner=owner.casefold(), window=window, budget=budget)
    ]


def _is_elsewhen(written: Sequence[str], days: tuple[str, str]) -> bool:
    """Nine of ten events of a feed are: told by the day they are written with, before anything is read."""
    day = ""
    for line in written:
        if line[:1] in _TELLING:
            start = line[:13].upper()
            if start.startswith(_REPEATING):
                return False
            if start.startswith("DTSTART") and not day:
                day = line.rpartition(":")[2].strip()[:8]
    return len(day) == 8 and not days[0] <= day <= days[1]


@dataclass(frozen=True, kw_only=True)
class _Entry:
    """A VEVENT."""

    component: Component
    zones: Zones
    cancelled_feed: bool
    own_hosts: Collection[str]

    def _text(self, name: str) -> str:
        found = first(self.component, name)
        return found.text if found else ""

    def moment(self, name: str) -> Moment | None:
        found = first(self.component, name)
        return moment(found, self.zones) if found else None

    def all_moments(self, name: str) -> list[Moment]:
        return [one for text in self.component.get(name, ()) for one in moments(text, self.zones)]

    @cached_property
    def uid(self) -> str:
        return self._text("UID").strip()

    @cached_property
    def start(self) -> Moment | None:
        return self.moment("DTSTART")

    @cached_property
    def instance(self) -> Moment | None:
        return self.moment("RECURRENCE-ID")

    @cached_property
    def sequence(self) -> int:
        text = self._text("SEQUENCE").strip()
        return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0

    @property
    def rules(self) -> list[str]:
        return [one.value for one in self.component.get("RRULE", ())]

    @property
    def repeats(self) -> bool:
        return bool(self.component.get("RRULE") or self.component.get("RDATE"))

    @cached_property
    def length(self) -> timedelta | None:
        """None: the event does not say when it ends."""
        assert self.start is not None
        end = self.moment("DTEND")
        if end is not None:
            return end.utc - self.start.utc
        told = first(self.component, "DURATION")
        return duration(told.value) if told else timedelta(days=1) if self.start.is_date else None

    @cached_property
    def found_links(self) -> tuple[Link, ...]:
        texts = [(kind, one.text) for name, kind in _LINK_FIELDS for one in self.component.get(name, ())]
        return links.candidates(texts, added_by_calendar=True, own_hosts=self.own_hosts)

    @cached_property
    def attendees(self) -> dict[str, str]:
        """Address: how it answered."""
        people = self.component.get("ATTENDEE", ())
        return {_address(one.value): one.parameters.get("PARTSTAT", "").upper() for one in people}

    @cached_property
    def resources(self) -> tuple[str, ...]:
        people = self.component.get("ATTENDEE", ())
        return tuple(_address(one.value) for one in people if one.parameters.get("CUTYPE", "").upper() in _NO_PEOPLE)

    def response(self, owner: str) -> Response:
        organiser = _address(self._organiser)
        if not self.attendees or not owner or owner == organiser:
            return Response.OWN
        return _RESPONSES.get(self.attendees.get(owner, ""), Response.WAITING)

    @property
    def _organiser(self) -> str:
        found = first(self.component, "ORGANIZER")
        return found.value if found else ""

    def event(self, *, calendar_id: str, owner: str, at: datetime, original: datetime | None) -> Event:
        """The event that begins then."""
        assert self.start is not None
        all_day = self.start.is_date
        busy = (self._text("X-MICROSOFT-CDO-INTENDEDSTATUS") or self._text("X-MICROSOFT-CDO-BUSYSTATUS")).upper()
        updated = self.moment("LAST-MODIFIED")
        return Event(
            id=self.uid if original is None else f"{self.uid}/{original:%Y%m%dT%H%M%SZ}",
            calendar_id=calendar_id,
            uid=self.uid,
            original_start=original,
            start=at,
            end=at + self.length if self.length is not None and self.length >= timedelta(0) else None,
            zone=name_of(self.start.zone),
            all_day=all_day,
            cancelled=self.cancelled_feed or self._text("STATUS").strip().upper() == "CANCELLED",
            kind=_KINDS.get(busy.strip(), Kind.MEETING),
            response=self.response(owner),
            private=self._text("CLASS").strip().upper() in ("PRIVATE", "CONFIDENTIAL"),
            title=self._text("SUMMARY"),
            organiser=_address(self._organiser),
            attendees=tuple(self.attendees),
            resources=self.resources,
            links=self.found_links,
            sequence=self.sequence,
            updated=updated.utc if updated else None,
        )

    def touches(self, at: datetime, window: Window) -> bool:
        """Would the event that begins then?"""
        return at < window.end and at + (self.length or timedelta(0)) >= window.begin


def _of_uid(
    entries: Iterable[_Entry], *, calendar_id: str, owner: str, window: Window, budget: Budget
) -> Iterator[Event]:
    master: _Entry | None = None
    named: dict[datetime, _Entry] = {}
    for entry in entries:  # of two that say the same thing, the one said last, unless its sequence is lower
        known = master if entry.instance is None else named.get(entry.instance.utc)
        if known is not None and entry.sequence < known.sequence:
            continue
        if entry.instance is None:
            master = entry
        else:
            named[entry.instance.utc] = entry
    exceptions = {_original(entry, master): entry for entry in named.values()}
    whose = {"calendar_id": calendar_id, "owner": owner}
    for original, entry in exceptions.items():
        assert entry.start is not None
        if entry.touches(entry.start.utc, window):
            yield entry.event(**whose, at=entry.start.utc, original=original)
    if master is None:
        return
    assert master.start is not None
    if not master.repeats:
        if master.start.utc not in exceptions and master.touches(master.start.utc, window):
            yield master.event(**whose, at=master.start.utc, original=None)
        return
    more, without = master.all_moments("RDATE"), master.all_moments("EXDATE")
    earlier = Window(begin=window.begin - LONGEST, end=window.end)
    for local in instances(master.start, master.rules, more, without, earlier, budget):
        at = master.start.at(local)
        if at not in exceptions and master.touches(at, window):
            yield master.event(**whose, at=at, original=at)


def _original(exception: _Entry, master: _Entry | None) -> datetime:
    """When its series has it; some name it by its day alone."""
    named = exception.instance
    assert named is not None
    if named.is_date and master is not None and master.start is not None and not master.start.is_date:
        return master.start.at(datetime.combine(named.local.date(), master.start.local.time()))
    return named.utc


def _address(text: str) -> str:
    return text.partition(":")[2].strip().casefold() if text[:7].casefold() == "mailto:" else ""
