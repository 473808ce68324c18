"""What a bot says at a meeting's door."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bot.config import Settings
from bot.domain.lifecycle import BotState
from bot.meeting.request import request_for
from bot.store.bots import Bot

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def bot_for(url: str) -> Bot:
    return Bot(
        id="b1", workspace_id="w1", character_id="c1", meeting_url=url, meeting_key="k", bot_name="Iris (AI)",
        join_at=NOW, metadata={}, state=BotState.JOINING, attempt=1, code=None, sub_code=None, detail="",
        created_at=NOW, updated_at=NOW, joined_at=None, ended_at=None, launch_at=NOW, occurrence_id=None,
        deduplication_key=None, tries=0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("url", "passcode"),
    [
        ("https://zoom.us/j/123456789?pwd=a.1", "a.1"),
        ("https://teams.live.com/meet/9312345678901?p=Xy", "Xy"),
        ("https://meet.example.org/videoroomtest.html?room=5&pin=4711", "4711"),
        ("https://meet.google.com/abc-defg-hij", None),
        ("https://example.org/no-meeting", None),
    ],
)
def test_the_links_passcode_is_said_at_the_door(url: str, passcode: str | None) -> None:
    request = request_for(bot_for(url), Settings(meeting_hosts="meet.example.org", lobby_timeout_s=7.0))
    assert (request.meeting_url, request.display_name, request.passcode) == (url, "Iris (AI)", passcode)
    assert request.lobby_timeout_s == 7.0


def test_a_declared_bot_brings_its_token_and_nobody_prints_it() -> None:
    settings = Settings(teams_identification="ey.J")
    request = request_for(bot_for("https://teams.live.com/meet/9312345678901?p=Xy"), settings)
    assert request.identification == "ey.J" and request_for(bot_for(""), Settings()).identification is None
    assert "ey.J" not in repr(request) + repr(settings)
