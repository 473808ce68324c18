"""Which connector a link gets."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from connectors.base import UnknownPlatform
from connectors.registry import PLATFORMS, open_connector, platform_of
from tests.connectors.link_spellings import TABLE


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://meet.google.com/abc-defg-hij", "meet"),
        ("https://meet.google.com/abc-defg-hij?authuser=1", "meet"),
        ("abc-defg-hij", "meet"),
        (" http://127.0.0.1:8480/abc-defg-hij\n", "simulator"),
        ("http://localhost:8480/abc-defg-hij/", "simulator"),
        ("https://zoom.us/j/123456789", "zoom"),
        ("https://teams.live.com/meet/9312345678901?p=abc", "teams"),
        ("https://[::1]:8480/abc-defg-hij", "simulator"),
    ],
)
def test_a_link_is_known_by_its_host_and_shape(url: str, name: str) -> None:
    assert platform_of(url).name == name


@pytest.mark.parametrize(
    "url",
    [
        "",
        "https://meet.jit.si/AcmeStandup",
        "https://example.org/abc-defg-hij",
        "https://10.0.0.7/abc-defg-hij",
        "http://169.254.169.254/abc-defg-hij",
        "http://meetings.example.org/abc-defg-hij",
        "http://127.0.0.1:8480/",
        "http://127.0.0.1/ABC-DEFG-HIJ",
        "https://meet.google.com.example.org/abc-defg-hij",
        "ftp://127.0.0.1/abc-defg-hij",
        "http://[broken/abc-defg-hij",
        "javascript:alert(1)",
    ],
)
def test_other_links_are_not_guessed(url: str, tmp_path: Path) -> None:
    with pytest.raises(UnknownPlatform):
        open_connector(url, tmp_path)


@pytest.mark.parametrize("platform", PLATFORMS, ids=lambda platform: platform.name + platform.path)
def test_each_row_leads_to_a_connector(platform, tmp_path: Path) -> None:
    url = next(text for text, *_ in TABLE[platform.name] if platform_of(text) == platform)
    connector = open_connector(url, tmp_path / "work")
    assert connector.capabilities.microphone and connector.capabilities.camera
    assert not (tmp_path / "work").exists(), "nothing starts before the connector is entered"
    assert "playwright" not in sys.modules or platform.module in sys.modules
