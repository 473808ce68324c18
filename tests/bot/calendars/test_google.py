"""Google calendars against a server that speaks Google's contract: consent, pushes, tokens, errors, grants' ends."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer, unused_port

from bot.api.app import make_app
from bot.calendars.google.client import App, Google
from bot.calendars.google.events import event_of
from bot.calendars.google.source import GoogleSource
from bot.calendars.ics.feed import LIMITS
from bot.calendars.keeper import Keeper
from bot.calendars.links import choose
from bot.calendars.model import Kind, Response
from bot.egress.addresses import parse_networks
from bot.egress.requests import Egress
from bot.rehearsal.google_calendar import GoogleCalendar, timed
from bot.store import calendar_channels, keys
from bot.vault import Vault
from tests.bot.calendars.feeds import ZOOM
from tests.bot.calendars.publishers import Office
from tests.bot.clocks import HandClock
from tests.bot.stores import NOW, Seeded

pytestmark = [pytest.mark.slow, pytest.mark.parallel]
ANN = "ann@own.org"
OWN_HOSTS = ("meet.own.org",)


@dataclass(kw_only=True)
class Scene:
    google: GoogleCalendar
    office: Office
    client: TestClient[Any, Any]
    key: str

    async def ask(self, method: str, path: str, **options: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.key}"}
        async with self.client.request(method, f"/api/v1{path}", headers=headers, **options) as answer:
            return await answer.json()

    async def connect(self) -> None:
        """As a person does it: by the page, through Google's consent, and back."""
        wanted = {
            "owner": ANN,
            "calendar": ANN,
            "character_id": self.office.store.character.id,
            "rules": {"join": "all"},
        }
        url = (await self.ask("POST", "/calendars/google", json=wanted))["consent_url"]
        assert "access_type=offline" in url and "prompt=consent" in url
        async with self.client.session.get(url, allow_redirects=False) as said_yes:
            back = said_yes.headers["Location"]
        async with self.client.session.get(back, allow_redirects=False) as done:
            assert (done.status, done.headers["Location"]) == (303, "/dashboard/#/calendar")
        await self.office.keeper.sync_due()

    def at(self, minutes: float, event_id: str = "a", **more: Any) -> None:
        start = NOW + timedelta(minutes=minutes)
        self.google.put(ANN, timed(event_id, start, start + timedelta(minutes=30), **{"location": ZOOM, **more}))

    async def heard(self) -> list[str]:
        """What is told arrives, and is read at once: the bots after it."""
        await self.google.told()
        await self.office.keeper.sync_due()
        return await self.office.joins()


@asynccontextmanager
async def scene_of(store: Seeded, folder: Path) -> AsyncIterator[Scene]:
    clock, port = HandClock(), unused_port()
    vault, sender = Vault(folder / "secret-keys"), Egress(allow=parse_networks("127.0.0.1"), limits=LIMITS)
    async with GoogleCalendar(time_s=lambda: clock.now().timestamp()).serving() as server:
        base, public_url = server.url, f"http://127.0.0.1:{port}"
        app = App(
            client_id="id",
            client_secret="secret",
            consent=f"{base}/o/oauth2/v2/auth",
            token=f"{base}/token",
            api=f"{base}/calendar/v3",
        )
        google = Google(sender, app)
        api = make_app(
            store.database,
            home=folder,
            split=lambda _n, _t: [],
            clock=clock,
            vault=vault,
            google=google,
            public_url=public_url,
        )
        source = GoogleSource(google, store.database, public_url=public_url, own_hosts=OWN_HOSTS)
        keeper = Keeper(store.database, vault, {"google": source}, clock=clock, chance=lambda: 1.0)
        async with TestClient(TestServer(api, port=port)) as client:
            async with store.database.write() as session:
                mine = {"workspace_id": store.workspace.id, "name": "t", "scopes": keys.ALL_SCOPES}
                _, key = await keys.create(session, **mine)
            office = Office(store=store, keeper=keeper, vault=vault, clock=clock)
            yield Scene(google=server, office=office, client=client, key=key)


@pytest.fixture
async def scene(sqlite_store: Seeded, tmp_path: Path) -> AsyncIterator[Scene]:
    async with scene_of(sqlite_store, tmp_path) as scene:
        yield scene


async def test_a_change_is_pushed_and_the_bot_follows_at_once(scene: Scene) -> None:
    scene.at(60)
    await scene.connect()
    assert await scene.office.joins() == ["11-21 11:00"]
    scene.at(90)
    assert await scene.heard() == ["11-21 11:30"]
    scene.google.delete(ANN, "a")
    assert await scene.heard() == []
    assert set(scene.google.answered) == {200}


async def test_a_room_of_ones_own_server_gets_a_bot_and_another_server_does_not(scene: Scene) -> None:
    for minutes, event_id, host in ((60, "a", "meet.own.org"), (90, "b", "meet.other.org")):
        scene.at(minutes, event_id, location=f"https://{host}/videoroomtest.html?room=5")
    await scene.connect()
    assert await scene.office.joins() == ["11-21 11:00"]


async def test_with_every_push_lost_the_bot_follows_within_ten_minutes(scene: Scene) -> None:
    scene.at(60)
    await scene.connect()
    scene.google.drop_messages = True
    scene.at(120)
    await scene.office.pass_time(minutes=10)
    assert await scene.office.joins() == ["11-21 12:00"]


async def test_the_first_message_may_come_before_the_answer_to_watch(scene: Scene) -> None:
    await scene.connect()
    (channel,) = scene.google.channels.values()
    assert (channel.messages, scene.google.answered) == (1, [200]), "guides/push: sync"
    async with scene.office.store.database.read() as session:
        known = await calendar_channels.find(session, channel.id)
    assert known is not None and channel.token not in repr(known) and len(channel.token) >= 43


async def test_a_forged_message_is_answered_and_costs_nothing(scene: Scene) -> None:
    await scene.connect()
    (channel,) = scene.google.channels.values()
    before = await scene.office.calendar()
    for named, token in ((channel.id, "guess"), (channel.id, ""), ("nobody", channel.token), ("", "")):
        headers = {"X-Goog-Channel-ID": named, "X-Goog-Channel-Token": token, "X-Goog-Resource-State": "exists"}
        async with scene.client.post("/calendars/google/notices", headers=headers) as answer:
            assert answer.status == 200
    assert await scene.office.calendar() == before


async def test_nothing_new_is_one_small_request_and_a_dead_token_reads_all_anew(scene: Scene) -> None:
    scene.google.page = 1
    for number in range(3):
        scene.at(60 + 60 * number, f"e{number}")
    await scene.connect()
    assert len(await scene.office.joins()) == 3, "over three pages"
    scene.google.asked.clear()
    await scene.office.pass_time(minutes=7)
    assert scene.google.asked == ["GET events syncToken"]
    scene.google.kill_sync_tokens()
    scene.google.drop_messages = True
    scene.at(300, "e0")
    await scene.office.pass_time(minutes=7)
    assert "11-21 15:00" in await scene.office.joins() and (await scene.office.calendar()).code is None


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
    scene: Scene, status: int, reason: str, code: str, state: str
) -> None:
    scene.at(60)
    await scene.connect()
    scene.google.refused = [(status, reason)]
    await scene.office.pass_time(minutes=7)
    found = await scene.office.calendar()
    assert (found.code, found.state) == (code, state) and await scene.office.joins() == ["11-21 11:00"]


async def test_a_grant_that_ends_takes_the_bots_back_and_a_new_one_brings_them(scene: Scene) -> None:
    scene.at(600)
    await scene.connect()
    scene.google.revoke()
    await scene.office.pass_time(minutes=7)
    found = await scene.office.calendar()
    assert (found.state, found.code, await scene.office.joins()) == ("action_required", "grant_revoked", [])
    await scene.connect()
    assert ((await scene.office.calendar()).state, await scene.office.joins()) == ("active", ["11-21 20:00"])


async def test_a_channel_is_replaced_before_it_ends(scene: Scene) -> None:
    await scene.connect()
    (first,) = list(scene.google.channels)
    scene.office.clock.advance(6 * 24 * 3600.0)
    await scene.office.keeper.sync_due()
    (second,) = list(scene.google.channels)
    assert first != second and "POST stop" in scene.google.asked
    scene.at(6 * 24 * 60 + 60)
    assert await scene.heard() == ["11-27 11:00"]


@pytest.mark.parametrize("query", ["", "?code=x", "?code=x&state=forged"])
async def test_a_way_back_without_our_state_connects_nothing(scene: Scene, query: str) -> None:
    async with scene.client.get(f"/calendars/google/callback{query}") as answer:
        assert answer.status == 422
    assert (await scene.ask("GET", "/calendars"))["data"] == []


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
