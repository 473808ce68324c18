"""Events of Microsoft Graph: what each field comes to, and that one invitation is one in everybody's calendar."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.calendars import grants
from bot.calendars.answers import read
from bot.calendars.links import choose
from bot.calendars.microsoft.client import CLOUDS, ERRORS, App, Microsoft, MicrosoftUnavailable
from bot.calendars.microsoft.events import event_of, uid_of
from bot.calendars.model import Event, Kind, Response
from bot.config import Settings
from bot.egress.requests import Answer, Egress
from bot.errors import Unavailable
from bot.rehearsal.microsoft_calendar import timed
from tests.bot.calendars.feeds import ZOOM, vevent
from tests.bot.calendars.feeds import read as read_feed
from tests.bot.stores import NOW

TEAMS = "https://teams.microsoft.com/l/meetup-join/19%3ameeting_abc%40thread.v2/0?context=%7b%22Tid%22%3a%22t%22%7d"
CLASS = "040000008200E00074C5B7101A82E008"
SERIES = CLASS + "00000000" + "0011223344556677" + "0" * 16 + "10000000" + "AB" * 16
ON_A_DAY = CLASS + "07EA0B15" + SERIES[40:]


def event(**more: Any) -> Event:
    made = event_of({**timed("a", NOW, NOW + timedelta(minutes=30)), **more}, calendar_id="c")
    assert made is not None
    return made


@pytest.mark.parametrize(
    ("given", "room", "why"),
    [
        ({"onlineMeeting": {"joinUrl": TEAMS}}, "teams", "the conference the calendar added by itself"),
        ({"onlineMeetingUrl": TEAMS, "onlineMeeting": None}, "teams", "the conference the calendar added by itself"),
        ({"onlineMeeting": {"joinUrl": TEAMS}, "location": {"displayName": ZOOM}}, "zoom", "its location"),
        ({"onlineMeeting": {"joinUrl": ZOOM}}, "zoom", "the calendar's own conference field"),
        ({"locations": [{"displayName": "Room 5"}, {"locationUri": ZOOM}]}, "zoom", "its location"),
        ({"body": {"contentType": "html", "content": f'<a href="{ZOOM}">Join</a>'}}, "zoom", "its description"),
        ({"subject": ZOOM, "body": None, "location": "nonsense"}, "zoom", "its title"),
    ],
)
def test_of_several_links_the_one_people_meant_is_taken(given: dict[str, Any], room: str, why: str) -> None:
    chosen = choose(event(**given).links)
    assert chosen is not None and (chosen[0].platform, chosen[1]) == (room, why)


@pytest.mark.parametrize(
    ("given", "field", "expected"),
    [
        ({"isCancelled": True}, "cancelled", True),
        ({"isAllDay": True}, "all_day", True),
        ({"showAs": "oof"}, "kind", Kind.AWAY),
        ({"showAs": "workingElsewhere"}, "kind", Kind.PLACE),
        ({"showAs": "free"}, "kind", Kind.MEETING),
        ({"sensitivity": "private"}, "private", True),
        ({"sensitivity": "normal"}, "private", False),
        ({"responseStatus": {"response": "declined"}}, "response", Response.DECLINED),
        ({"responseStatus": {"response": "tentativelyAccepted"}}, "response", Response.TENTATIVE),
        ({"responseStatus": {"response": "none"}}, "response", Response.OWN),
        ({"isOrganizer": True, "responseStatus": {"response": "none"}}, "response", Response.OWN),
        ({"organizer": {"emailAddress": {"address": "Eve@Other.org"}}}, "organiser", "eve@other.org"),
        ({"attendees": [{"emailAddress": {"address": "Bob@own.org"}}, 7]}, "attendees", ("bob@own.org", "")),
        ({"attendees": [{"emailAddress": {"address": "R@x.org"}, "type": "resource"}]}, "resources", ("r@x.org",)),
        ({"originalStartTimeZone": "W. Europe Standard Time"}, "zone", "Europe/Berlin"),
        ({"originalStartTimeZone": "tzone://Microsoft/Custom"}, "zone", "UTC"),
        ({"lastModifiedDateTime": "2026-11-21T10:00:00.1234567Z"}, "sequence", 0),
    ],
)
def test_each_field_comes_to_what_it_means(given: dict[str, Any], field: str, expected: object) -> None:
    assert getattr(event(**given), field) == expected


def test_an_invitation_without_an_answer_waits_for_one() -> None:
    invited = event(attendees=[{"emailAddress": {"address": "ann@own.org"}}], responseStatus={"response": "none"})
    assert invited.response is Response.WAITING


@pytest.mark.parametrize("zone", ["Europe/Berlin", "W. Europe Standard Time"])
def test_a_time_in_another_zone_is_that_zones(zone: str) -> None:
    begins = {"dateTime": "2026-07-01T10:00:00.0000000", "timeZone": zone}
    assert event(start=begins).start == datetime(2026, 7, 1, 8, tzinfo=UTC)


def test_a_series_is_passed_over_and_its_occurrences_share_its_id_wherever_they_are_moved() -> None:
    series = {"seriesMasterId": "m", "iCalUId": ON_A_DAY, "originalStart": "2026-11-21T10:00:00Z"}
    stays = event(type="occurrence", **series)
    moved = event(type="exception", **{**series, "start": {"dateTime": "2026-11-28T12:00:00", "timeZone": "UTC"}})
    assert stays.identity == moved.identity and stays.uid == SERIES and moved.start != stays.start
    assert event_of(timed("m", NOW, NOW, type="seriesMaster"), calendar_id="c") is None
    assert event_of({"id": "x", "@removed": {"reason": "deleted"}}, calendar_id="c") is None


def test_an_invitation_is_one_with_its_copies_in_feeds_and_with_google() -> None:
    fed = read_feed(vevent(SERIES, "RRULE:FREQ=DAILY;COUNT=2", start=":20261121T100000Z", end=":20261121T103000Z"))
    outlook = event(type="occurrence", iCalUId=ON_A_DAY, originalStart="2026-11-21T10:00:00Z")
    assert outlook.identity in {one.identity for one in fed}
    foreign = (b"vCal-Uid\x01\x00\x00\x00" + b"7kukuqrfedlm2f9t@google.com\x00").hex().upper()
    assert uid_of(ON_A_DAY[:80] + foreign) == "7kukuqrfedlm2f9t@google.com"
    assert uid_of("7kukuqrfedlm2f9t@google.com") == "7kukuqrfedlm2f9t@google.com"


@pytest.mark.parametrize("item", [{}, {"id": 7}, {"id": "a", "start": 7, "attendees": {"x": 1}, "iCalUId": "0400"}])
def test_nonsense_is_read_without_harm(item: dict[str, Any]) -> None:
    found = event_of(item, calendar_id="c")
    assert found is None or (found.start is None and found.uid == "0400")


@pytest.mark.parametrize("name", CLOUDS)
def test_each_cloud_has_its_own_login_graph_and_scope(name: str) -> None:
    app = App.of(Settings(microsoft_client_id="id", microsoft_client_secret="s", microsoft_cloud=name))
    assert app is not None and app.api == f"{CLOUDS[name].graph}/v1.0"
    url = Microsoft(Egress(), app).consent_url(redirect_uri="https://bots.example.com/x", state="s", challenge="c")
    assert url.startswith(f"{CLOUDS[name].login}/common/oauth2/v2.0/authorize?")
    assert app.scope == f"offline_access {CLOUDS[name].graph}/Calendars.Read" and App.of(Settings()) is None


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (400, b'{"error": "invalid_grant", "error_codes": [700082]}', "grant_revoked"),
        (400, b'{"error": "interaction_required"}', "grant_revoked"),
        (401, b'{"error": "invalid_client"}', "bad_registration"),
        (400, b'{"error": "invalid_scope"}', "microsoft_refuses"),
        (503, b'{"error": "temporarily_unavailable"}', "microsoft_unavailable"),
        (401, b'{"error": {"code": "InvalidAuthenticationToken"}}', "grant_revoked"),
        (404, b'{"error": {"code": "MailboxNotEnabledForRESTAPI"}}', "microsoft_refuses"),
        (404, b'{"error": {"code": "ErrorItemNotFound"}}', "calendar_gone"),
        (400, b'{"error": {"code": "x", "innererror": {"code": "ResyncRequired"}}}', "sync_token_dead"),
        (502, b"<html>", "microsoft_unavailable"),
        (410, b'{"error": {"code": "syncStateNotFound"}}', "sync_token_dead"),
        (404, b'{"error": {"code": "SyncStateInvalid"}}', "sync_token_dead"),
        (402, b'{"error": {"code": "paymentRequired"}}', "microsoft_refuses"),
        (409, b'{"error": {"code": "ExtensionError"}}', "already_subscribed"),
        (423, b"", "microsoft_unavailable"),
        (429, b"", "microsoft_limited"),
        (500, b"", "microsoft_unavailable"),
        (504, b"[]", "microsoft_unavailable"),
        (509, b"", "microsoft_limited"),
    ],
)
def test_the_most_detailed_code_decides(status: int, body: bytes, code: str) -> None:
    answer = Answer(status=status, headers={"Retry-After": "7"}, body=body, cut=False)
    with pytest.raises(Unavailable) as raised:
        read(answer, (*grants.ERRORS, *ERRORS), MicrosoftUnavailable)
    assert (raised.value.code, raised.value.fields["asked_s"]) == (code, 7.0)
