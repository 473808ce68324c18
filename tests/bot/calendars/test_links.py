"""The links of an event: each meeting once, with the passcode that any of its fields tells."""

from __future__ import annotations

from typing import Any

import pytest

from bot.calendars.google.events import event_of
from bot.calendars.links import CONFERENCE, DESCRIPTION, LOCATION, candidates

ZOOM = "https://us02web.zoom.us/j/81234567890"
INVITATION = f"Join Zoom Meeting\n{ZOOM}\n\nMeeting ID: 812 3456 7890\nPasscode: 123456\n"


@pytest.mark.parametrize(
    ("location", "description", "urls"),
    [
        (ZOOM, INVITATION, [f"{ZOOM}?pwd=123456"]),
        (ZOOM, f"{ZOOM}?tk=T&pwd=ABCdef.1", [f"{ZOOM}?pwd=ABCdef.1&tk=T"]),
        (f"{ZOOM}?pwd=own", INVITATION, [f"{ZOOM}?pwd=own"]),
        (ZOOM, "https://zoom.us/j/999999999?pwd=x", [ZOOM, "https://zoom.us/j/999999999?pwd=x"]),
        (ZOOM, f"{ZOOM}\n\nThe slides are encrypted.\nPassword: hunter2", [ZOOM]),
    ],
)
def test_a_passcode_that_only_a_later_field_tells_is_kept(location: str, description: str, urls: list[str]) -> None:
    found = candidates([(LOCATION, location), (DESCRIPTION, description)])
    assert [link.url for link in found] == urls
    assert [link.source for link in found] == [LOCATION, DESCRIPTION][: len(urls)]


@pytest.mark.parametrize(
    ("entry", "url"),
    [
        ({"passcode": "123456"}, f"{ZOOM}?pwd=123456"),
        ({"password": "a+b"}, f"{ZOOM}?pwd=a%2Bb"),
        ({"passcode": "123456", "uri": f"{ZOOM}?pwd=own"}, f"{ZOOM}?pwd=own"),
        ({"pin": "123456"}, ZOOM),
        ({"passcode": "not needed"}, ZOOM),
        ({"passcode": 7}, ZOOM),
        ({"passcode": "1" * 200}, ZOOM),
    ],
)
def test_google_tells_the_passcode_beside_its_conference(entry: dict[str, Any], url: str) -> None:
    video = {"entryPointType": "video", "uri": ZOOM, **entry}
    phone = {"entryPointType": "phone", "uri": "tel:+13017158592", "passcode": "999"}
    made = event_of({"id": "a", "conferenceData": {"entryPoints": [phone, video]}}, calendar_id="c")
    assert made is not None and [(link.url, link.source) for link in made.links] == [(url, CONFERENCE)]
