"""Google calendars against a server that speaks Google's contract: consent, pushes, tokens, errors, grants' ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from bot.calendars.google.client import MOST_PAGES, App, Google
from bot.calendars.google.events import event_of
from bot.calendars.google.source import GoogleSource
from bot.calendars.links import choose
from bot.calendars.model import Join, Kind, Response, Rules, Subscriber
from bot.calendars.rules import decide_one
from bot.rehearsal.google_calendar import GoogleCalendar, timed
from bot.store import calendar_channels
from tests.bot.calendars.feeds import ZOOM
from tests.bot.calendars.scenes import ANN, Scene, playing
from tests.bot.clocks import until
from tests.bot.stores import NOW, Seeded

pytestmark = [pytest.mark.slow, pytest.mark.parallel]


def client_of(server: GoogleCalendar, sender: Any) -> Google:
    base = server.url
    places = {"consent": f"{base}/o/oauth2/v2/auth", "token": f"{base}/token", "api": f"{base}/calendar/v3"}
    return Google(sender, App(client_id="id", client_secret="secret", **places))


@pytest.fixture
async def scene(sqlite_store: Seeded, tmp_path: Path) -> AsyncIterator[Scene[GoogleCalendar]]:
    server = GoogleCalendar()
    made = {"client": lambda sender: client_of(server, sender), "source": GoogleSource, "timed": timed}
    async with playing(server, sqlite_store, tmp_path, provider="google", calendar=ANN, **made) as scene:
        yield scene


async def test_a_change_is_pushed_and_the_bot_follows_at_once(scene: Scene[GoogleCalendar]) -> None:
    scene.at(60)
    await scene.connect()
    assert await scene.office.joins() == ["11-21 11:00"]
    scene.at(90)
    assert await scene.heard() == ["11-21 11:30"]
    scene.server.delete(ANN, "a")
    assert await scene.heard() == []
    assert set(scene.server.answered) == {200}


async def test_the_first_message_may_come_before_the_answer_to_watch(scene: Scene[GoogleCalendar]) -> None:
    await scene.connect()
    (channel,) = scene.server.channels.values()
    assert (channel.messages, scene.server.answered) == (1, [200]), "guides/push: sync"
    async with scene.office.store.database.read() as session:
        known = await calendar_channels.find(session, channel.id)
    assert known is not None and channel.token not in repr(known) and len(channel.token) >= 43


async def test_a_forged_message_is_answered_and_costs_nothing(
    scene: Scene[GoogleCalendar], caplog: pytest.LogCaptureFixture
) -> None:
    await scene.connect()
    (channel,) = scene.server.channels.values()
    before = await scene.office.calendar()
    for named, token in ((channel.id, "guess"), (channel.id, ""), ("nobody", channel.token), ("", "")):
        headers = {"X-Goog-Channel-ID": named, "X-Goog-Channel-Token": token, "X-Goog-Resource-State": "exists"}
        async with scene.client.post("/calendars/google/notices", headers=headers) as answer:
            assert answer.status == 200
    assert await scene.office.calendar() == before
    told = [one for one in caplog.messages if "without the secret" in one]
    assert len(told) == 1, "whoever sends them does not fill the log"
    assert await scene.forged() == await scene.forged() == 4


async def test_a_message_that_names_no_channel_asks_the_database_nothing(scene: Scene[GoogleCalendar]) -> None:
    said = list[str]()
    sa.event.listen(scene.office.store.database.engine.sync_engine, "begin", lambda _: said.append("a transaction"))
    for headers in ({}, {"X-Goog-Channel-ID": "a" * 37}):
        async with scene.client.post("/calendars/google/notices", headers=headers) as answer:
            assert answer.status == 200
    assert not said


async def notice(scene: Scene[GoogleCalendar]) -> int:
    (channel,) = scene.server.channels.values()
    headers = {
        "X-Goog-Channel-ID": channel.id,
        "X-Goog-Channel-Token": channel.token,
        "X-Goog-Resource-State": "exists",
    }
    async with scene.client.post("/calendars/google/notices", headers=headers) as answer:
        return answer.status


async def test_messages_that_come_while_one_is_written_down_are_written_together(
    scene: Scene[GoogleCalendar],
) -> None:
    await scene.connect()
    database, said = scene.office.store.database, list[str]()
    sa.event.listen(database.engine.sync_engine, "before_cursor_execute", lambda *given: said.append(given[2]))
    async with database.write():
        asked = [asyncio.create_task(notice(scene)) for _ in range(20)]
        await until(lambda: sum("calendar_channels" in one for one in said) == len(asked))
        said.clear()
    assert await asyncio.gather(*asked) == [200] * len(asked)
    assert 0 < said.count("BEGIN IMMEDIATE") < 5 and (await scene.office.calendar()).next_sync_at == NOW


async def test_a_database_that_does_not_answer_is_waited_for_by_all_messages_together(
    scene: Scene[GoogleCalendar],
) -> None:
    await scene.connect()
    engine, said = scene.office.store.database.engine, list[str]()
    sa.event.listen(engine.sync_engine, "checkout", lambda driver, *_: driver.execute("PRAGMA busy_timeout = 1000"))
    sa.event.listen(engine.sync_engine, "before_cursor_execute", lambda *given: said.append(given[2]))
    async with scene.office.store.database.write():
        said.clear()
        assert set(await asyncio.gather(*(notice(scene) for _ in range(20)))) == {503}
        assert 0 < said.count("BEGIN IMMEDIATE") < 10, "one after the other they would wait for a minute"
    assert await notice(scene) == 200 and (await scene.office.calendar()).next_sync_at == NOW


@pytest.mark.parametrize(
    ("status", "reason", "code", "state"),
    [
        (403, "rateLimitExceeded", "google_limited", "active"),
        (403, "userRateLimitExceeded", "google_limited", "active"),
        (429, "rateLimitExceeded", "google_limited", "active"),
        (500, "backendError", "google_unavailable", "active"),
        (503, "backendError", "google_unavailable", "active"),
        (403, "insufficientPermissions", "google_refuses", "action_required"),
        (403, "domainPolicy", "google_refuses", "action_required"),
        (404, "notFound", "calendar_gone", "action_required"),
        (400, "badRequest", "google_refuses", "action_required"),
    ],
)
async def test_each_error_is_dealt_with_by_its_rule(
    scene: Scene[GoogleCalendar], status: int, reason: str, code: str, state: str
) -> None:
    scene.at(60)
    await scene.connect()
    scene.server.refused = [(status, reason)]
    await scene.office.pass_time(minutes=7)
    found = await scene.office.calendar()
    assert (found.code, found.state) == (code, state) and await scene.office.joins() == ["11-21 11:00"]


async def test_a_consent_that_does_not_last_connects_nothing_and_ends_no_grant(scene: Scene[GoogleCalendar]) -> None:
    scene.at(60)
    for mine in (0, 1):
        scene.server.offline = False
        *_, back = await scene.steps(await scene.begin(), until="code=")
        async with scene.client.session.get(back, allow_redirects=False) as page:
            assert (page.status, (await page.json())["code"]) == (503, "no_lasting_grant")
        assert len((await scene.ask("GET", "/calendars"))["data"]) == mine
        scene.server.offline = True
        await scene.connect()
        assert ((await scene.office.calendar()).code, await scene.office.joins()) == (None, ["11-21 11:00"])


async def test_a_calendar_with_no_end_of_pages_to_come_is_read_by_its_window(scene: Scene[GoogleCalendar]) -> None:
    scene.server.page, far = 1, 60 * 24 * 60
    scene.at(60)
    for number in range(MOST_PAGES + 5):
        scene.at(far + 60 * number, f"far {number}")
    await scene.connect()
    assert await scene.office.joins() == ["11-21 11:00"]
    scene.at(90)
    assert await scene.heard() == ["11-21 11:30"]


async def test_a_token_that_tells_of_too_much_is_dead_and_the_calendar_is_not(scene: Scene[GoogleCalendar]) -> None:
    scene.server.page, far = 1, 60 * 24 * 60
    await scene.connect()
    scene.server.drop_messages = True
    for number in range(MOST_PAGES + 5):
        scene.at(far + 60 * number, f"far {number}")
    scene.at(60)
    await scene.office.pass_time(minutes=7)
    assert await scene.office.joins() == ["11-21 11:00"] and (await scene.office.calendar()).code is None


async def test_a_channel_is_replaced_before_it_ends(scene: Scene[GoogleCalendar]) -> None:
    await scene.connect()
    (first,) = list(scene.server.channels)
    scene.office.clock.advance(6 * 24 * 3600.0)
    await scene.office.keeper.sync_due()
    (second,) = list(scene.server.channels)
    assert first != second and "POST stop" in scene.server.asked
    scene.at(6 * 24 * 60 + 60)
    assert await scene.heard() == ["11-27 11:00"]


@pytest.mark.parametrize("failure", [(503, "backendError"), (403, "rateLimitExceeded"), (400, "badRequest")])
async def test_a_calendar_whose_channel_cannot_be_opened_is_read_all_the_same(
    scene: Scene[GoogleCalendar], failure: tuple[int, str]
) -> None:
    scene.server.refused_watches = [failure] * 2
    scene.at(60)
    await scene.connect()
    assert await scene.office.joins() == ["11-21 11:00"]
    await scene.office.pass_time(minutes=7)
    async with scene.office.store.database.read() as session:
        known = await calendar_channels.of(session, (await scene.office.calendar()).id)
    assert len(known) == 1, "of channels that nobody opened none is left but the last"
    await scene.office.pass_time(minutes=7)
    scene.at(90)
    assert await scene.heard() == ["11-21 11:30"] and len(scene.server.channels) == 1


MEET = {"hangoutLink": "https://meet.google.com/abc-defg-hij"}
ADDED = {"entryPoints": [{"entryPointType": "video", "uri": ZOOM}], "conferenceSolution": {"key": {"type": "addOn"}}}


@pytest.mark.parametrize(
    ("fields", "room", "why"),
    [
        (MEET, "meet:abc-defg-hij", "the conference the calendar added by itself"),
        ({**MEET, "location": ZOOM}, "zoom:123456789", "its location"),
        ({**MEET, "description": ZOOM}, "meet:abc-defg-hij", "the conference the calendar added by itself"),
        (
            {"conferenceData": ADDED, "location": "https://zoom.us/j/999999999"},
            "zoom:123456789",
            "the calendar's own conference field",
        ),
        ({"description": f"<a href='{ZOOM}'>here</a>"}, "zoom:123456789", "its description"),
    ],
)
def test_of_several_links_the_one_people_meant_is_taken(fields: dict[str, Any], room: str, why: str) -> None:
    event = event_of(timed("a", NOW, NOW, **fields), calendar_id="c")
    assert event is not None
    chosen = choose(event.links)
    assert chosen is not None and (chosen[0].room, chosen[1]) == (room, why)


def test_a_room_and_a_shared_calendar_are_nobody_from_outside() -> None:
    rules = Rules(join=Join.ALL, external_only=True, domains=("own.org",))
    room = {"email": "c_1@resource.calendar.google.com", "resource": True, "responseStatus": "accepted"}
    team = {"email": "c_2@group.calendar.google.com"}

    def reason(*people: dict[str, Any]) -> str:
        item = timed("a", NOW, NOW + timedelta(hours=1), location=ZOOM, organizer=team, attendees=[*people])
        event = event_of(item, calendar_id="c")
        assert event is not None
        return decide_one(Subscriber(event=event, rules=rules), NOW).reason

    assert reason({"email": ANN}, room) == "nobody_external"
    assert reason({"email": "projector@rooms.example.org", "resource": True}) == "nobody_external"
    assert reason({"email": ANN}, room, {"email": "eve@other.org"}) == "rules"


def test_what_google_promises_is_read_and_nothing_else_is_needed() -> None:
    cancelled = event_of({"id": "a", "status": "cancelled"}, calendar_id="c")
    assert cancelled is not None and cancelled.cancelled and cancelled.start is None
    day = event_of({"id": "b", "start": {"date": "2026-11-21"}, "end": {"date": "2026-11-22"}}, calendar_id="c")
    assert day is not None and day.all_day
    people = [{"email": ANN, "self": True, "responseStatus": "declined"}, {"email": "eve@other.org"}]
    event = event_of(timed("c", NOW, NOW, attendees=people, eventType="focusTime"), calendar_id="c")
    assert event is not None and (event.response, event.kind) == (Response.DECLINED, Kind.FOCUS)
    assert event_of({"status": 7, "id": None}, calendar_id="c") is None
    assert isinstance(event.start, datetime)
