"""Where events come from, as the keeper sees it: a source reads one calendar, whoever provides it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from bot.calendars.model import Event
from bot.calendars.policy import Policy
from bot.store.calendars import Calendar


@dataclass(frozen=True, kw_only=True, slots=True)
class Read:
    """What a calendar says. `events` None: nothing has changed."""

    events: Sequence[Event] | None
    cursor: Mapping[str, Any] = field(default_factory=dict)


class Source(Protocol):
    async def read(self, calendar: Calendar, secret: str, *, now: datetime, policy: Policy) -> Read:
        """The events of the policy's window. Raises Unavailable, AddressRefused."""
        ...

    async def close(self, calendar: Calendar, secret: str) -> None:
        """It is not read any more: whoever tells us of its changes is asked to stop. Raises Unavailable,
        AddressRefused."""
        ...


def read_lately(cursor: Mapping[str, Any], *, now: datetime, within_s: float) -> bool:
    """Was it read whole so lately? Else it is to be, changed or not: the window has moved on."""
    at = cursor.get("read_at")
    return at is not None and now - datetime.fromisoformat(at) < timedelta(seconds=within_s)
