"""Which meeting a text leads to: the table, and what holds for every spelling of a link."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from connectors.urls import find_meeting

TABLE: dict[str, Any] = tomllib.loads((Path(__file__).parents[1] / "data" / "meeting_links.toml").read_text())
PLATFORMS = ("zoom", "meet", "teams", "webex", "jitsi", "simulator")


@pytest.mark.parametrize("platform", PLATFORMS)
def test_links_of_the_table_are_read_as_it_says(platform: str) -> None:
    wrong = []
    for text, key, *more in TABLE[platform]:
        link = find_meeting(text)
        said = [] if link is None else [link.passcode or "", link.join_url]
        if link is None or (link.platform, link.key) != (platform, key) or said[: len(more)] != more:
            wrong.append((text, link, said))
    assert wrong == []


@pytest.mark.parametrize("why", TABLE["none"])
def test_what_leads_to_no_meeting_gives_none(why: str) -> None:
    found = [(text, link) for text in TABLE["none"][why] if (link := find_meeting(text)) is not None]
    assert found == []
