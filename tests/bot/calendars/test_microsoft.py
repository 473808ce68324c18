"""Microsoft calendars against a server that speaks Graph's contract: consent, notices, links, errors, grants' ends."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.calendars.microsoft.client import App, Cloud, Microsoft
from bot.calendars.microsoft.source import MicrosoftSource
from bot.rehearsal.microsoft_calendar import PRIMARY, MicrosoftCalendar, Subscription, timed
from bot.store import calendar_channels, calendars
from tests.bot.calendars.scenes import Scene, playing
from tests.bot.stores import NOW, Seeded

pytestmark = [pytest.mark.slow, pytest.mark.parallel]
NOTICES = "/calendars/microsoft/notices"
Outlook = Scene[MicrosoftCalendar]


def client_of(server: MicrosoftCalendar, sender: Any) -> Microsoft:
    cloud = Cloud(login=server.url, graph=server.url)
    return Microsoft(sender, App.at(cloud, tenant="common", client_id="id", client_secret="secret"))


@pytest.fixture
async def scene(sqlite_store: Seeded, tmp_path: Path) -> AsyncIterator[Outlook]:
    server = MicrosoftCalendar()
    made = {"client": lambda sender: client_of(server, sender), "source": MicrosoftSource, "timed": timed}
    async with playing(server, sqlite_store, tmp_path, provider="microsoft", calendar=PRIMARY, **made) as scene:
        yield scene


def only(scene: Outlook) -> Subscription:
    (subscription,) = scene.server.subscriptions.values()
    return subscription


async def test_a_change_is_told_and_the_bot_follows_at_once(scene: Outlook) -> None:
    scene.at(60)
    led = await scene.connect()
    assert "offline_access" in led[0] and "Calendars.Read&" in led[0] and "ReadWrite" not in led[0], "the least"
    assert await scene.office.joins() == ["11-21 11:00"]
    scene.at(90)
    assert await scene.heard() == ["11-21 11:30"]
    scene.at(90, isCancelled=True)
    assert await scene.heard() == []
    scene.at(120)
    assert await scene.heard() == ["11-21 12:00"]
    scene.server.delete(PRIMARY, "a")
    assert await scene.heard() == [] and set(scene.server.answered) == {202}


async def test_the_handshake_is_answered_while_the_subscription_is_made(scene: Outlook) -> None:
    await scene.connect()
    subscription = only(scene)
    assert subscription.immutable and subscription.lifecycle_address == subscription.address
    assert len(subscription.client_state) <= 128 and subscription.expires_at < scene.office.clock.now() + timedelta(7)
    async with scene.client.post(NOTICES, params={"validationToken": "a <b>&+% é"}) as answer:
        assert (answer.status, answer.content_type) == (200, "text/plain")
        assert await answer.text() == "a <b>&+% é" and answer.headers["X-Content-Type-Options"] == "nosniff"
    async with scene.office.store.database.read() as session:
        (known,) = await calendar_channels.of(session, (await scene.office.calendar()).id)
    assert subscription.client_state.partition(".")[2] not in repr(known)


async def test_a_batch_with_strangers_in_it_loses_nothing(scene: Outlook) -> None:
    await scene.connect()
    scene.calendar = "team"
    await scene.connect()
    scene.server.hold = True
    scene.at(60, "a", **scene.where("https://zoom.us/j/123456780"))
    scene.calendar = PRIMARY
    scene.at(90, "b")
    state = only_of(scene, "team").client_state
    strangers: tuple[Any, ...] = (
        {"subscriptionId": "unknown", "clientState": "unknown.guess"},
        {"clientState": f"{state.partition('.')[0]}.guess", "lifecycleEvent": "subscriptionRemoved"},
        {"clientState": 7, "lifecycleEvent": []},
        {},
    )
    scene.server.flush(*strangers)
    assert await scene.heard() == ["11-21 11:00", "11-21 11:30"] and set(scene.server.answered) == {202}


def only_of(scene: Outlook, calendar: str) -> Subscription:
    return next(one for one in scene.server.subscriptions.values() if one.calendar == calendar)


async def test_a_forged_notice_is_answered_and_costs_nothing(scene: Outlook) -> None:
    await scene.connect()
    channel = only(scene).client_state.partition(".")[0]
    before = await scene.office.calendar()
    for state in (
        f"{channel}.guess",
        f"{channel}.",
        f"{channel}.\ud800",
        "\0.\0",
        channel,
        "",
        only(scene).client_state + "x",
    ):
        for more in ({}, {"lifecycleEvent": "missed"}, {"lifecycleEvent": "subscriptionRemoved"}):
            body = {"value": [{"clientState": state, "subscriptionId": only(scene).id, **more}]}
            async with scene.client.post(NOTICES, json=body) as answer:
                assert answer.status == 202
    for raw, status in ((b"no json", 202), (b"[]", 202), (b"[" * 100_000, 202), (b" " * 1_100_000, 413)):
        async with scene.client.post(NOTICES, data=raw) as answer:
            assert answer.status == status
    assert await scene.office.calendar() == before
    assert await scene.forged() == 7 * 3


async def test_a_challenge_is_met_by_a_renewal(scene: Outlook) -> None:
    await scene.connect()
    subscription = only(scene)
    before = subscription.expires_at
    scene.office.clock.advance(3600.0)
    scene.server.tell_lifecycle(subscription, "reauthorizationRequired")
    await scene.heard()
    assert only(scene).id == subscription.id and only(scene).expires_at == before + timedelta(hours=1)


async def test_a_subscription_that_graph_removes_is_made_anew_and_all_is_read(scene: Outlook) -> None:
    scene.at(60)
    await scene.connect()
    first = only(scene).id
    scene.server.drop_messages = True
    scene.at(90)
    scene.server.remove_subscriptions()
    assert await scene.heard() == ["11-21 11:30"] and only(scene).id != first
    scene.server.drop_messages = False
    scene.at(120)
    assert await scene.heard() == ["11-21 12:00"]


async def test_what_was_missed_is_read_from_the_beginning(scene: Outlook) -> None:
    scene.at(60)
    await scene.connect()
    scene.server.asked.clear()
    scene.server.tell_lifecycle(only(scene), "missed")
    await scene.heard()
    assert scene.server.asked == ["GET delta", "GET calendarView"], "no link of before is used"


async def test_a_subscription_is_renewed_before_it_ends_and_made_anew_when_it_has(scene: Outlook) -> None:
    await scene.connect()
    first = only(scene)
    scene.office.clock.advance(5.5 * 24 * 3600)
    await scene.office.keeper.sync_due()
    assert only(scene).id == first.id and first.expires_at > scene.office.clock.now() + timedelta(days=6)
    scene.office.clock.advance(8 * 24 * 3600.0)
    await scene.office.keeper.sync_due()
    assert [one.id for one in scene.server.subscriptions.values() if one.expires_at > scene.office.clock.now()] != [
        first.id
    ]
    scene.at(14 * 24 * 60 + 60)
    assert await scene.heard() == ["12-05 11:00"]


async def test_one_whose_answer_never_came_gives_way_and_one_that_is_used_does_not(scene: Outlook) -> None:
    await scene.connect()
    lost = only(scene).id
    async with scene.office.store.database.write() as session:
        (known,) = await calendar_channels.of(session, (await scene.office.calendar()).id)
        await calendar_channels.forget(session, [known.id])
    await scene.office.pass_time(minutes=7)
    assert only(scene).id != lost, "409, and nobody knew its secret"
    kept = only(scene).id
    async with scene.office.store.database.write() as session:
        calendar = (await calendars.list_all(session, workspace_id=scene.office.store.workspace.id))[0]
        mine = {"workspace_id": calendar.workspace_id, "now": NOW, "source_sha256": "same account, other name"}
        same = {name: getattr(calendar, name) for name in ("provider", "shown_address", "character_id", "rules")}
        twin = await calendars.create(session, id="t" * 32, name="twin", sealed_secret="", **same, **mine)
        sealed = scene.office.vault.seal(scene.server.grant(), place=calendars.place(twin.id))
        await calendars.opened_by(session, twin.id, sealed_secret=sealed, now=NOW)
    await scene.office.pass_time(minutes=7)
    assert only(scene).id == kept and (await scene.ask("GET", f"/calendars/{twin.id}"))["synced_at"] is not None


async def test_a_link_that_is_refused_is_dead_and_the_calendar_is_not(scene: Outlook) -> None:
    scene.at(60)
    await scene.connect()
    scene.server.drop_messages = True
    scene.at(90)
    scene.server.refused = [(400, "ErrorBadlyFormedToken")]
    await scene.office.pass_time(minutes=7)
    assert await scene.office.joins() == ["11-21 11:30"] and (await scene.office.calendar()).state == "active"


async def test_a_round_that_never_ends_is_left_and_the_window_is_listed_instead(scene: Outlook) -> None:
    scene.server.endless, scene.server.drop_messages = True, True
    scene.at(60)
    await scene.connect()
    assert await scene.office.joins() == ["11-21 11:00"] and scene.server.asked.count("GET delta") == 2
    scene.at(90)
    await scene.office.pass_time(minutes=10)
    assert await scene.office.joins() == ["11-21 11:30"] and scene.server.asked.count("GET delta") == 2


async def test_the_window_moves_on_and_its_link_with_it(scene: Outlook) -> None:
    await scene.connect()
    scene.at(30 * 24 * 60)
    assert await scene.heard() == [], "beyond four weeks"
    for _ in range(3):
        scene.office.clock.advance(24 * 3600.0)
        await scene.office.keeper.sync_due()
    assert await scene.office.joins() == ["12-21 10:00"]


@pytest.mark.parametrize(
    ("status", "reason", "code", "state"),
    [
        (429, "ApplicationThrottled", "microsoft_limited", "active"),
        (503, "serviceNotAvailable", "microsoft_unavailable", "active"),
        (403, "activityLimitReached", "microsoft_limited", "active"),
        (403, "ErrorAccessDenied", "microsoft_refuses", "action_required"),
    ],
)
async def test_each_error_is_dealt_with_by_its_rule(
    scene: Outlook, status: int, reason: str, code: str, state: str
) -> None:
    scene.at(60)
    await scene.connect()
    scene.server.refused = [(status, reason), (status, reason)]
    await scene.office.pass_time(minutes=6.5)
    found = await scene.office.calendar()
    assert (found.code, found.state) == (code, state) and await scene.office.joins() == ["11-21 11:00"]


async def test_a_server_that_asks_for_time_is_given_it(scene: Outlook) -> None:
    await scene.connect()
    scene.server.refused, scene.server.retry_after_s = [(429, "ApplicationThrottled")], 1200
    await scene.office.pass_time(minutes=7)
    scene.server.asked.clear()
    await scene.office.pass_time(minutes=15)
    assert scene.server.asked == []
    await scene.office.pass_time(minutes=10)
    assert scene.server.asked and (await scene.office.calendar()).code is None


async def test_a_server_that_asks_for_time_is_given_it_also_when_it_tells_of_changes(scene: Outlook) -> None:
    await scene.connect()
    scene.server.refused, scene.server.retry_after_s = [(429, "ApplicationThrottled")], 1200
    await scene.office.pass_time(minutes=7)
    scene.server.asked.clear()
    scene.at(60)
    assert await scene.heard() == [] and (scene.server.asked, scene.server.answered[-1]) == ([], 202)
    await scene.office.pass_time(minutes=20)
    assert await scene.office.joins() == ["11-21 11:00"]


async def test_a_token_that_changes_at_every_use_is_kept_also_when_the_read_fails(scene: Outlook) -> None:
    scene.at(60)
    await scene.connect()
    for _ in range(3):
        scene.server.refused = [(500, "generalException")]
        await scene.office.pass_time(minutes=20)
    found = await scene.office.calendar()
    assert (found.state, found.code) == ("active", None), "the server takes each token once"


async def test_an_event_keeps_its_id_and_a_users_choice_when_it_changes(scene: Outlook) -> None:
    scene.at(60)
    await scene.connect()
    (event,) = (await scene.ask("GET", "/calendar-events"))["data"]
    await scene.ask("PUT", f"/calendar-events/{event['id']}/override", json={"join": False})
    scene.at(90)
    assert await scene.heard() == []
    assert all('outlook.timezone="UTC"' in prefer for prefer in scene.server.preferred)


async def test_what_is_private_is_neither_joined_nor_told(scene: Outlook) -> None:
    scene.at(60, subject="Salary", sensitivity="private")
    await scene.connect()
    (event,) = (await scene.ask("GET", "/calendar-events"))["data"]
    assert (event["title"], event["reason"]) == ("Private event", "private") and await scene.office.joins() == []
    assert (event["links"], event["chosen_link"], event["chosen_because"]) == ([], None, ""), "a link is the way in"
    await scene.ask("PUT", f"/calendar-events/{event['id']}/override", json={"join": True})
    (event,) = (await scene.ask("GET", "/calendar-events"))["data"]
    assert event["title"] == "Private event" and event["chosen_link"]["platform"] == "zoom"


async def test_a_links_host_is_checked_before_it_is_followed(scene: Outlook) -> None:
    scene.at(60)
    await scene.connect()
    stranger = "https://graph.example.com/v1.0/me/calendarView/delta?$deltatoken=x"
    async with scene.office.store.database.write() as session:
        found = await scene.office.calendar()
        cursor = {**found.cursor, "sync_token": stranger}
        await calendars.synced(session, found, cursor=cursor, next_sync_at=NOW, now=NOW)
    await scene.office.pass_time(minutes=1)
    found = await scene.office.calendar()
    assert found.code is None and str(found.cursor["sync_token"]).startswith(scene.server.url)
    assert found.state == "active"
