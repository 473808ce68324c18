"""What people type is kept, but for what nothing can keep."""

from __future__ import annotations

import pytest

from connectors.kit.web.look import sighting_of
from connectors.kit.words import plain


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("grüß <b>Gott</b> 😀\nbye", "grüß <b>Gott</b> 😀\nbye"),
        ("half \ud83d a pair", "half \ufffd a pair"),
        ("whole \ud83d\ude00 pair", "whole 😀 pair"),
        ("bell\x07 nul\x00 escape\x1b[31m", "bell nul escape[31m"),
    ],
)
def test_words_stay_and_what_no_store_takes_goes(typed: str, kept: str) -> None:
    assert plain(typed) == kept
    plain(typed).encode()


def test_no_text_is_longer_than_what_is_read() -> None:
    assert len(plain("x" * 1_000_000)) == 10_000


def test_names_and_messages_of_a_page_are_made_plain() -> None:
    read = {"phrases": [], "title": "", "shown": {}, "ways": {}}
    people = [{"id": "p1", "name": "Al\ud83dx" + "y" * 500, "is_self": False, "speaking": False, "sharing": False}]
    messages = [{"id": "m1", "sender": "Al\ud83dx", "text": "a\ud83d" + "b" * 20_000}]
    seen = sighting_of({**read, "people": people, "messages": messages}, frozenset())
    assert seen.people["p1"].name.startswith("Al\ufffdx") and len(seen.people["p1"].name) == 200
    assert seen.messages[0].sender == "Al\ufffdx" and len(seen.messages[0].text) == 10_000
