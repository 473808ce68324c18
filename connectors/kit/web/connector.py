"""The connector of every platform that is joined by its web page. What is particular to one is its `Ways`.

The same path serves the platform's own pages and those of the simulator; only the host of the link differs. A refusal
is final: nothing here tries to look like a person.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Self
from urllib.parse import urlsplit

from connectors.base import (
    Admitted,
    AudioChunk,
    BrowserDied,
    Camera,
    Capabilities,
    ConnectorError,
    Event,
    Evidence,
    InLobby,
    JoinRefused,
    JoinRequest,
    Microphone,
    NotDone,
    NotSupported,
    Refusal,
)
from connectors.kit.browser import Browser, trusting
from connectors.kit.camera import CameraHost
from connectors.kit.capture import AudioOutlet, MixEars, PageEars, ears_script
from connectors.kit.channel import Channel
from connectors.kit.microphone import VirtualMicrophone, microphone_script, open_microphone
from connectors.kit.sound import MICROPHONE_SINK, SoundServer
from connectors.kit.web.admission import Way, longest_s
from connectors.kit.web.arrival import OUTBOUND_JS, SENT_JS, Sent
from connectors.kit.web.classifier import Sighting
from connectors.kit.web.discretion import cause_of, discreet, secrets_of
from connectors.kit.web.hands import Hands, page_errors
from connectors.kit.web.look import LOOK_JS, Served, given, sighting_of
from connectors.kit.web.network import Overheard
from connectors.kit.web.presence import HANGING_S, Presence
from connectors.kit.web.ways import Ways
from connectors.kit.words import plain
from connectors.links.own import without_tls
from connectors.urls import find_meeting

LOOK_TIMEOUT_S = 5.0
LEAVE_S = 4.0
EVENTS_HELD = 1000
TEXT_LIMIT = 300


class WebConnector:
    """Implements `connectors.base.Connector`. `workdir` keeps the evidence; all else in it goes when it is left."""

    ways: ClassVar[Ways]
    hanging_s: ClassVar[float] = HANGING_S
    under_way_s: ClassVar[float] = 60.0  # for what is being done when patience with the way in ends

    def __init__(
        self,
        workdir: Path,
        *,
        headless: bool = True,
        chromium: str = "",
        profile: Path | None = None,
        camera: str = "auto",
        width: int = 640,
        height: int = 360,
        fps: int = 24,
        own_hosts: Collection[str] = (),
    ) -> None:
        self.capabilities: Capabilities = self.ways.capabilities
        self._workdir, self._headless, self._chromium, self._profile = workdir, headless, chromium, profile
        self._own_hosts = own_hosts
        self._camera_format: dict[str, Any] = {"way": camera, "width": width, "height": height, "fps": fps}
        self._stack = AsyncExitStack()
        self._events: asyncio.Queue[Event | ConnectorError | None] = asyncio.Queue(EVENTS_HELD)
        self._outlet = AudioOutlet()
        self._overheard = Overheard(self.ways.hears)
        self._served = Served(self.ways.screens)
        self._presence: Presence | None = None
        self._watching: asyncio.Task[None] | None = None
        self._mix: MixEars | None = None
        self._over = False
        self._secrets: frozenset[str] = frozenset()
        self._start_s = 0.0

    @property
    def timeline_start_s(self) -> float:
        return self._start_s

    @property
    def microphone(self) -> Microphone:
        return self._microphone

    @property
    def camera(self) -> Camera:
        return self._camera.camera

    @property
    def camera_way(self) -> str:
        """v4l2loopback, file or page: how the picture goes into the browser."""
        return self._camera.way

    @property
    def browser(self) -> Browser:
        return self._browser

    @property
    def sound_left(self) -> bool:
        """Whether sound was ever given to the meeting's connections with something in it."""
        return self._presence is not None and self._presence.arrival.sounds

    def hits(self) -> Mapping[str, int]:
        return dict(self.ways.screens.hits)

    async def __aenter__(self) -> Self:
        """Starts sound server, camera and browser. Raises DeviceFailed."""
        self._workdir.mkdir(parents=True, exist_ok=True)
        self._start_s = time.monotonic()
        async with AsyncExitStack() as stack:
            self._channel = await stack.enter_async_context(Channel())
            self._sound = await stack.enter_async_context(SoundServer())
            self._camera = await stack.enter_async_context(CameraHost(self._channel, **self._camera_format))
            self._microphone = await self._open_microphone(stack)
            self._browser = await stack.enter_async_context(
                Browser(
                    self._workdir,
                    sound=self._sound,
                    headless=self._headless,
                    chromium=self._chromium,
                    profile=self._profile,
                    flags=(*self._camera.flags, *trusting(without_tls(self._own_hosts))),
                )
            )
            with self._browser.driven():
                await self._camera.settle(self._browser)
                await self._prepare_page()
            self._hands = Hands(self._browser, self.ways.screens)
            stack.push_async_callback(self._stop_listening)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._stack.aclose()

    async def join(self, request: JoinRequest) -> None:
        link = find_meeting(request.meeting_url, own_hosts=self._own_hosts)
        if link is None or link.platform not in self.ways.links:
            raise JoinRefused(Refusal.INVALID_LINK, Evidence(url=""))  # it may hold what lets someone in elsewhere
        request = replace(request, passcode=request.passcode or link.passcode)
        address = self.ways.address(link, request)
        self._secrets = secrets_of(address, request) | secrets_of(request.meeting_url, request)
        try:
            with self._browser.driven():
                async with asyncio.timeout(longest_s(request) + self.under_way_s):
                    await self._open(address, request)
                    way = Way(self, self._hands, self.ways, request)
                    await way.go(lambda: self._tell(InLobby(at_s=self._now_s())), self.leave)
        except page_errors() as error:
            raise JoinRefused(Refusal.PAGE_NOT_UNDERSTOOD, await self.evidence("page_not_understood")) from error
        except TimeoutError as error:
            raise await self._hanging("the meeting's page does not answer") from error
        self._tell(Admitted(at_s=self._now_s()))
        self._mix = MixEars(await asyncio.to_thread(self._sound.listen), self._outlet, self._start_s)
        with self._browser.driven():
            await self._settle_in()
        self._presence = presence = Presence(
            self,
            self._hands,
            self.ways,
            tell=self._tell,
            now_s=self._now_s,
            leaving=lambda: self._over,
            spoken_s=lambda: self._microphone.spoken_s,
            lobby_timeout_s=request.lobby_timeout_s,
        )
        if self.capabilities.chat:
            with suppress(TimeoutError), self._browser.driven():  # whether the page answers, the next look tells
                await presence.catch_up()
        self._watching = asyncio.create_task(self._watch(presence))

    async def events(self) -> AsyncIterator[Event]:
        while (event := await self._events.get()) is not None:
            if isinstance(event, ConnectorError):
                raise event
            yield event

    def audio(self) -> AsyncIterator[AudioChunk]:
        return self._outlet.stream()

    async def say_in_chat(self, text: str) -> None:
        if not self.capabilities.chat:
            raise NotSupported("this platform's page has no chat")

        async def write() -> bool:
            await self.ways.open_chat(self._hands)
            return await self.ways.write(self._hands, text)

        await self._do(write, "the meeting's page took no chat message")

    async def raise_hand(self, up: bool) -> None:
        if not self.capabilities.raise_hand:
            raise NotSupported("this platform's page has no hand to raise that is known")
        wanted, opposite = ("hand_up", "hand_down") if up else ("hand_down", "hand_up")

        async def press() -> bool:
            return await self._hands.sees(opposite) or (
                await self._hands.appears(wanted) and await self._hands.press(wanted)
            )

        await self._do(press, "the meeting's page took no raised hand")

    async def _do(self, doing: Callable[[], Awaitable[bool]], otherwise: str) -> None:
        """Raises NotDone, BrowserDied."""
        undone: tuple[type[Exception], ...] = (TimeoutError, *page_errors())
        try:
            with self._browser.driven():
                async with asyncio.timeout(self.hanging_s):
                    await self._hands.wake()
                    if not await doing():
                        raise NotDone(otherwise)
        except undone as error:
            raise NotDone(otherwise) from error

    async def leave(self) -> None:
        if not self._over:
            self._over = True
            with suppress(TimeoutError, BrowserDied, *page_errors()), self._browser.driven():
                async with asyncio.timeout(LEAVE_S):
                    await self._hands.wake()
                    await self.ways.leave(self._hands)
        await self._stop_listening()

    # On the way in

    async def _prepare_page(self) -> None:
        context, tracks = self._browser.context, self.ways.tracks
        await context.add_init_script(microphone_script())
        await context.add_init_script(OUTBOUND_JS)
        if tracks is not None:
            ears = PageEars(self._outlet, self._start_s)
            self._channel.serve("ears", ears.handle)
            url = self._channel.ws_url("ears")
            if tracks.sources:
                await context.add_init_script(tracks.sources)
            await context.add_init_script(ears_script(url, tiles=tracks.tile, attribute=tracks.participant))
        self._overheard.listen(context)

    async def _open_microphone(self, stack: AsyncExitStack) -> VirtualMicrophone:
        microphone = await asyncio.to_thread(open_microphone, self._sound.address, MICROPHONE_SINK)
        stack.push_async_callback(asyncio.to_thread, microphone.close)
        return microphone

    async def _open(self, url: str, request: JoinRequest) -> None:
        from playwright.async_api import Error

        origin = "{0.scheme}://{0.netloc}".format(urlsplit(url))
        await self._browser.context.grant_permissions(["local-network-access", "camera", "microphone"], origin=origin)
        try:
            await self._browser.page.goto(url, timeout=request.page_timeout_s * 1000, wait_until="domcontentloaded")
        except Error as error:
            if self._browser.is_gone(error):
                raise
            seen = await self.evidence(Refusal.UNREACHABLE.value)
            raise JoinRefused(Refusal.UNREACHABLE, replace(seen, heading=cause_of(error.message))) from None

    async def evidence(self, name: str, rule: str = "") -> Evidence:
        return await self._browser.evidence(name, rule, clean=lambda text: discreet(text, self._secrets))

    async def _hanging(self, why: str) -> BrowserDied:
        return BrowserDied(why, evidence=await self.evidence("hanging"))

    # In the call

    async def _settle_in(self) -> None:
        """What makes the call comfortable; none of it may end it."""
        for name in self.ways.passes:
            with suppress(TimeoutError, *page_errors()):
                await self._hands.press_in_page(name)
        with suppress(TimeoutError, *page_errors()):
            await self.ways.open_chat(self._hands)

    async def _watch(self, presence: Presence) -> None:
        """However it ends, so do events()."""
        error: ConnectorError | None = BrowserDied("nobody watches the meeting's page any more")
        try:
            with self._browser.driven():
                await presence.last()
            error = None
        except TimeoutError:
            error = await self._hanging(f"the meeting's page has not answered for {HANGING_S:.0f} s")
        except ConnectorError as told:
            error = told
        except page_errors() as broken:
            error = BrowserDied(f"the meeting's page is gone: {type(broken).__name__}")
        except Exception as broken:
            said = discreet(plain(f"{type(broken).__name__}: {broken}", TEXT_LIMIT), self._secrets)
            error = ConnectorError(f"reading the meeting's page broke: {said}", evidence=await self.evidence("broken"))
            error.__cause__ = broken
        finally:
            self._finish(None if self._over else error)

    async def sent(self) -> Sent:
        return Sent(**await self._browser.page.evaluate(SENT_JS))

    async def look(self, after_message: str = "", timeout_s: float = LOOK_TIMEOUT_S) -> Sighting:
        joined = self._watching is not None
        asked = given(self.ways.screens, self.ways.roster, self.ways.least, after_message, joined=joined)
        try:
            async with asyncio.timeout(timeout_s):
                seen = sighting_of(await self._browser.page.evaluate(LOOK_JS, asked), self._overheard.signs)
        except page_errors() as error:
            if self._browser.is_gone(error):
                raise
            return Sighting()  # the page is on its way to another one: nothing to see yet, and patience has an end
        self._served.take(seen.ways)
        return seen

    async def _stop_listening(self) -> None:
        self._over = True
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        if self._mix is not None:
            await self._mix.close()
            self._mix = None
        self._finish(None)

    def _tell(self, event: Event | ConnectorError | None) -> None:
        if self._events.full():
            self._events.get_nowait()  # nobody has listened for a thousand events: the last say how it ended
        self._events.put_nowait(event)

    def _finish(self, error: ConnectorError | None) -> None:
        """End events() and audio(), once."""
        if not self._outlet.closed:
            self._over = True
            self._outlet.close()
            self._tell(error)

    def _now_s(self) -> float:
        return time.monotonic() - self._start_s
