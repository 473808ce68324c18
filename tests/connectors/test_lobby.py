"""A lobby that looks like a call is none, whatever language it speaks."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.base import JoinRefused, JoinRequest, Refusal
from connectors.kit.browser import Browser
from connectors.kit.web.admission import Way
from connectors.simulator import SimulatorServer
from connectors.simulator.screens import LANGUAGES, PLATFORMS, Cell
from tests.connectors import needs
from tests.connectors.matrix import Looker

pytestmark = [
    pytest.mark.acceptance,
    *needs.browser,
]


async def refused_at(browser: Browser, url: str, cell: Cell, *, lobby_timeout_s: float = 2.0) -> tuple[Refusal, bool]:
    """Why its way in ended, and whether its page was ever taken for a call."""
    looker = Looker(browser, cell)
    patience = {"page_timeout_s": 2.0, "lobby_timeout_s": lobby_timeout_s}
    request = JoinRequest(meeting_url=url, display_name="Iris (AI)", **patience)
    await browser.page.goto(url)
    with pytest.raises(JoinRefused) as refused:
        await Way(looker, looker.hands, looker.ways, request).go(lambda: None, lambda: looker.ways.leave(looker.hands))
    return refused.value.refusal, looker.called


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("platform", PLATFORMS)
async def test_a_lobby_with_a_tile_and_the_button_to_leave_is_no_call(
    tmp_path: Path, platform: str, language: str
) -> None:
    cell = Cell(platform=platform, name="lobby", variant="phantom", language=language)
    path = "abc-defg-hij" if platform == "meet" else f"{platform}/abc-defg-hij"
    async with Browser(tmp_path) as browser, SimulatorServer() as simulator:
        url = f"{simulator.base_url}/{path}?scenario=lobby&variant=phantom&lang={language}"
        refusal, called = await refused_at(browser, url, cell)
    assert not called
    assert refusal is (Refusal.LOBBY_TIMEOUT if language == "en" else Refusal.PAGE_NOT_UNDERSTOOD)


@pytest.mark.parametrize(
    ("platform", "scenario", "answer"),
    [
        *((platform, "denied", Refusal.DENIED) for platform in PLATFORMS),
        ("meet", "blocked_by_policy", Refusal.BLOCKED_BY_POLICY),
        ("teams", "sign_in_required", Refusal.SIGN_IN_REQUIRED),
        ("teams", "e2ee", Refusal.ENCRYPTED),
        ("zoom", "meeting_locked", Refusal.LOCKED),
    ],
)
async def test_a_lobby_whose_words_stay_beside_the_answer_has_been_answered(
    tmp_path: Path, platform: str, scenario: str, answer: Refusal
) -> None:
    cell = Cell(platform=platform, name="lobby", variant="lobby_stays", language="en")
    path = "abc-defg-hij" if platform == "meet" else f"{platform}/abc-defg-hij"
    async with Browser(tmp_path) as browser, SimulatorServer() as simulator:
        url = f"{simulator.base_url}/{path}?scenario={scenario}&after=1&variant=lobby_stays.no_frame"
        refusal, called = await refused_at(browser, url, cell, lobby_timeout_s=15.0)
    assert refusal is answer and not called
