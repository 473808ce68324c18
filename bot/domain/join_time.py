"""When may a bot join? Pure rules over times; knows no clock."""

from __future__ import annotations

import zlib
from datetime import UTC, datetime, timedelta

from bot.errors import BadInput

JOIN_WINDOW = timedelta(minutes=15)
"""So long after its time a bot may still be sent; later it would burst into a meeting that no longer expects it."""

LEAD = timedelta(seconds=60)
"""So long before its time a bot's process is started: it makes its browser and its face ready, then waits to join."""

SPREAD = timedelta(seconds=30)
"""Over so long the starts of bots with one join time are spread. They still join at that time."""

FAR = timedelta(minutes=6)
"""A bot that is ready and whose time is moved further away than this stands down and is sent anew."""

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


def launch_time(join_at: datetime, *, bot_id: str, now: datetime) -> datetime:
    """When a dispatcher may claim the bot: ahead of its time, each bot elsewhere; at once when that is past."""
    share = zlib.crc32(bot_id.encode()) / 2**32
    return max(now, join_at - LEAD + share * SPREAD)
