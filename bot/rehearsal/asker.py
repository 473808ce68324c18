"""The asker: a person of the rehearsal, in a Chromium of its own.

It has a microphone (a synthetic voice), ears (what the browser plays) and eyes (the bot's picture as received); it has
no camera. How it joins and speaks is `people.Person`.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Self

from bot.rehearsal.devices import Devices
from bot.rehearsal.eyes import Eyes
from bot.rehearsal.people import HEIGHT, SOUND_CARD, WIDTH, AskerStuck, Person
from connectors.kit.browser import Browser
from connectors.kit.sound import SoundServer

__all__ = ["NAME", "AskerStuck", "BrowserAsker"]

NAME = "Alex"


class BrowserAsker(Person):
    """Entered, its sound and browser run; `prepare` its lines, `join`, `watch`, `say`, `leave`."""

    def __init__(
        self,
        folder: Path,
        *,
        name: str = NAME,
        voice: str = "slt",
        headless: bool = True,
        chromium: str = "",
        display: str = "",
    ) -> None:
        super().__init__(name, voice)
        self._folder = folder
        self._headless, self._chromium, self._display = headless, chromium, display
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Raises DeviceFailed."""
        async with AsyncExitStack() as stack:
            sound = await stack.enter_async_context(SoundServer(self._folder / "sound"))
            devices = await stack.enter_async_context(Devices(sound))
            browser = Browser(
                self._folder / "browser",
                sound=sound,
                headless=self._headless,
                chromium=self._chromium,
                environment={"DISPLAY": self._display} if self._display else None,
                flags=SOUND_CARD,
                width=WIDTH,
                height=HEIGHT,
            )
            await stack.enter_async_context(browser)
            eyes = Eyes(browser.page)
            await eyes.attach()
            self.sit(lambda: browser.page, devices, eyes)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._stack.aclose()
