"""Calendars: connected, their rules changed, and what is decided for each event."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from bot.client.connection import PAGE, Connection, read


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """Which events a bot joins. `join`: chosen, accepted or all; `series`: by `series_id`, all of it or none."""

    join: str = "chosen"
    external_only: bool = False
    domains: list[str] = field(default_factory=list)
    keywords: list[str] = field(default_factory=list)
    never_keywords: list[str] = field(default_factory=list)
    series: dict[str, bool] = field(default_factory=dict)
    bot_mailbox: str = ""


CHOSEN = Rules()


@dataclass(frozen=True, kw_only=True, slots=True)
class Calendar:
    """`state` action_required: nothing is read until somebody does what `detail` says."""

    id: str
    provider: str
    name: str
    address: str
    owner: str
    character_id: str
    rules: Rules
    state: str
    code: str | None
    detail: str
    next_sync_at: datetime
    synced_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    source: str
    platform: str
    url: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CalendarEvent:
    """`verdict`: join, stay_away or let_be, because of `reason`, in words `because`."""

    id: str
    calendar_id: str
    series_id: str
    title: str
    starts_at: datetime | None
    ends_at: datetime | None
    zone: str
    removed: bool
    override: bool | None
    verdict: str
    reason: str
    because: str
    links: list[Link]
    chosen_link: Link | None
    chosen_because: str
    meeting: str | None
    bot_id: str | None
    bot_state: str | None


class Calendars(Connection):
    async def calendars(self) -> list[Calendar]:
        return await self._list(Calendar, "/calendars")

    async def calendar(self, calendar_id: str) -> Calendar:
        return read(Calendar, await self._ask("GET", f"/calendars/{calendar_id}"))

    async def connect_calendar(
        self, *, url: str, character_id: str, name: str = "", owner: str = "", rules: Rules = CHOSEN
    ) -> Calendar:
        """By an iCalendar feed's address. Raises ApiError: `problem["calendar_id"]` names one that has it already."""
        wanted = {"url": url, "character_id": character_id, "name": name, "owner": owner, "rules": rules}
        return read(Calendar, await self._ask("POST", "/calendars", body=wanted))

    async def consent_url(
        self,
        provider: Literal["google", "microsoft"],
        *,
        owner: str,
        character_id: str,
        calendar: str = "primary",
        rules: Rules = CHOSEN,
    ) -> str:
        """What the owner opens within ten minutes to have their calendar connected. Raises ApiError: `no_google` or
        `no_microsoft` where the installation is not registered there."""
        wanted = {"owner": owner, "character_id": character_id, "calendar": calendar, "rules": rules}
        return str((await self._ask("POST", f"/calendars/{provider}", body=wanted))["consent_url"])

    async def change_calendar(
        self,
        calendar_id: str,
        *,
        name: str | None = None,
        owner: str | None = None,
        character_id: str | None = None,
        rules: Rules | None = None,
    ) -> Calendar:
        """What is left out stays; `rules` are all of them: `replace(calendar.rules, join="all")`."""
        wanted = {"name": name, "owner": owner, "character_id": character_id, "rules": rules}
        return read(Calendar, await self._ask("PATCH", f"/calendars/{calendar_id}", body=wanted))

    async def sync_calendar(self, calendar_id: str) -> Calendar:
        """It is read within seconds."""
        return read(Calendar, await self._ask("POST", f"/calendars/{calendar_id}/sync", body={}))

    async def disconnect_calendar(self, calendar_id: str) -> Calendar:
        """What it was; bots that are on their way because of it are taken back."""
        return read(Calendar, await self._ask("DELETE", f"/calendars/{calendar_id}"))

    async def calendar_events(self, *, calendar_id: str | None = None, limit: int = 100) -> list[CalendarEvent]:
        """What comes up, by start; so many at most, asked for page by page."""
        found: list[CalendarEvent] = []
        query: dict[str, Any] = {"calendar_id": calendar_id, "cursor": None}
        while len(found) < limit:
            query["limit"] = min(PAGE, limit - len(found))
            page = await self._ask("GET", "/calendar-events", query=query)
            found += [read(CalendarEvent, one) for one in page["data"]]
            query["cursor"] = page["next_cursor"]
            if query["cursor"] is None:
                break
        return found

    async def calendar_event(self, event_id: str) -> CalendarEvent:
        """Whether a bot joins, why or why not, and by which link."""
        return read(CalendarEvent, await self._ask("GET", f"/calendar-events/{event_id}"))

    async def override_calendar_event(self, event_id: str, join: bool | None) -> CalendarEvent:
        """For this event alone: a bot joins, none does, or None: as the rules say."""
        return read(CalendarEvent, await self._ask("PUT", f"/calendar-events/{event_id}/override", body={"join": join}))
