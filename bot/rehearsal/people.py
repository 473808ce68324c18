"""People at the simulator's page, who join it by hand; and several of them at one browser.

A person has a microphone (a synthetic voice), and may have ears and eyes. They know the meeting's page as a person sees
it, and nothing of the bot. Several at one browser have one page and one microphone each: one browser costs a fraction
of three. They share what the browser plays, so one of them listens, to one participant (`headphones.js`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self

from bot.errors import Unavailable
from bot.rehearsal.devices import Devices
from bot.rehearsal.eyes import Box, Eyes, Seen
from bot.rehearsal.measure import Pcm, Span
from bot.rehearsal.recording import Recording
from bot.rehearsal.speech import synthesise
from connectors.kit.browser import Browser
from connectors.kit.microphone import microphone_script
from connectors.kit.sound import SoundServer, label_of

if TYPE_CHECKING:
    from playwright.async_api import Page

PAGE_S = 20.0
PICTURE_S = 20.0
POLL_S = 0.2
WIDTH, HEIGHT = 960, 600
# A person's sound card holds 40 ms. With less a machine that plays everybody at once stretches what they hear.
SOUND_CARD = ("--audio-buffer-size=2048",)
HEADPHONES = Path(__file__).with_name("headphones.js")
SCREEN_JS = "() => document.querySelector('main:not([hidden])')?.id ?? 'nothing'"
LAST_SCREEN = "notice"  # the page's last word: nothing comes after it
WRITTEN_JS = """(name) => [...document.querySelectorAll(".said:not(.own)")].filter(
  (one) => one.querySelector(".sender")?.textContent === name).length"""


class AskerStuck(Unavailable):
    """A person of the rehearsal did not get into the meeting; the message says at which screen they stand."""

    code = "asker_stuck"


class Person:
    """`prepare` their lines, `join` (or `come` and `knock`), `watch`, `say`, `leave`."""

    def __init__(self, name: str, voice: str) -> None:
        self.name, self._voice = name, voice
        self._lines: dict[str, Pcm] = {}
        self._open_page: Callable[[], Page] | None = None
        self._devices: Devices | None = None
        self._eyes: Eyes | None = None

    def sit(self, page: Callable[[], Page], devices: Devices, eyes: Eyes | None) -> None:
        """At a page, with these. `page` may raise what a browser that died raises."""
        self._open_page, self._devices, self._eyes = page, devices, eyes

    @property
    def ears(self) -> Recording:
        """What they hear."""
        return self._own.ears

    @property
    def microphone(self) -> Recording:
        """What their microphone heard of them."""
        return self._own.microphone

    def seen(self, start_s: float, end_s: float) -> Seen:
        """What was received of the watched picture between these times."""
        assert self._eyes is not None, "this person has no eyes"
        return self._eyes.seen(start_s, end_s)

    async def prepare(self, texts: Sequence[str]) -> None:
        """Speak these lines to oneself beforehand, so that saying them costs nothing. Raises VoiceMissing."""
        for text in texts:
            self._lines[text] = await synthesise(text, voice=self._voice)

    async def join(self, url: str) -> None:
        """Open the link, give a name and ask to join; returns at the lobby or in the call. Raises AskerStuck."""
        await self.come(url)
        await self.knock()

    async def come(self, url: str, *, microphone: str = "", pictures: bool = True, sounds: bool = True) -> None:
        """To the door, with that microphone; without `pictures` no video is received, without `sounds` nobody is
        heard. Raises AskerStuck."""
        with self._page_errors("did not get to the door of the meeting"):
            await self._page.goto(url, timeout=PAGE_S * 1000)
            await self._until_screen({"prejoin"})
            await self._page.locator("#name").fill(self.name, timeout=PAGE_S * 1000)
            if microphone:
                await self._page.locator("#microphones").select_option(label=microphone, timeout=PAGE_S * 1000)
            if not pictures:
                await self._page.locator("#no-video").check(timeout=PAGE_S * 1000)
            if not sounds:
                await self._page.locator("#no-sound").check(timeout=PAGE_S * 1000)

    async def knock(self) -> None:
        """Returns at the lobby or in the call. Raises AskerStuck."""
        with self._page_errors("could not knock"):
            await self._page.locator("#join").click(timeout=PAGE_S * 1000)
        await self._until_screen({"lobby", "call"})

    async def until_in_call(self) -> None:
        """Raises AskerStuck."""
        await self._until_screen({"call"})

    async def listen_to(self, name: str) -> None:
        """Hear this participant alone; for those at one browser with others. Raises AskerStuck."""
        with self._page_errors("could not put headphones on"):
            await self._page.evaluate("(name) => { window.understudyHears = name; }", name)

    async def watch(self, box: Box, name: str = "") -> None:
        """Watch that part of a participant's picture from now on; no name: of the first other one. Raises AskerStuck
        where there is no picture in time."""
        assert self._eyes is not None, "this person has no eyes"
        deadline_s = time.monotonic() + PICTURE_S
        with self._page_errors("could not look at the picture"):
            while not await self._eyes.watch(box, name):
                if time.monotonic() > deadline_s:
                    raise AskerStuck(f"no picture of anyone else was received in {PICTURE_S:.0f} s")
                await asyncio.sleep(POLL_S)

    async def say(self, text: str) -> Span | None:
        """See `bot.rehearsal.script.Asker`."""
        if text not in self._lines:
            await self.prepare([text])
        return await self.play(self._lines[text])

    async def play(self, pcm: Pcm) -> Span | None:
        """Any sound, s16 mono at 48 kHz, into the microphone; times as in `say`."""
        return await self._own.speak(pcm)

    async def written_by(self, name: str) -> int:
        """How many chat messages of that participant this person can read. Raises AskerStuck."""
        with self._page_errors("could not read the chat"):
            return int(await self._page.evaluate(WRITTEN_JS, name))

    async def leave(self) -> None:
        """Press the button; safe where the call is over."""
        with self._page_errors("could not leave the meeting"):
            button = self._page.locator("#leave")
            if await button.is_visible():
                await button.click(timeout=PAGE_S * 1000)
                await self._until_screen({"notice"})

    @property
    def _page(self) -> Page:
        assert self._open_page is not None, "a person sits down first"
        return self._open_page()

    @property
    def _own(self) -> Devices:
        assert self._devices is not None, "a person sits down first"
        return self._devices

    async def _until_screen(self, names: set[str]) -> None:
        deadline_s = time.monotonic() + PAGE_S
        with self._page_errors("lost the page"):
            while (screen := await self._page.evaluate(SCREEN_JS)) not in names:
                if screen == LAST_SCREEN or time.monotonic() > deadline_s:
                    raise AskerStuck(f"{self.name}'s page shows {screen!r}, not {' or '.join(sorted(names))}")
                await asyncio.sleep(POLL_S)

    @contextmanager
    def _page_errors(self, what: str) -> Iterator[None]:
        """The driver's own errors, told as the person's."""
        from playwright.async_api import Error

        try:
            yield
        except Error as error:
            raise AskerStuck(f"{self.name} {what}: {error.message.splitlines()[0]}") from error


class People:
    """Several people at one browser. Entered, their sound and browser run; `people` by name, the first has ears, and
    eyes where `eyes` says so."""

    def __init__(
        self,
        folder: Path,
        voices: Mapping[str, str],
        *,
        eyes: bool = True,
        headless: bool = True,
        chromium: str = "",
        display: str = "",
    ) -> None:
        self._folder, self._with_eyes = folder, eyes
        self._headless, self._chromium, self._display = headless, chromium, display
        self.people = {name: Person(name, voice) for name, voice in voices.items()}
        self._stack = AsyncExitStack()

    @property
    def first(self) -> Person:
        """The one who hears and sees."""
        return next(iter(self.people.values()))

    async def __aenter__(self) -> Self:
        """Raises DeviceFailed."""
        async with AsyncExitStack() as stack:
            microphones = [name.lower() for name in self.people]
            sound = await stack.enter_async_context(SoundServer(self._folder / "sound", microphones=microphones))
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
            await browser.context.add_init_script(path=HEADPHONES)
            await browser.context.add_init_script(script=microphone_script())
            for person in self.people.values():
                await self._seat(person, sound, browser, stack)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._stack.aclose()

    async def come(self, name: str, url: str) -> None:
        """To the meeting's door, with one's own microphone. Raises AskerStuck."""
        first = self.people[name] is self.first
        pictures = self._with_eyes and first
        await self.people[name].come(url, microphone=label_of(name.lower()), pictures=pictures, sounds=first)

    async def _seat(self, person: Person, sound: SoundServer, browser: Browser, stack: AsyncExitStack) -> None:
        first = person is self.first
        devices = await stack.enter_async_context(Devices(sound, microphone=person.name.lower(), hears=first))
        page = browser.page if first else await browser.context.new_page()
        eyes = Eyes(page) if first and self._with_eyes else None
        if eyes is not None:
            await eyes.attach()
        person.sit(lambda: page, devices, eyes)
