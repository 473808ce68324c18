"""What every provider of accounts' calendars must do: consent that is good for the browser that asked for it, changes
followed with and without being told, dead tokens, the end of a grant, the end of a connection."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from yarl import URL

from bot.calendars import grants
from bot.calendars.google.source import GoogleSource
from bot.calendars.grants import challenge_of
from bot.calendars.microsoft.source import MicrosoftSource
from bot.egress.addresses import parse_networks
from bot.egress.requests import Egress
from bot.rehearsal import google_calendar, microsoft_calendar
from bot.store import calendars
from tests.bot.calendars import test_google, test_microsoft
from tests.bot.calendars.scenes import ANN, OWN_HOST, Scene, playing
from tests.bot.stores import Seeded

pytestmark = [pytest.mark.slow, pytest.mark.parallel]


def google() -> tuple[Any, dict[str, Any]]:
    server = google_calendar.GoogleCalendar()
    made = {"client": lambda sender: test_google.client_of(server, sender), "source": GoogleSource}
    return server, {**made, "timed": google_calendar.timed, "calendar": ANN}


def microsoft() -> tuple[Any, dict[str, Any]]:
    server = microsoft_calendar.MicrosoftCalendar()
    made = {"client": lambda sender: test_microsoft.client_of(server, sender), "source": MicrosoftSource}
    return server, {**made, "timed": microsoft_calendar.timed, "calendar": microsoft_calendar.PRIMARY}


@pytest.fixture
async def scene(request: Any, sqlite_store: Seeded, tmp_path: Path) -> AsyncIterator[Scene[Any]]:
    """With Microsoft, if a test asks for no other."""
    of = getattr(request, "param", microsoft)
    server, made = of()
    async with playing(server, sqlite_store, tmp_path, provider=of.__name__, **made) as scene:
        yield scene


BOTH = pytest.mark.parametrize("scene", [google, microsoft], ids=["google", "microsoft"], indirect=True)


async def refused(scene: Scene[Any], url: str) -> bool:
    async with scene.client.session.get(url, allow_redirects=False) as page:
        return page.status == 422 and (await scene.ask("GET", "/calendars"))["data"] == []


@BOTH
async def test_a_room_of_ones_own_server_gets_a_bot_and_another_server_does_not(scene: Scene[Any]) -> None:
    for minutes, event_id, host in ((60, "a", OWN_HOST), (90, "b", "meet.other.org")):
        scene.at(minutes, event_id, **scene.where(f"https://{host}/videoroomtest.html?room=5"))
    await scene.connect()
    assert await scene.office.joins() == ["11-21 11:00"]


async def test_a_way_back_without_our_state_connects_nothing(scene: Scene[Any]) -> None:
    for query in ("", "?code=x", "?code=x&state=forged", "?code=x&state=%C3%A9"):
        path = f"/calendars/{scene.provider}/callback{query}"
        assert await refused(scene, str(scene.client.make_url(path)))


async def test_who_says_no_is_led_back_to_the_page(scene: Scene[Any]) -> None:
    url = str(scene.client.make_url("/calendars/microsoft/callback?error=access_denied&state=x"))
    async with scene.client.session.get(url, allow_redirects=False) as page:
        assert (page.status, page.headers["Location"]) == (303, "/dashboard/#/calendar")


async def test_a_way_there_that_is_not_ours_leads_nowhere(scene: Scene[Any]) -> None:
    path = f"/calendars/{scene.provider}/begin"
    asked = (await scene.begin()).partition("=")[2]
    for query in ("", "?asked=forged", f"?asked={asked[:-9]}", "?asked=%FF"):
        assert await refused(scene, str(scene.client.make_url(path + query)))
    callback = f"/calendars/{scene.provider}/callback?code=x&state={asked}"
    assert await refused(scene, str(scene.client.make_url(callback))), "what was asked is no state"


@BOTH
async def test_the_way_back_is_good_for_the_browser_that_went_and_for_no_other(scene: Scene[Any]) -> None:
    *_, back, _ = await scene.steps(await scene.begin())
    mine = (await scene.ask("GET", "/calendars"))["data"]
    assert [one["owner"] for one in mine] == [ANN]
    await scene.ask("DELETE", f"/calendars/{mine[0]['id']}")
    assert await refused(scene, back), "once: the cookie went with it"
    consent = (await scene.first_step(await scene.begin()))[0]
    async with scene.client.session.get(consent, allow_redirects=False) as said_yes:
        back = said_yes.headers["Location"]
    scene.another_browser()
    assert await refused(scene, back), "a browser that never went there"
    await scene.first_step(await scene.begin())
    assert await refused(scene, back), "one that went for something else"


@BOTH
async def test_a_code_is_good_for_the_browser_it_was_asked_for_by_and_for_no_other(scene: Scene[Any]) -> None:
    async def code_and_state() -> tuple[str, URL]:
        consent = (await scene.first_step(await scene.begin()))[0]
        async with scene.client.session.get(consent, allow_redirects=False) as said_yes:
            back = URL(said_yes.headers["Location"])
        return back.query["code"], back

    stolen, _ = await code_and_state()
    scene.another_browser()
    own, back = await code_and_state()
    async with scene.client.session.get(back.update_query(code=stolen), allow_redirects=False) as page:
        assert (page.status, (await page.json())["code"]) == (503, "grant_revoked")
    assert (await scene.ask("GET", "/calendars"))["data"] == []
    async with scene.client.session.get(back.update_query(code=own), allow_redirects=False) as page:
        assert page.status == 303
    assert [one["owner"] for one in (await scene.ask("GET", "/calendars"))["data"]] == [ANN]


def test_the_challenge_is_that_of_the_standard() -> None:
    """RFC 7636, appendix B."""
    assert challenge_of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


async def test_a_consent_has_ten_minutes(scene: Scene[Any]) -> None:
    url = await scene.begin()
    consent, cookie = await scene.first_step(url)
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and f"Path=/calendars/{scene.provider}" in cookie
    async with scene.client.session.get(consent, allow_redirects=False) as said_yes:
        back = said_yes.headers["Location"]
    scene.office.clock.advance(601.0)
    assert await refused(scene, back) and await refused(scene, url)


async def test_a_reader_that_was_overtaken_does_not_put_an_old_token_back(scene: Scene[Any]) -> None:
    await scene.connect()
    before = await scene.office.calendar()
    await scene.connect()
    newest = (await scene.office.calendar()).sealed_secret
    async with scene.office.store.database.write() as session:
        vault, place = scene.office.vault, calendars.place(before.id)
        used = vault.open(before.sealed_secret, place=place)
        known = {"is_the_same": lambda stored: vault.open(stored, place=place) == used}
        await calendars.rotated(session, before, sealed_secret="of before", **known)
    found = await scene.office.calendar()
    assert found.sealed_secret == newest != before.sealed_secret


async def test_a_token_that_another_reader_has_used_ends_no_grant(scene: Scene[Any]) -> None:
    scene.at(60)
    await scene.connect()
    before = await scene.office.calendar()
    client = test_microsoft.client_of(scene.server, Egress(allow=parse_networks("127.0.0.1")))
    secret = scene.office.vault.open(before.sealed_secret, place=calendars.place(before.id))
    kept: dict[str, Any] = {"database": scene.office.store.database, "vault": scene.office.vault}
    await grants.opened(client, before, secret, **kept)
    await scene.office.keeper.sync(before)
    found = await scene.office.calendar()
    assert (found.state, found.code) == ("active", "grant_replaced")
    assert await scene.office.joins() == ["11-21 11:00"], "the server takes each token once"
    await scene.office.pass_time(minutes=2)
    assert (await scene.office.calendar()).code is None


@BOTH
async def test_a_grant_that_is_given_anew_while_the_old_one_fails_is_kept(scene: Scene[Any]) -> None:
    scene.at(60)
    await scene.connect()
    before = await scene.office.calendar()
    scene.server.revoke()
    scene.office.clock.advance(1.0)
    await scene.steps(await scene.begin())
    await scene.office.keeper.sync(before)
    assert (await scene.office.calendar()).state == "active" and await scene.office.joins() == ["11-21 11:00"]
    await scene.office.keeper.sync_due()
    assert (await scene.office.calendar()).code is None


@BOTH
async def test_with_every_push_lost_the_bot_follows_within_ten_minutes(scene: Scene[Any]) -> None:
    scene.at(60)
    await scene.connect()
    scene.server.drop_messages = True
    scene.at(120)
    await scene.office.pass_time(minutes=10)
    assert await scene.office.joins() == ["11-21 12:00"]


SMALL = {"google": "GET events syncToken", "microsoft": "GET delta"}


@BOTH
async def test_nothing_new_is_one_small_request_and_a_dead_token_reads_all_anew(scene: Scene[Any]) -> None:
    scene.server.page = 1
    for number in range(3):
        scene.at(60 + 60 * number, f"e{number}")
    await scene.connect()
    assert len(await scene.office.joins()) == 3, "over three pages"
    scene.server.asked.clear()
    await scene.office.pass_time(minutes=7)
    assert scene.server.asked == [SMALL[scene.provider]]
    scene.server.kill_sync_tokens()
    scene.server.drop_messages = True
    scene.at(300, "e0")
    await scene.office.pass_time(minutes=7)
    assert "11-21 15:00" in await scene.office.joins() and (await scene.office.calendar()).code is None


@BOTH
async def test_a_grant_that_ends_takes_the_bots_back_and_a_new_one_brings_them(scene: Scene[Any]) -> None:
    scene.at(600)
    await scene.connect()
    scene.server.revoke()
    await scene.office.pass_time(minutes=7)
    found = await scene.office.calendar()
    assert (found.state, found.code, await scene.office.joins()) == ("action_required", "grant_revoked", [])
    await scene.connect()
    assert ((await scene.office.calendar()).state, await scene.office.joins()) == ("active", ["11-21 20:00"])


@BOTH
async def test_a_provider_is_told_when_its_calendar_is_disconnected(scene: Scene[Any]) -> None:
    scene.at(60)
    await scene.connect()
    found = await scene.office.calendar()
    await scene.ask("DELETE", f"/calendars/{found.id}")
    assert (await scene.ask("GET", "/calendars"))["data"] == [] and await scene.office.joins() == []
    scene.server.refused = [(503, "serviceNotAvailable")]
    assert await scene.office.keeper.close_left() == 0 and len(scene.server.followers) == 1
    scene.office.clock.advance(120.0)
    assert await scene.office.keeper.close_left() == 1 and len(scene.server.followers) == 0
    await scene.connect()
    assert await scene.office.joins() == ["11-21 11:00"] and len(scene.server.followers) == 1
