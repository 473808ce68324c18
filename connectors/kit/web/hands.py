"""What is done to a page: a control is found by the first of its ways that is seen, and the way is counted."""

from __future__ import annotations

import asyncio
import re
import time
from typing import TYPE_CHECKING

from connectors.kit.browser import Browser
from connectors.kit.web.screens import Find, Screens

if TYPE_CHECKING:
    from playwright.async_api import Locator

CLICK_MS = 5000
APPEARS_S = 1.5
LOOK_S = 0.1


def page_errors() -> tuple[type[Exception], ...]:
    """What driving a page raises."""
    from playwright.async_api import Error

    return (Error,)


class Hands:
    """On one browser's page. Everything raises BrowserDied and what Playwright raises."""

    def __init__(self, browser: Browser, screens: Screens) -> None:
        self._browser, self._screens = browser, screens
        self._wakes = 0

    async def find(self, name: str) -> Locator | None:
        """The control, where one of its ways finds it; None when it is not seen."""
        for number, way in enumerate(self._screens.controls[name].find):
            found = self._locator(way).locator("visible=true")
            if await found.count():
                self._screens.hit(f"{name}.{number + 1}")
                return found.first
        return None

    async def sees(self, name: str) -> bool:
        return await self.find(name) is not None

    async def appears(self, name: str) -> bool:
        """Whether it is seen, or is within a moment: pages draw themselves piece by piece."""
        deadline_s = time.monotonic() + APPEARS_S
        while not await self.sees(name):
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
        """As the page's own script would: for what lies under something else."""
        control = await self.find(name)
        if control is None:
            return False
        await control.evaluate("(one) => one.click()")
        return True

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

    async def key(self, name: str, key: str) -> None:
        control = await self.find(name)
        if control is not None:
            await control.press(key, timeout=CLICK_MS)

    async def tell(self, name: str, *said: object) -> None:
        """Call the function of that name which a script of ours has put into the page."""
        await self._browser.page.evaluate("([name, said]) => { window[name](...said); }", [name, list(said)])

    async def gone(self, name: str) -> None:
        """Waits until it is not seen any more."""
        control = await self.find(name)
        if control is not None:
            await control.wait_for(state="hidden", timeout=CLICK_MS)

    async def wake(self) -> None:
        """Move the pointer, for toolbars that hide when it rests."""
        self._wakes += 1
        await self._browser.page.mouse.move(200 + self._wakes % 2, 200)

    def _locator(self, way: Find) -> Locator:
        found = self._browser.page.locator(way.css)
        if not way.says:
            return found
        words = r"\s+".join(re.escape(word) for word in way.says.split())
        return found.filter(has_text=re.compile(rf"^\s*{words}", re.IGNORECASE))
