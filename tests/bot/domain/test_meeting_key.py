"""One key per meeting; nothing but a link of a meeting has one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.meeting_key import BadMeetingUrl, meeting_key


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("https://meetings.example/room", "meetings.example/room"),
        ("  http://Meetings.Example:80/Room/?from=mail#x ", "meetings.example/Room"),
        ("https://meetings.example./room", "meetings.example/room"),
        ("http://127.0.0.1:8431/meet/Room-1", "127.0.0.1:8431/meet/Room-1"),
        ("http://[::1]:8431/m/abc", "[::1]:8431/m/abc"),
        ("https://meetings.example:443/j/123?pwd=x", "meetings.example/j/123"),
    ],
)
def test_noise_of_a_link_does_not_change_its_key(url, key):
    assert meeting_key(url) == key


@pytest.mark.parametrize(
    "url",
    [
        "",
        "meet.google.com/abc",
        "ftp://meet.google.com/abc",
        "javascript:alert(1)",
        "https:///abc",
        "https://meet.google.com",
        "https://meet.google.com/?code=abc",
        "https://me:secret@meet.google.com/abc",
        "https://meet.google.com@evil.example/abc",
        "https://meet.google.com:99999/abc",
        "https://[::1/abc",
        "https://meet.google.com/a b",
        "https://meet.google.com/a\u202eb",
        "https://meet.google.com/" + "a" * 2048,
    ],
)
def test_what_names_no_meeting_is_refused(url):
    with pytest.raises(BadMeetingUrl):
        meeting_key(url)


@given(st.text(max_size=60))
def test_any_text_has_a_key_or_the_typed_error(text):
    try:
        assert meeting_key(f"https://host.example/{text}").startswith("host.example/")
    except BadMeetingUrl:
        pass
