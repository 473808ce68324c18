"""Reading a calendar of which a provider lists a window of time, and tells by a token whether anything has changed.

The token says whether, the window says what: what goes by tokens alone does not move on with time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol

from bot.calendars.grants import Grant
from bot.calendars.model import Event
from bot.calendars.policy import Policy
from bot.calendars.sources import Read, read_lately
from bot.errors import Unavailable
from bot.store.calendars import Calendar

WHOLE_S = 3600.0  # the window is listed this often, changed or not
WITHOUT_S = 24 * 3600.0  # where a provider gives no token, none is asked for so long


class CalendarGone(Unavailable):
    """The provider knows no such calendar, or this account may not see it any more."""

    code, retryable = "calendar_gone", False


class TokenDead(Unavailable):
    """The sync token is too old; everything is to be read anew."""

    code = "sync_token_dead"


class Listing(Protocol):
    token_ahead: timedelta | None
    """By so much a token reaches beyond the window that moves on; None: a token is of all time."""

    async def window(self, grant: Grant, calendar: str, begin: datetime, end: datetime) -> list[Mapping[str, Any]]:
        """Every event of a time, series unfolded."""
        ...

    async def changed(self, grant: Grant, calendar: str, token: str) -> tuple[bool, str]:
        """Has anything changed since the token, and the next token. Raises TokenDead."""
        ...

    async def first_token(self, grant: Grant, calendar: str, begin: datetime, end: datetime) -> str:
        """A token of now; empty where the provider gives none that can be used."""
        ...


async def read(
    listing: Listing,
    event_of: Callable[..., Event | None],
    calendar: Calendar,
    grant: Grant,
    *,
    now: datetime,
    policy: Policy,
) -> Read:
    """The token first: what changes while the window is listed is told by it the next time."""
    name, cursor = calendar.shown_address, dict(calendar.cursor)
    begin, end = now - policy.behind, now + policy.ahead
    changed, cursor = await _changed(listing, name, grant, cursor, begin, end, now)
    if not changed and read_lately(calendar.cursor, now=now, within_s=WHOLE_S):
        return Read(events=None, cursor=cursor)
    items = await listing.window(grant, name, begin, end)
    found = [event for item in items if (event := event_of(item, calendar_id=calendar.id)) is not None]
    return Read(events=found, cursor={**cursor, "read_at": now.isoformat()})


async def _changed(
    listing: Listing, name: str, grant: Grant, cursor: dict[str, Any], begin: datetime, end: datetime, now: datetime
) -> tuple[bool, dict[str, Any]]:
    token, until = str(cursor.get("sync_token") or ""), cursor.get("token_until")
    if token and (until is None or datetime.fromisoformat(until) >= end):
        try:
            changed, token = await listing.changed(grant, name, token)
            return changed or not token, {**cursor, "sync_token": token}
        except TokenDead:
            pass
    if read_lately({"read_at": cursor.get("no_token_at")}, now=now, within_s=WITHOUT_S):
        return True, cursor
    reach = None if listing.token_ahead is None else end + listing.token_ahead
    token = await listing.first_token(grant, name, begin, reach or end)
    kept = {"sync_token": token, "token_until": reach and reach.isoformat(), "read_at": cursor.get("read_at")}
    return True, kept if token else {**kept, "no_token_at": now.isoformat()}
