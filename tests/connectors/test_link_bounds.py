"""What ends the search in a text made to be slow: how much is decoded of it, counted, not timed."""

from __future__ import annotations

import sys
from types import FrameType
from urllib.parse import unquote

import pytest

from connectors.urls import find_meeting
from tests.benchmarks.links import ESCAPED, texts
from tests.connectors.link_spellings import safe_link

MOST_DECODED = 30_000  # escapes; as many as are written in such a text, not several times as many


def escapes_decoded(text: str) -> int:
    count = 0

    def seen(frame: FrameType, event: str, _: object) -> None:
        nonlocal count
        if event == "call" and frame.f_code is unquote.__code__:
            count += frame.f_locals["string"].count("%")

    sys.setprofile(seen)
    try:
        find_meeting(text)
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("name", [*ESCAPED, "escaped links cut by lines", "links of the meeting behind"])
def test_little_is_decoded_of_a_text_full_of_escapes(name: str) -> None:
    assert escapes_decoded(texts()[name]) < MOST_DECODED


def test_a_meeting_behind_many_wrapped_links_is_found() -> None:
    others = "\n".join(safe_link(f"https://example.com/news/{number}?a=b&c=d") for number in range(80))
    link = find_meeting(f"{others}\n{safe_link('https://zoom.us/j/123456789?pwd=x')}")
    assert link is not None and (link.key, link.passcode) == ("123456789", "x")
