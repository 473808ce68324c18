"""`understudy calendar`: the words a person types, and what becomes of them."""

from __future__ import annotations

import argparse
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from bot.calendars.owners import BadOwner
from bot.commands import calendar
from bot.commands.calendar import NoCharacter, NoOwner, NotRegistered
from bot.config import Settings
from bot.store.calendar_events import UnknownEvent
from tests.bot.calendars.feeds import ZOOM, feed, vevent
from tests.bot.calendars.publishers import Publisher, publishing
from tests.bot.stores import Seeded

pytestmark = [pytest.mark.slow, pytest.mark.parallel]


async def typed(settings: Settings, capsys: Any, *words: str) -> list[str]:
    parser = argparse.ArgumentParser()
    calendar.arguments(parser)
    await calendar._run(parser.parse_args(words), settings)
    return str(capsys.readouterr().out).splitlines()


@pytest.fixture
def settings(sqlite_store: Seeded, tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, database_url=sqlite_store.url, egress_allow="127.0.0.1")


async def test_a_calendar_is_connected_read_explained_and_disconnected(settings: Settings, capsys: Any) -> None:
    at = datetime.now(UTC) + timedelta(days=1)
    when = {"start": f":{at:%Y%m%dT%H%M%SZ}", "end": f":{at + timedelta(hours=1):%Y%m%dT%H%M%SZ}"}
    async with publishing(Publisher(feed(vevent("a", "SUMMARY:Plan\\nB", f"LOCATION:{ZOOM}", **when)))) as publisher:
        (made,) = await typed(settings, capsys, "connect", publisher.url, "--name", "Ann")
        calendar_id = made.split()[0]
        (read,) = await typed(settings, capsys, "sync")
        assert read.startswith(f"{calendar_id}  active  read ") and read.endswith("Ann")
        _, listed = await typed(settings, capsys, "list")
        event_id = listed.split()[0]
        assert "stays away  Plan B  (Only events you choose get a bot.)" in listed
        joined = await typed(settings, capsys, "join", event_id)
        assert "joins" in joined[0] and joined[1] == f"  link location: {ZOOM}" and "booked" in joined[-1]
        assert await typed(settings, capsys, "why", event_id) == joined
        skipped = await typed(settings, capsys, "skip", event_id)
        assert "stays away" in skipped[0]
        (gone,) = await typed(settings, capsys, "disconnect", calendar_id)
        assert gone == f"disconnected {calendar_id}; 0 bots taken back"


async def test_a_room_of_ones_own_server_is_found_where_its_host_is_set(settings: Settings, capsys: Any) -> None:
    at = datetime.now(UTC) + timedelta(days=1)
    when = {"start": f":{at:%Y%m%dT%H%M%SZ}", "end": f":{at + timedelta(hours=1):%Y%m%dT%H%M%SZ}"}
    room = "https://meet.own.org/videoroomtest.html?room=5"
    own = replace(settings, meeting_hosts="meet.own.org")
    async with publishing(Publisher(feed(vevent("a", f"LOCATION:{room}", **when)))) as publisher:
        await typed(own, capsys, "connect", publisher.url)
        await typed(own, capsys, "sync")
        _, listed = await typed(own, capsys, "list")
        joined = await typed(own, capsys, "join", listed.split()[0])
    assert "joins" in joined[0] and joined[1] == f"  link location: {room}"


async def test_an_accounts_calendar_begins_in_its_owners_browser(settings: Settings, capsys: Any) -> None:
    with pytest.raises(NotRegistered):
        await typed(settings, capsys, "connect", "microsoft", "--owner", "ann@example.com")
    mine: dict[str, Any] = {
        "microsoft_client_id": "id",
        "microsoft_client_secret": "secret",
        "public_url": "https://bots.example.com/",
    }
    with pytest.raises(NoOwner):
        await typed(replace(settings, **mine), capsys, "connect", "microsoft")
    for where in ("microsoft", "https://x.org/a.ics"):
        with pytest.raises(BadOwner):
            await typed(
                replace(settings, **mine), capsys, "connect", where, "--owner", "ann@example.com bob@example.com"
            )
    (url,) = await typed(replace(settings, **mine), capsys, "connect", "microsoft", "--owner", "ann@example.com")
    assert url.startswith("https://bots.example.com/calendars/microsoft/begin?asked=") and "ann@" not in unquote(url)


async def test_unknown_words_are_told(settings: Settings, capsys: Any) -> None:
    with pytest.raises(NoCharacter):
        await typed(settings, capsys, "connect", "https://x.org/a.ics", "--character", "Nobody")
    with pytest.raises(UnknownEvent):
        await typed(settings, capsys, "why", "nothing")
