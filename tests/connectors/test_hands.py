"""What is pressed on a real page, and what is left alone."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from connectors.kit.browser import PROGRAMS, Browser
from connectors.kit.web.hands import AGAIN_S, Hands, Presses
from connectors.kit.web.look import LOOK_JS, given, sighting_of
from connectors.kit.web.ways import Ways
from connectors.meet.connector import MeetConnector
from connectors.teams.connector import TeamsConnector
from connectors.zoom.connector import ZoomConnector

WINDOWS = (
    (MeetConnector.ways, "Others may see your video differently", "Got it", "dismiss", True),
    (MeetConnector.ways, "This video call is being recorded", "Got it", "dismiss", False),
    (MeetConnector.ways, "This video call is being recorded", "Join now", "join", False),
    (ZoomConnector.ways, "Devices", "Use microphone and camera", "devices_asked", True),
    (ZoomConnector.ways, "Devices", "Continue without microphone and camera", "devices_asked", False),
    (ZoomConnector.ways, "Your video looks different to others", "Got it", "dismiss", True),
    (ZoomConnector.ways, "This meeting is being recorded by the host", "Got it", "dismiss", False),
)
WINDOW = """<title>-</title><main>Meeting</main><div role="dialog" aria-modal="true">
  <div><i aria-hidden="true">info</i><p>{words}</p></div>
  <footer><button onclick="document.title = 'pressed'">{button}</button><button>Leave</button></footer></div>"""
INVISIBLE = '<iframe title="reCAPTCHA" width="256" height="60" src="about:blank?recaptcha&size=invisible"></iframe>'
BADGE = '<div class="grecaptcha-badge"><iframe width="256" height="60" src="about:blank?recaptcha"></iframe></div>'
ASKED = '<iframe title="reCAPTCHA" width="304" height="78" src="about:blank?recaptcha&size=normal"></iframe>'
BOX = """<textarea aria-label="Send a message to everyone"
  onkeydown="if (event.key === 'Enter') {{ event.preventDefault(); {sends} }}"></textarea>"""


def test_a_control_is_pressed_once_until_its_page_has_had_time_to_show_it() -> None:
    now = [0.0]
    presses = Presses(lambda: now[0])
    assert presses.due({"camera", "window"}) == ["camera", "window"]
    now[0] = AGAIN_S - 0.1
    assert presses.due({"camera", "microphone"}) == ["microphone"]
    now[0] = AGAIN_S
    assert presses.due({"camera", "microphone"}) == ["camera"]


@pytest.fixture
async def browser(tmp_path: Path) -> AsyncIterator[Browser]:
    async with Browser(tmp_path) as browser:
        yield browser


async def shown(browser: Browser, ways: Ways, html: str) -> frozenset[str]:
    await browser.page.set_content(html)
    asked = given(ways.screens, ways.roster, ways.least, "", joined=False)
    return sighting_of(await browser.page.evaluate(LOOK_JS, asked), frozenset()).shown


@pytest.mark.slow
@pytest.mark.parallel
@pytest.mark.browser
@pytest.mark.skipif(not any(map(shutil.which, PROGRAMS)), reason="no Chromium is installed")
class TestOnAPage:
    async def test_a_notice_is_pressed_away_and_a_question_for_consent_never(self, browser: Browser) -> None:
        for ways, words, button, control, pressed in WINDOWS:
            seen = await shown(browser, ways, WINDOW.format(words=words, button=button))
            assert (control in seen) is pressed, words
            hands = Hands(browser, ways.screens)
            assert await hands.sees(control) is pressed and await hands.press_in_page(control) is pressed, words
            assert (await browser.page.title() == "pressed") is pressed, words

    async def test_what_is_switched_off_or_gone_is_not_pressed(self, browser: Browser) -> None:
        hands = Hands(browser, ZoomConnector.ways.screens)
        assert not await hands.press_in_page("join")
        await browser.page.set_content('<button class="preview-join-button" disabled>Join</button>')
        assert await hands.sees("join") and not await hands.press_in_page("join")
        await browser.page.set_content('<button class="preview-join-button">Join</button>')
        assert await hands.press_in_page("join")

    async def test_the_badge_of_a_check_that_nobody_sees_is_no_captcha(self, browser: Browser) -> None:
        for ways in (MeetConnector.ways, TeamsConnector.ways, ZoomConnector.ways):
            for html in (BADGE, INVISIBLE):
                assert "captcha" not in await shown(browser, ways, html)
            assert "captcha" in await shown(browser, ways, ASKED)

    async def test_what_the_chat_takes_and_what_it_keeps_are_told_apart(self, browser: Browser) -> None:
        hands = Hands(browser, MeetConnector.ways.screens)
        assert not await hands.write("chat_box", "hello")
        for sends, taken in (("this.value = ''", True), ("", False)):
            await browser.page.set_content(BOX.format(sends=sends))
            assert await hands.write("chat_box", "an AI  writes this") is taken
