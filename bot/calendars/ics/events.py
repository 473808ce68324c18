"""A feed's text to the events of a window: series unfolded, their exceptions put in place. Pure.

Components are gathered by UID before anything is decided: an exception may stand before its series, one that is
cancelled cancels itself alone, and one that was moved is no longer where the series has it. One of a range
(`RANGE=THISANDFUTURE`) is what the series is from there on.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

from bot.calendars import links
from bot.calendars.ics import lines
from bot.calendars.ics.lines import Component, first
from bot.calendars.ics.recurrence import Budget, Window, instances
from bot.calendars.ics.times import Moment, Zones, duration, is_utc, moment, moments, name_of
from bot.calendars.model import Event, Kind, Link, Response

LONGEST = timedelta(days=31)  # of an event; one that began this long before the window is not looked for
FARTHEST = timedelta(days=366)  # that the rest of a series is moved and still looked for

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
        """An exception that does not say, as one that is cancelled need not, begins where its series has it."""
        return self.moment("DTSTART") if first(self.component, "DTSTART") else self.instance

    @cached_property
    def instance(self) -> Moment | None:
        return self.moment("RECURRENCE-ID")

    @cached_property
    def and_later(self) -> bool:
        """Does the exception hold for all that come after it, too (RFC 5545, 3.2.13)?"""
        found = first(self.component, "RECURRENCE-ID")
        return found is not None and found.parameters.get("RANGE", "").upper() == "THISANDFUTURE"

    @cached_property
    def cancelled(self) -> bool:
        return self.cancelled_feed or self._text("STATUS").strip().upper() == "CANCELLED"

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
            cancelled=self.cancelled,
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
    named: dict[tuple[datetime, bool], _Entry] = {}
    for entry in entries:  # of two that say the same thing, the one said last, unless its sequence is lower
        name = None if entry.instance is None else (entry.instance.utc, entry.and_later)
        known = master if name is None else named.get(name)
        if known is not None and entry.sequence < known.sequence:
            continue
        if name is None:
            master = entry
        else:
            named[name] = entry
    originals = [(_original(one, master), one) for one in named.values()]
    ranges = _Ranges([one for one in originals if one[1].and_later], master)
    exceptions = ranges.first | {
        original: entry
        for original, entry in originals
        if not entry.and_later and not ranges.take_back(entry, original)
    }
    more, without = (master.all_moments(name) if master else [] for name in ("RDATE", "EXDATE"))
    gone = {_instant(one, master) for one in without}
    whose = {"calendar_id": calendar_id, "owner": owner}
    for original, entry in exceptions.items():
        if entry.and_later and original in gone:  # an exception that is off is left out, but this one tells of others
            continue
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
    wider = Window(begin=window.begin - LONGEST - ranges.reach, end=window.end + ranges.reach)
    for local in instances(master.start, master.rules, more, without, wider, budget):
        original = master.start.at(local)
        entry, at = ranges.find(original) or (master, original)
        if original not in exceptions and entry.touches(at, window):
            yield entry.event(**whose, at=at, original=original)


class _Ranges:
    """The exceptions of a series that hold from one of its instances on: each until the next one begins."""

    def __init__(self, entries: Sequence[tuple[datetime, _Entry]], master: _Entry | None) -> None:
        self.first: dict[datetime, _Entry] = {}
        self._begins: list[datetime] = []
        self._of_series = master.start.zone if master is not None and master.start is not None else UTC
        for original, entry in sorted(entries, key=lambda one: one[0]):
            if not self.take_back(entry, original):
                self.first[original] = entry
                self._begins = list(self.first)

    @cached_property
    def reach(self) -> timedelta:
        """How far instances outside a window may be moved into it."""
        moves = (abs(entry.start.utc - original) for original, entry in self.first.items() if entry.start)
        return min(max(moves, default=timedelta(0)), FARTHEST)

    def find(self, original: datetime) -> tuple[_Entry, datetime] | None:
        """What an instance of the series is now, and when: moved as far as the first of its range, from wall clock to
        wall clock. A time that was written as UTC's is the series' own clock: it is no place. None: it is as the series
        says."""
        place = bisect_right(self._begins, original)
        if place == 0:
            return None
        begin = self._begins[place - 1]
        entry = self.first[begin]
        assert entry.start is not None
        zone = entry.start.zone if entry.start.is_date or not is_utc(entry.start.zone) else self._of_series
        try:
            here, there = (one.astimezone(self._of_series).replace(tzinfo=None) for one in (original, begin))
            moved = here + (entry.start.utc.astimezone(zone).replace(tzinfo=None) - there)
            return entry, moved.replace(tzinfo=zone).astimezone(UTC)
        except OverflowError:  # to a year there is no number for
            return entry, datetime.max.replace(tzinfo=UTC)

    def take_back(self, exception: _Entry, original: datetime) -> bool:
        """Was the same instance said anew with all later ones, or the rest of the series cancelled, after this one of
        it was changed?"""
        found = self.find(original)
        if found is None or found[0].sequence <= exception.sequence:
            return False
        return found[0].cancelled or (self.first.get(original) is found[0] and not exception.and_later)


def _original(exception: _Entry, master: _Entry | None) -> datetime:
    """When its series has it; some name it by its day alone, or by the series' own wall clock without its zone."""
    assert exception.instance is not None
    return _instant(exception.instance, master)


def _instant(named: Moment, master: _Entry | None) -> datetime:
    if master is None or master.start is None or master.start.is_date:
        return named.utc
    if named.is_date:
        return master.start.at(datetime.combine(named.local.date(), master.start.local.time()))
    return master.start.at(named.local) if named.is_floating and named.zone is UTC else named.utc


def _address(text: str) -> str:
    return text.partition(":")[2].strip().casefold() if text[:7].casefold() == "mailto:" else ""
