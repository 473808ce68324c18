"""When a series takes place within a window: RRULE, RDATE and EXDATE, in the zone the series lives in. Pure.

The rules are python-dateutil's work. Before it begins, a rule without a count is brought forward to just before the
window, by whole intervals, so that a daily meeting of many years costs what a new one does.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice

from bot.calendars.ics.times import Moment

MOST_STEPS = 2_000_000  # of all rules of a feed with a count, which have to be walked from their beginning
MOST_INSTANCES = 1000  # of one series in the window
_EARLIEST_YEAR = 1970
_STEP_DAYS = {"DAILY": 1, "WEEKLY": 7}
_SLOW_STEP_DAYS = {"MONTHLY": 28, "YEARLY": 365}
_UNTIL = re.compile(r"(\d{8})(?:T(\d{6}))?(Z?)", re.ASCII)


@dataclass(kw_only=True)
class Budget:
    """How much a feed may cost: it comes from elsewhere."""

    steps: int = MOST_STEPS


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
    follows, gives its first alone."""
    found = {start.local, *(one.local if one.zone is start.zone else _local(one.utc, start) for one in more)}
    for text in rules:
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
        step_days = (_STEP_DAYS | _SLOW_STEP_DAYS)[frequency] * interval
        if "COUNT" not in parts and frequency in _STEP_DAYS:
            begin += timedelta(days=max(0, (first - begin).days // step_days - 1) * step_days)
        budget.steps -= max(0, (last - begin).days) // step_days
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
