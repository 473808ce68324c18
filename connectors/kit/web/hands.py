"""What is done to a page: a control is found by the first of its ways that is seen, and the way is counted."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from connectors.kit.browser import Browser
from connectors.kit.web.look import PAGE_JS
from connectors.kit.web.screens import Find, Screens, normal

if TYPE_CHECKING:
    from playwright.async_api import Locator

CLICK_MS = 5000
ANSWER_S = CLICK_MS / 1000
AGAIN_S = 2.0  # a page that is slow to show what a press did must not be pressed back
APPEARS_S = 1.5
LOOK_S = 0.1


def page_errors() -> tuple[type[Exception], ...]:
    """What driving a page raises."""
    from playwright.async_api import Error

    return (Error,)


class Presses:
    """Which controls may be pressed now, of those that are seen: each at most once in 2 s."""

    def __init__(self, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._monotonic_s = monotonic_s
        self._pressed_s: dict[str, float] = {}

    def due(self, names: Iterable[str]) -> list[str]:
        now_s = self._monotonic_s()
        due = [name for name in sorted(names) if now_s - self._pressed_s.get(name, -AGAIN_S) >= AGAIN_S]
        self._pressed_s |= dict.fromkeys(due, now_s)
        return due


class Hands:
    """On one browser's page. Everything raises BrowserDied, what Playwright raises, and TimeoutError where the page
    does not answer: nothing waits for it without end."""

    def __init__(self, browser: Browser, screens: Screens, *, answer_s: float = ANSWER_S) -> None:
        self._browser, self._screens, self._answer_s = browser, screens, answer_s
        self._wakes = 0

    async def find(self, name: str) -> Locator | None:
        """The control, where one of its ways finds it; None when it is not seen."""
        async with asyncio.timeout(self._answer_s):
            for number, way in enumerate(self._screens.controls[name].find):
                found = self._locator(way)
                at = int(await found.evaluate_all(_FIRST_JS, normal(way.about)))
                if at >= 0:
                    self._screens.hit(f"{name}.{number + 1}")
                    return found.nth(at)
        return None

    async def sees(self, name: str) -> bool:
        return await self.find(name) is not None

    async def appears(self, name: str) -> bool:
        """Whether it is seen, or is within a moment: pages draw themselves piece by piece."""
        return await self._within_a_moment(lambda: self.sees(name))

    async def _within_a_moment(self, ask: Callable[[], Awaitable[bool]]) -> bool:
        deadline_s = time.monotonic() + APPEARS_S
        while not await ask():
            if time.monotonic() > deadline_s:
                return False
            await asyncio.sleep(LOOK_S)
        return True

    async def press(self, name: str, *, timeout_ms: float = CLICK_MS) -> bool:
        """False when it is not there to be pressed."""
        control = await self.find(name)
        if control is None:
            return False
        await control.click(timeout=timeout_ms)
        return True

    async def press_in_page(self, name: str) -> bool:
        """As the page's own script would: for what lies under something else. False as well for what is switched off;
        what is gone by now is not waited for."""
        async with asyncio.timeout(self._answer_s):
            for number, way in enumerate(self._screens.controls[name].find):
                if await self._locator(way).evaluate_all(_PRESS_JS, normal(way.about)):
                    self._screens.hit(f"{name}.{number + 1}")
                    return True
        return False

    async def fill(self, name: str, text: str, *, timeout_ms: float = CLICK_MS) -> bool:
        control = await self.find(name)
        if control is None:
            return False
        await control.fill(text, timeout=timeout_ms)
        return True

    async def type(self, name: str, text: str, *, timeout_ms: float = CLICK_MS) -> bool:
        """Key by key, for a page that listens to keys alone."""
        control = await self.find(name)
        if control is None:
            return False
        await control.fill("", timeout=timeout_ms)
        await control.press_sequentially(text, timeout=timeout_ms)
        return True

    async def write(self, name: str, text: str) -> bool:
        """Into a box that Enter sends. False where there is none, or where it still holds the text a moment later."""
        if not await self.appears(name) or not await self.fill(name, text):
            return False
        control = await self.find(name)
        if control is None:
            return False
        await control.press("Enter", timeout=CLICK_MS)
        return await self._within_a_moment(lambda: self._lets_go(name, " ".join(text.split())))

    async def _lets_go(self, name: str, text: str) -> bool:
        control = await self.find(name)
        if control is None:
            return False
        held = await control.evaluate("(one) => one.value ?? one.innerText", timeout=CLICK_MS)
        return not " ".join(str(held).split()).startswith(text)

    async def tell(self, name: str, *said: object) -> None:
        """Call the function of that name which a script of ours has put into the page."""
        async with asyncio.timeout(self._answer_s):
            await self._browser.page.evaluate("([name, said]) => { window[name](...said); }", [name, list(said)])

    async def gone(self, name: str) -> None:
        """Waits until it is not seen any more."""
        control = await self.find(name)
        if control is not None:
            await control.wait_for(state="hidden", timeout=CLICK_MS)

    async def wake(self) -> None:
        """Move the pointer, for toolbars that hide when it rests. Whether the page answers, the next look tells."""
        self._wakes += 1
        with suppress(TimeoutError, *page_errors()):
            async with asyncio.timeout(self._answer_s):
                await self._browser.page.mouse.move(200 + self._wakes % 2, 200)

    def _locator(self, way: Find) -> Locator:
        found = self._browser.page.locator(way.css)
        if way.says:
            words = r"\s+".join(re.escape(word) for word in way.says.split())
            found = found.filter(has_text=re.compile(rf"^\s*{words}", re.IGNORECASE))
        return found.locator("visible=true")


_FIRST_JS = f"(all, words) => {{ const page = {PAGE_JS}; return all.findIndex((one) => page.isAbout(one, words)); }}"
_PRESS_JS = (
    f"(all, words) => {{ const page = {PAGE_JS}; const one = all.find((one) => page.isAbout(one, words)); "
    "if (!one || one.disabled) return false; one.click(); return true; }"
)
