"""What is done differently on each platform, where that is a rule and no page: addresses and overheard messages."""

from __future__ import annotations

import base64
import gzip
import json

import pytest

from connectors.base import JoinRequest
from connectors.kit.web.network import FRAME_CHARACTERS, Overheard
from connectors.meet import join as meet
from connectors.teams import join as teams
from connectors.teams.admission import hears
from connectors.urls import find_meeting
from connectors.zoom import join as zoom
from connectors.zoom.connector import ZoomConnector

PACKED = base64.b64encode(gzip.compress(b'{"code":0,"subCode":5300}', mtime=0)).decode()
ENDED = '3:::{"url":"/v4/f/conversationEnd","body":"{\\"code\\":403,\\"subCode\\":%s}"}'


def request(url: str, **more: str) -> JoinRequest:
    return JoinRequest(meeting_url=url, display_name="Iris (AI)", **more)


@pytest.mark.parametrize(
    ("platform", "url", "address"),
    [
        (meet, "https://meet.google.com/abc-defg-hij?authuser=1", "https://meet.google.com/abc-defg-hij?hl=en"),
        (zoom, "https://us02web.zoom.us/j/123456789?pwd=a.1", "https://app.zoom.us/wc/123456789/join?pwd=a.1"),
        (zoom, "https://zoom.us/w/98765432109?tk=Ab", "https://app.zoom.us/wc/98765432109/join?tk=Ab"),
        (zoom, "https://acme.zoomgov.com/j/1601234567", "https://acme.zoomgov.com/j/1601234567"),
        (zoom, "https://zoom.us/my/jane.doe", "https://zoom.us/my/jane.doe"),
        (teams, "https://teams.live.com/meet/9312345678901?p=x", "https://teams.live.com/meet/9312345678901?p=x"),
        (teams, "http://127.0.0.1:1/teams/abc-defg-hij", "http://127.0.0.1:1/teams/abc-defg-hij"),
    ],
)
def test_a_meeting_is_opened_by_its_platforms_own_page(platform, url: str, address: str) -> None:
    link = find_meeting(url)
    assert link is not None and platform.address(link, request(url)) == address


@pytest.mark.parametrize(
    ("platform", "url", "passcode", "address"),
    [
        (zoom, "https://zoom.us/j/123456789", "a b", "https://app.zoom.us/wc/123456789/join?pwd=a%20b"),
        (zoom, "https://zoom.us/j/123456789?pwd=OLD", "NEW", "https://app.zoom.us/wc/123456789/join?pwd=NEW"),
        (zoom, "https://zoom.us/w/98765432109?pwd=a&tk=Ab", "b", "https://app.zoom.us/wc/98765432109/join?tk=Ab&pwd=b"),
        (zoom, "https://zoom.us/w/98765432109?tk=Ab&pwd=a", "a", "https://app.zoom.us/wc/98765432109/join?pwd=a&tk=Ab"),
        (zoom, "https://acme.zoomgov.com/j/1601234567?pwd=OLD", "N~", "https://acme.zoomgov.com/j/1601234567?pwd=N%7E"),
        (zoom, "https://zoom.us/my/jane.doe", "N", "https://zoom.us/my/jane.doe?pwd=N"),
        (zoom, "https://zoom.us/j/123456789?pwd=OLD", "", "https://app.zoom.us/wc/123456789/join?pwd=OLD"),
        (teams, "https://teams.microsoft.com/meet/28112", "Ab&3", "https://teams.microsoft.com/meet/28112?p=Ab%263"),
        (teams, "https://teams.live.com/meet/93123456?p=OLD", "NEW", "https://teams.live.com/meet/93123456?p=NEW"),
        (meet, "https://meet.google.com/abc-defg-hij", "a", "https://meet.google.com/abc-defg-hij?hl=en"),
        (teams, "http://127.0.0.1:1/teams/abc-defg-hij", "a", "http://127.0.0.1:1/teams/abc-defg-hij"),
    ],
)
def test_a_passcode_that_was_given_apart_is_the_one_that_counts(platform, url, passcode, address) -> None:
    link = find_meeting(url)
    assert link is not None and platform.address(link, request(url, passcode=passcode)) == address


def test_zoom_is_never_joined_without_devices() -> None:
    """Without sound of its own a page of Zoom's has nobody's."""
    controls = ZoomConnector.ways.screens.controls
    pressed = [way.says for name in ZoomConnector.ways.passes for way in controls[name].find]
    assert "Use microphone and camera" in pressed and not any("without" in says for says in pressed)


def test_a_registered_bot_says_so_to_teams_and_to_nobody_else() -> None:
    for url, told in (("https://teams.live.com/meet/9312345678901", True), ("http://127.0.0.1/abc-defg-hij", False)):
        link, asked = find_meeting(url), request(url, identification="ey.J/x")
        assert link is not None
        assert teams.address(link, asked).endswith("#token=ey.J%2Fx") is told
        assert "ey.J" not in repr(asked)


@pytest.mark.parametrize(
    ("frame", "sign"),
    [
        (ENDED % 5854, "lobby_denied"),
        (ENDED % 5723, "anonymous_join_disabled"),
        (ENDED % 5300, "removed"),
        (ENDED % 1234, None),
        ((ENDED % 5854).removeprefix("3:::"), None),
        (
            '3:::{"url":"https://host/v4/f/callAgent/a/conversation/conversationEnd/?x=1","body":{"subCode":5300}}',
            "removed",
        ),
        (f'3:::{{"url":"/v4/f/conversationEnd","body":"{PACKED}"}}', "removed"),
        ('3:::{"url":"/v4/f/conversationEnd","body":"not JSON, subCode 5300"}', None),
        ('3:::{"url":"/v4/f/conversationEnd","body":"{\\"text\\":\\"subCode 5300\\"}"}', None),
        ('3:::{"url":"/v4/f/conversationEnd","body":"{\\"subCode\\":{\\"5300\\":5300}}"}', None),
        ("3:::[conversationEnd", None),
        ('3:::["conversationEnd"]', None),
        ("3::", None),
    ],
)
def test_teams_own_word_is_overheard(frame: str, sign: str | None) -> None:
    assert hears(frame) == sign


@pytest.mark.parametrize("name", ["conversationEnd subCode 5300", '"url":"/conversationEnd","body":{"subCode":5300}'])
def test_what_a_participant_is_called_is_never_teams_own_word(name: str) -> None:
    people = {"participants": [{"displayName": name, "subCode": 5300}]}
    for body in (people, json.dumps(people)):
        assert hears("3:::" + json.dumps({"url": "/v4/f/conversation/rosterUpdate/", "body": body})) is None


def test_what_is_overheard_is_bounded() -> None:
    overheard = Overheard(lambda frame: frame)
    for number in range(1000):
        overheard.take(str(number))
    overheard.take("x" * (FRAME_CHARACTERS + 1))
    overheard.take(b"7")
    assert len(overheard.signs) == 16
