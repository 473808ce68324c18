"""The asker: a person of the rehearsal, in a Chromium of its own, who joins the simulator's page by hand.

It has a microphone (a synthetic voice), ears (what the browser plays) and eyes (the bot's picture as received); it has
no camera. It knows the meeting's page as a person sees it, and nothing of the bot.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self

from bot.errors import Unavailable
from bot.rehearsal.devices import Devices
from bot.rehearsal.eyes import Box, Eyes, Seen
from bot.rehearsal.measure import Pcm, Span
from bot.rehearsal.recording import Recording
from bot.rehearsal.speech import synthesise
from connectors.base import BrowserDied
from connectors.kit.browser import Browser
from connectors.kit.sound import SoundServer

if TYPE_CHECKING:
    from playwright.async_api import Page

NAME = "Alex"
PAGE_S = 20.0
PICTURE_S = 20.0
POLL_S = 0.2
WIDTH, HEIGHT = 960, 600
SCREEN_JS = "() => document.querySelector('main:not([hidden])')?.id ?? 'nothing'"


class AskerStuck(Unavailable):
    """The asker did not get into the meeting; the message says at which screen it stands."""

    code = "asker_stuck"


class BrowserAsker:
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
        self._folder, self.name, self._voice = folder, name, voice
        self._headless, self._chromium, self._display = headless, chromium, display
        self._lines: dict[str, Pcm] = {}
        self._stack = AsyncExitStack()
        self._devices: Devices | None = None
        self._eyes: Eyes | None = None
        self._browser: Browser | None = None

    @property
    def ears(self) -> Recording:
        assert self._devices is not None, "the asker is entered first"
        return self._devices.ears

    def seen(self, start_s: float, end_s: float) -> Seen:
        """What was received of the watched picture between these times."""
        assert self._eyes is not None, "the asker is entered first"
        return self._eyes.seen(start_s, end_s)

    async def __aenter__(self) -> Self:
        """Raises DeviceFailed."""
        async with AsyncExitStack() as stack:
            sound = await stack.enter_async_context(SoundServer(self._folder / "sound"))
            self._devices = await stack.enter_async_context(Devices(sound))
            browser = Browser(
                self._folder / "browser",
                sound=sound,
                headless=self._headless,
                chromium=self._chromium,
                environment={"DISPLAY": self._display} if self._display else None,
                width=WIDTH,
                height=HEIGHT,
            )
            self._browser = await stack.enter_async_context(browser)
            self._eyes = Eyes(self._browser.page)
            await self._eyes.attach()
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._stack.aclose()

    async def prepare(self, texts: Sequence[str]) -> None:
        """Speak these lines to oneself beforehand, so that saying them costs nothing. Raises VoiceMissing."""
        for text in texts:
            self._lines[text] = await synthesise(text, voice=self._voice)

    async def join(self, url: str) -> None:
        """Open the link, give a name and ask to join; returns at the lobby or in the call. Raises AskerStuck."""
        with _page_errors("did not get to the door of the meeting"):
            await self._page.goto(url, timeout=PAGE_S * 1000)
            await self._page.locator("#name").fill(self.name, timeout=PAGE_S * 1000)
            await self._page.locator("#join").click(timeout=PAGE_S * 1000)
        await self._until_screen({"lobby", "call"})

    async def until_in_call(self) -> None:
        """Raises AskerStuck."""
        await self._until_screen({"call"})

    async def watch(self, box: Box) -> None:
        """Watch that part of the other's picture from now on. Raises AskerStuck where there is no picture in time."""
        assert self._eyes is not None
        deadline_s = time.monotonic() + PICTURE_S
        with _page_errors("could not look at the picture"):
            while not await self._eyes.watch(box):
                if time.monotonic() > deadline_s:
                    raise AskerStuck(f"no picture of anyone else was received in {PICTURE_S:.0f} s")
                await asyncio.sleep(POLL_S)

    async def say(self, text: str) -> Span | None:
        """See `bot.rehearsal.script.Asker`."""
        assert self._devices is not None
        if text not in self._lines:
            await self.prepare([text])
        return await self._devices.speak(self._lines[text])

    async def leave(self) -> None:
        """Press the button; safe where the call is over."""
        with _page_errors("could not leave the meeting"):
            button = self._page.locator("#leave")
            if await button.is_visible():
                await button.click(timeout=PAGE_S * 1000)
                await self._until_screen({"notice"})

    @property
    def _page(self) -> Page:
        if self._browser is None:
            raise BrowserDied()
        return self._browser.page

    async def _until_screen(self, names: set[str]) -> None:
        deadline_s = time.monotonic() + PAGE_S
        with _page_errors("lost its page"):
            while (screen := await self._page.evaluate(SCREEN_JS)) not in names:
                if time.monotonic() > deadline_s:
                    raise AskerStuck(f"the asker's page shows {screen!r}, not {' or '.join(sorted(names))}")
                await asyncio.sleep(POLL_S)


@contextmanager
def _page_errors(what: str) -> Iterator[None]:
    """The driver's own errors, told as the asker's."""
    from playwright.async_api import Error

    try:
        yield
    except Error as error:
        raise AskerStuck(f"the asker {what}: {error.message.splitlines()[0]}") from error
