"""Times of iCalendar: dates, local times in zones by whatever name, durations, periods. Pure.

A zone is looked for by its name (IANA's, or Windows's), then by the definition in the feed, then as the calendar's own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, UTC, date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bot.calendars.ics.lines import Property

_DATE = re.compile(r"(\d{4})(\d{2})(\d{2})(?:T(\d{2})(\d{2})(\d{2})(Z?))?", re.ASCII)
_DURATION = re.compile(
    r"([+-]?)P(?:(\d{1,4})W)?(?:(\d{1,5})D)?(?:T(?:(\d{1,5})H)?(?:(\d{1,6})M)?(?:(\d{1,7})S)?)?", re.ASCII
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Moment:
    """A time as written: the wall clock and the zone it hangs in."""

    local: datetime  # naive
    zone: tzinfo
    is_date: bool = False
    is_floating: bool = False  # no zone is written with it

    @property
    def utc(self) -> datetime:
        return self.local.replace(tzinfo=self.zone).astimezone(UTC)

    def at(self, local: datetime) -> datetime:
        """Another wall clock of the same zone, as an instant."""
        return local.replace(tzinfo=self.zone).astimezone(UTC)


class Zones:
    """The zones of one feed."""

    def __init__(self, definitions: Mapping[str, str], *, otherwise: str = "") -> None:
        self._definitions, self._known = definitions, dict[str, tzinfo | None]()
        self.floating: tzinfo = self.named(otherwise) or UTC

    def named(self, name: str) -> tzinfo | None:
        if name not in self._known:
            self._known[name] = _iana(name) or self._windows(name) or self._defined(name)
        return self._known[name]

    def _windows(self, name: str) -> tzinfo | None:
        from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

        return _iana(WINDOWS_TO_OLSON.get(name, ""))

    def _defined(self, name: str) -> tzinfo | None:
        text = self._definitions.get(name)
        if text is None:
            return None
        import icalendar

        try:
            defined = icalendar.Timezone.from_ical(text)
            assert isinstance(defined, icalendar.Timezone)
            made: tzinfo = defined.to_tz(lookup_tzid=False)
            return made
        except (ValueError, KeyError, IndexError, TypeError, AttributeError, AssertionError):  # nonsense in a feed
            return None


def _iana(name: str) -> tzinfo | None:
    """Also of names with a maker's prefix: /example.org/20210101/Europe/Berlin."""
    parts = [part for part in name.split("/") if part]
    for begin in range(max(0, len(parts) - 3), len(parts)):
        try:
            return ZoneInfo("/".join(parts[begin:]))
        except (ZoneInfoNotFoundError, ValueError, OSError):
            continue
    return None


def name_of(zone: tzinfo) -> str:
    """IANA's name where there is one."""
    return str(getattr(zone, "key", "UTC"))


def is_utc(zone: tzinfo) -> bool:
    """Is it no place's?"""
    return zone is UTC or getattr(zone, "key", "") in ("UTC", "Etc/UTC")


def moment(text: Property, zones: Zones) -> Moment | None:
    """What a DTSTART or its like says; None for what says nothing."""
    return next(iter(moments(text, zones)), None)


def moments(text: Property, zones: Zones) -> Iterator[Moment]:
    """Each value of an EXDATE or its like; of a period its beginning."""
    named = zones.named(text.parameters.get("TZID", "")) if "TZID" in text.raw_parameters.upper() else None
    for value in text.value.split(","):
        found = _DATE.match(value.strip())
        if found is None:
            continue
        year, month, day, hour, minute, second, is_utc = found.groups()
        try:
            on = date(int(year), int(month), int(day))
            clock = (int(hour), int(minute), min(59, int(second))) if hour else (0, 0, 0)
            local = datetime(on.year, on.month, on.day, *clock)
        except ValueError:
            continue
        if not MINYEAR < on.year < MAXYEAR:  # some zone would put it where no time is
            continue
        zone = UTC if is_utc else named or zones.floating
        yield Moment(local=local, zone=zone, is_date=not hour, is_floating=not is_utc and named is None)


def duration(text: str) -> timedelta | None:
    found = _DURATION.fullmatch(text.strip())
    if found is None or not any(found.groups()[1:]):
        return None
    weeks, days, hours, minutes, seconds = (int(part or 0) for part in found.groups()[1:])
    length = timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
    return -length if found[1] == "-" else length
