"""When may a bot join? Pure rules over times; knows no clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from bot.errors import BadInput

JOIN_WINDOW = timedelta(minutes=15)
"""So long after its time a bot may still be sent; later it would burst into a meeting that no longer expects it."""

FURTHEST = timedelta(days=366)


class BadJoinTime(BadInput):
    """The time to join is already past, or more than a year away."""

    code = "bad_join_time"


def join_time(wanted: datetime | None, now: datetime) -> datetime:
    """The instant to join, in UTC; None means now. Raises BadJoinTime: over 15 minutes past, over a year ahead."""
    if wanted is None:
        return now
    if not now - JOIN_WINDOW <= wanted <= now + FURTHEST:
        raise BadJoinTime
    return wanted.astimezone(UTC)


def still_in_window(join_at: datetime, now: datetime) -> bool:
    return now <= join_at + JOIN_WINDOW
