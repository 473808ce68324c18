"""When a series takes place within a window: RRULE, RDATE and EXDATE, in the zone the series lives in. Pure.

The rules are python-dateutil's work. Before it begins, a rule without a count is brought forward to just before the
window, by whole intervals, so that a daily meeting of many years costs what a new one does.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from math import prod

from bot.calendars.ics.times import Moment
from bot.errors import Unavailable

MOST_STEPS = 2_000_000  # of all rules of a feed with a count, which have to be walked from their beginning
MOST_INSTANCES = 1000  # of one series in the window
MOST_A_DAY = 48  # instances of one series
MOST_SECONDS = 15.0  # of one core, for the rules of a feed: ten thousand usual events take less than two in all
_EARLIEST_YEAR = 1970
_STEP_DAYS = {"DAILY": 1, "WEEKLY": 7}
_SLOW_STEP_DAYS = {"MONTHLY": 28, "YEARLY": 365}
_WITHIN_A_DAY = ("BYHOUR", "BYMINUTE", "BYSECOND")
_UNTIL = re.compile(r"(\d{8})(?:T(\d{6}))?(Z?)", re.ASCII)


class CalendarTooCostly(Unavailable):
    """What repeats in this calendar takes too long to work out; it holds rules that no meeting follows."""

    code = "calendar_too_costly"


@dataclass(kw_only=True)
class Budget:
    """How much a feed may cost: it comes from elsewhere. A rule that no day fits is walked to the year 9999, which
    nothing about it tells before: so time counts beside steps."""

    steps: int = MOST_STEPS
    clock: Callable[[], float] = time.thread_time  # others' work does not count
    ends_s: float = field(init=False)

    def __post_init__(self) -> None:
        self.ends_s = self.clock() + MOST_SECONDS

    def look(self) -> None:
        """Raises CalendarTooCostly."""
        if self.clock() > self.ends_s:
            raise CalendarTooCostly


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    begin: datetime
    end: datetime


def instances(
    start: Moment,
    rules: Sequence[str],
    more: Sequence[Moment],
    without: Sequence[Moment],
    window: Window,
    budget: Budget,
) -> list[datetime]:
    """The local beginnings of a series that may touch the window, in order. A rule that is none, or that no meeting
    follows, gives its first alone. Raises CalendarTooCostly."""
    found = {start.local, *(one.local if one.zone is start.zone else _local(one.utc, start) for one in more)}
    for text in rules:
        budget.look()
        found |= set(_of_rule(start, text, window, budget))
    gone = {one.utc for one in without if not one.is_date}
    days = {one.local.date() for one in without if one.is_date}
    kept = (local for local in found if local.date() not in days and start.at(local) not in gone)
    return sorted(local for local in kept if window.begin <= start.at(local) <= window.end)[:MOST_INSTANCES]


def _of_rule(start: Moment, text: str, window: Window, budget: Budget) -> list[datetime]:
    from dateutil.rrule import rrulestr

    parts = dict(part.upper().partition("=")[::2] for part in text.strip().split(";") if "=" in part)
    frequency, begin = parts.get("FREQ", ""), start.local
    if frequency not in _STEP_DAYS | _SLOW_STEP_DAYS or begin.year < _EARLIEST_YEAR:
        return []
    first = _local(window.begin, start)
    try:
        last = min(_local(window.end, start), _until(parts.pop("UNTIL", ""), start))
        interval = int(parts.get("INTERVAL", "1"))
        if interval < 1:  # it would never end
            return []
        a_day = prod(parts.get(name, "").count(",") + 1 for name in _WITHIN_A_DAY)
        if a_day > MOST_A_DAY:
            return []
        step_days = (_STEP_DAYS | _SLOW_STEP_DAYS)[frequency] * interval
        if "COUNT" not in parts and frequency in _STEP_DAYS:
            begin += timedelta(days=max(0, (first - begin).days // step_days - 1) * step_days)
        budget.steps -= max(0, (last - begin).days) // step_days * a_day
        if last < begin or budget.steps < 0:
            return []
        parts["UNTIL"] = last.strftime("%Y%m%dT%H%M%S")
        counted = parts.pop("COUNT", "")
        rule = rrulestr(";".join(f"{name}={value}" for name, value in parts.items()), dtstart=begin)
        if counted:
            return list(islice(rule, int(counted)))
        return list(islice(rule.between(first - timedelta(days=1), last, inc=True), MOST_INSTANCES))
    except (ValueError, OverflowError, TypeError):
        return []


def _until(text: str, start: Moment) -> datetime:
    found = _UNTIL.fullmatch(text)
    if found is None:
        return datetime.max
    day, clock, is_utc = found.groups()
    if not clock:
        return datetime.strptime(f"{day}235959", "%Y%m%d%H%M%S")  # a day, of which all belongs to it
    at = datetime.strptime(f"{day}{clock}", "%Y%m%d%H%M%S")
    return _local(at.replace(tzinfo=UTC), start) if is_utc else at


def _local(utc: datetime, start: Moment) -> datetime:
    return utc.astimezone(start.zone).replace(tzinfo=None)
