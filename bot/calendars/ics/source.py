"""A feed as a source of events."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from datetime import datetime
from functools import partial
from typing import Any

from bot.calendars.ics import feed
from bot.calendars.ics.events import read_feed
from bot.calendars.ics.feed import Sender
from bot.calendars.policy import Policy
from bot.calendars.sources import Read, read_lately
from bot.store.calendars import Calendar


class IcsSource:
    def __init__(self, sender: Sender, *, own_hosts: Collection[str] = ()) -> None:
        """`own_hosts`: of the operator's own meeting servers."""
        self._sender, self._own_hosts = sender, own_hosts

    async def read(self, calendar: Calendar, secret: str, *, now: datetime, policy: Policy) -> Read:
        known = calendar.cursor if read_lately(calendar.cursor, now=now, within_s=policy.whole_s) else {}
        fetched = await feed.fetch(self._sender, secret, known)
        if fetched.text is None:
            return Read(events=None, cursor={**fetched.cursor, "read_at": known.get("read_at")})
        window: dict[str, Any] = {"begin": now - policy.behind, "end": now + policy.ahead}
        window |= {"calendar_id": calendar.id, "owner": calendar.owner, "own_hosts": self._own_hosts}
        events = await asyncio.to_thread(partial(read_feed, fetched.text, **window))
        return Read(events=events, cursor={**fetched.cursor, "read_at": now.isoformat()})

    async def close(self, calendar: Calendar, secret: str) -> None:
        """Nobody tells us of a feed."""
