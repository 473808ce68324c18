"""iCalendar text for tests, and what a reader makes of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from bot.calendars.ics.events import read_feed
from bot.calendars.model import Event

BEGIN, END = datetime(2026, 11, 20, tzinfo=UTC), datetime(2026, 12, 20, tzinfo=UTC)
ZOOM = "https://zoom.us/j/123456789"


def vevent(uid: str = "a", *lines: str, start: str = ":20261123T100000Z", end: str = ":20261123T103000Z") -> str:
    body = [f"UID:{uid}", f"DTSTART{start}", f"DTEND{end}", *lines]
    return "\r\n".join(["BEGIN:VEVENT", *body, "END:VEVENT", ""])


def feed(*parts: str, head: tuple[str, ...] = ()) -> str:
    return (
        "\r\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//t//t//EN", *head, "".join(parts)])
        + "END:VCALENDAR\r\n"
    )


def read(*parts: str, begin: datetime = BEGIN, end: datetime = END, owner: str = "", **more: Any) -> list[Event]:
    found = read_feed(feed(*parts, **more), calendar_id="c", owner=owner, begin=begin, end=end)
    return sorted(found, key=lambda event: (event.start or BEGIN, event.id))


def starts(*parts: str, **more: Any) -> list[str]:
    return [f"{event.start:%m-%d %H:%M}" for event in read(*parts, **more) if not event.cancelled]


def many(count: int = 10_000) -> str:
    """Nine years of one person's calendar: a meeting every eight hours, every tenth a series."""
    first, parts = datetime(2022, 1, 1), []
    rules = (
        "FREQ=DAILY",
        "FREQ=WEEKLY;INTERVAL=2",
        "FREQ=WEEKLY;COUNT=200",
        "FREQ=MONTHLY",
        "FREQ=DAILY;UNTIL=20240101T000000Z",
    )
    for number in range(count):
        at = first + timedelta(hours=8 * number)
        rule = (f"RRULE:{rules[number // 10 % len(rules)]}",) if number % 10 == 0 else ()
        said = ("SUMMARY:Meeting", f"LOCATION:https://zoom.us/j/{10**9 + number}", "DESCRIPTION:" + "Agenda\\n" * 20)
        times = {"start": f";TZID=Europe/Berlin:{at:%Y%m%dT%H%M%S}", "end": f";TZID=Europe/Berlin:{at:%Y%m%dT%H}3000"}
        parts.append(vevent(f"e{number}", *rule, *said, "ATTENDEE;PARTSTAT=ACCEPTED:mailto:ann@own.org", **times))
    return feed(*parts)
