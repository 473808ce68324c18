"""A bot follows a calendar: a meeting appears, is moved, begins; another one is cancelled. Played by a Google-shaped
server on this machine, which pushes each change; told as figures and as lines for people.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp

from bot.config import Settings
from bot.errors import Unavailable
from bot.rehearsal.client import Client
from bot.rehearsal.google_calendar import GoogleCalendar, timed
from bot.rehearsal.meeting import HOST, Host, Meeting, free_port

OWNER = "you@example.com"
AHEAD_S, LATER_S, LASTS_S = 100.0, 30.0, 1800.0  # the first is that far ahead, then moved by that much
PATIENCE_S = 60.0
POLL_S = 0.25
PUNCTUAL_S = 15.0  # from the start of the meeting to the knock at its door
FOLLOWED_S = 15.0  # from a change in the calendar to the bot's new time
STAYS_AWAY_S = 20.0  # after the start of the cancelled meeting


class NotFollowed(Unavailable):
    """The bot did not follow the calendar in time; the message says where."""

    code = "not_followed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Followed:
    """What was seen. Seconds."""

    booked_s: float  # from the event's appearance to a bot with its time
    moved_s: float  # from its move
    late_s: float  # from its start until the bot was in the call; minus: before
    cancelled_s: float
    stayed_away: bool

    def report(self) -> dict[str, Any]:
        figures = {name: getattr(self, name) for name in ("booked_s", "moved_s", "late_s", "cancelled_s")}
        followed = max(self.booked_s, self.moved_s, self.cancelled_s) <= FOLLOWED_S
        punctual = -5.0 <= self.late_s <= PUNCTUAL_S
        rounded = {name: round(value, 2) for name, value in figures.items()}
        return {"ok": followed and punctual and self.stayed_away, **rounded, "stayed_away": self.stayed_away}


def settings_with(settings: Settings, google: GoogleCalendar) -> Settings:
    """Of an installation whose Google is that server."""
    port = settings.api_port or free_port()
    return replace(
        settings,
        api_port=port,
        public_url=f"http://{HOST}:{port}",
        google_client_id="rehearsal",
        google_client_secret="rehearsal",
        google_url=google.url,
        egress_allow=", ".join(filter(None, (settings.egress_allow, HOST))),
    )


async def follow(
    google: GoogleCalendar, *, client: Client, host: Host, character_id: str, tell: Callable[[str], None]
) -> Followed:
    """Raises NotFollowed, and what client and host raise."""
    await _connect(client, character_id)
    tell("a Google-shaped calendar is connected")
    meeting = await host.open(lobby=False)
    start = _in_s(AHEAD_S)
    booked_s = await _put(google, client, "review", start, meeting.url)
    tell(f"an event appeared; {booked_s:.1f} s later a bot was booked for {start:%H:%M:%S} UTC")
    start += timedelta(seconds=LATER_S)
    moved_s = await _put(google, client, "review", start, meeting.url)
    tell(f"the event was moved; {moved_s:.1f} s later the bot was, to {start:%H:%M:%S}")
    other, began = await host.open(lobby=False), _in_s(AHEAD_S + LATER_S)
    await _put(google, client, "cancelled", began, other.url)
    at_s = time.monotonic()
    google.delete(OWNER, "cancelled")
    await _until(lambda: _joins(client, other), None, "the cancelled event keeps its bot")
    cancelled_s = time.monotonic() - at_s
    tell(f"another event was cancelled; {cancelled_s:.1f} s later its bot was")
    late_s = await _joined(client, meeting, start)
    tell(f"the bot was in the meeting {late_s:+.1f} s from its start")
    await asyncio.sleep(max(0.0, (began - datetime.now(UTC)).total_seconds() + STAYS_AWAY_S))
    stayed_away = await _joins(client, other) is None
    tell("nobody came to the cancelled meeting" if stayed_away else "a bot came to the cancelled meeting")
    return Followed(booked_s=booked_s, moved_s=moved_s, late_s=late_s, cancelled_s=cancelled_s, stayed_away=stayed_away)


async def _connect(client: Client, character_id: str) -> None:
    """As a person does: consent in a browser, which comes back to us."""
    wanted = {"owner": OWNER, "calendar": OWNER, "character_id": character_id, "rules": {"join": "all"}}
    url = (await client.ask("POST", "/calendars/google", wanted))["consent_url"]
    cookies = aiohttp.CookieJar(unsafe=True)  # also of a host without a name
    async with aiohttp.ClientSession(cookie_jar=cookies) as browser, browser.get(url) as page:
        if page.status != 200:
            raise NotFollowed(f"the calendar could not be connected: {page.status}")
    await _until(lambda: _was_read(client), True, "the calendar was not read")


async def _was_read(client: Client) -> bool:
    found = (await client.ask("GET", "/calendars"))["data"]
    return any(one["synced_at"] for one in found)


async def _put(google: GoogleCalendar, client: Client, name: str, start: datetime, url: str) -> float:
    """The event as it is now; how long it took until a bot had its time."""
    began_s = time.monotonic()
    more = {"summary": name, "location": url}
    google.put(OWNER, timed(name, start, start + timedelta(seconds=LASTS_S), **more))

    async def booked() -> datetime | None:
        bot = await _bot_of(client, url)
        return None if bot is None else datetime.fromisoformat(bot["join_at"])

    await _until(booked, start, f"no bot has the time of {name!r}")
    return time.monotonic() - began_s


async def _bot_of(client: Client, url: str) -> dict[str, Any] | None:
    """The bot that is on its way to, or in, this meeting."""
    found: list[dict[str, Any]] = []
    for phase in ("upcoming", "live"):
        found += (await client.ask("GET", f"/bots?phase={phase}"))["data"]
    code = url.rpartition("/")[2]
    return next((bot for bot in found if code in bot["meeting_url"]), None)


async def _joins(client: Client, meeting: Meeting) -> str | None:
    bot = await _bot_of(client, meeting.url)
    return None if bot is None else str(bot["id"])


async def _joined(client: Client, meeting: Meeting, start: datetime) -> float:
    bot_id = await _joins(client, meeting)
    if bot_id is None:
        raise NotFollowed("the bot of the moved event is gone")
    wait_s = (start - datetime.now(UTC)).total_seconds() + PATIENCE_S
    bot = await client.until_state(bot_id, ("in_call",), timeout_s=wait_s)
    if bot["state"] != "in_call":
        raise NotFollowed(f"the bot did not come into the meeting: {bot['state']}, {bot['code']}")
    return (datetime.fromisoformat(bot["joined_at"]) - start).total_seconds()


async def _until(ask: Callable[[], Any], wanted: object, otherwise: str) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while await ask() != wanted:
        if time.monotonic() > deadline_s:
            raise NotFollowed(otherwise)
        await asyncio.sleep(POLL_S)


def _in_s(seconds: float) -> datetime:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).replace(microsecond=0)
