"""The Meet connector: joins by the web page as a declared guest, and tells what the page shows.

The same path serves https://meet.google.com/abc-defg-hij and the simulator; only the host of the link differs.
Everything known of the page is in `screens.py`. A refusal is final: nothing here tries to look like a person.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from connectors.base import (
    Admitted,
    AudioChunk,
    BrowserDied,
    Camera,
    Capabilities,
    ConnectorError,
    Ended,
    Event,
    Evidence,
    InLobby,
    JoinRefused,
    JoinRequest,
    Microphone,
    Refusal,
    Removed,
)
from connectors.kit.browser import Browser
from connectors.kit.camera import CameraHost
from connectors.kit.capture import AudioOutlet, MixEars, PageEars, ears_script
from connectors.kit.channel import Channel
from connectors.kit.microphone import VirtualMicrophone, microphone_script, open_microphone
from connectors.kit.sound import MICROPHONE_SINK, SoundServer
from connectors.meet import screens
from connectors.meet.screens import Kind, Screen, Snapshot, screen_of, snapshot_of
from connectors.meet.watch import Watcher
from connectors.urls import find_meeting

PLATFORMS = ("meet", "simulator")  # whose links it takes
LOOK_S = 0.15  # between two looks at the page
LOOK_TIMEOUT_S = 5.0
HANGING_S = 20.0  # in a call: a page that is busy for some seconds is no reason to leave
CLICK_MS = 5000
LEAVE_S = 4.0
EVENTS_HELD = 1000

CAPABILITIES = Capabilities(
    chat=True,
    raise_hand=True,
    lobby=True,
    participant_audio=True,
    participant_names=True,
    camera=True,
    microphone=True,
)


class MeetConnector:
    """Implements `connectors.base.Connector`. `workdir` keeps the evidence; all else in it goes when it is left."""

    capabilities = CAPABILITIES

    def __init__(
        self,
        workdir: Path,
        *,
        headless: bool = True,
        chromium: str = "",
        camera: str = "auto",
        width: int = 640,
        height: int = 360,
        fps: int = 24,
    ) -> None:
        self._workdir, self._headless, self._chromium = workdir, headless, chromium
        self._camera_format: dict[str, Any] = {"way": camera, "width": width, "height": height, "fps": fps}
        self._stack = AsyncExitStack()
        self._events: asyncio.Queue[Event | ConnectorError | None] = asyncio.Queue(EVENTS_HELD)
        self._outlet = AudioOutlet()
        self._watcher = Watcher()
        self._watching: asyncio.Task[None] | None = None
        self._mix: MixEars | None = None
        self._over = False
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
                    flags=self._camera.flags,
                )
            )
            with self._browser.driven():
                await self._camera.settle(self._browser)
                await self._prepare_page()
            stack.push_async_callback(self._stop_listening)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._stack.aclose()

    async def join(self, request: JoinRequest) -> None:
        link = find_meeting(request.meeting_url)
        if link is None or link.platform not in PLATFORMS:
            raise JoinRefused(Refusal.INVALID_LINK, Evidence(url=request.meeting_url))
        try:
            with self._browser.driven():
                await self._knock_and_wait(link.join_url, request)
        except _page_errors() as error:
            raise await self._refusal(Refusal.PAGE_NOT_UNDERSTOOD) from error
        except TimeoutError as error:
            raise BrowserDied("the meeting's page does not answer") from error
        self._tell(Admitted(at_s=self._now_s()))
        self._mix = MixEars(await asyncio.to_thread(self._sound.listen), self._outlet, self._start_s)
        with self._browser.driven():
            await self._settle_in()
        self._watching = asyncio.create_task(self._watch())

    async def events(self) -> AsyncIterator[Event]:
        while (event := await self._events.get()) is not None:
            if isinstance(event, ConnectorError):
                raise event
            yield event

    def audio(self) -> AsyncIterator[AudioChunk]:
        return self._outlet.stream()

    async def say_in_chat(self, text: str) -> None:
        try:
            with self._browser.driven():
                await self._open_chat()
                box = self._browser.page.locator(screens.SELECTORS["chat_box"])
                await box.fill(text, timeout=CLICK_MS)
                await box.press("Enter", timeout=CLICK_MS)
        except _page_errors() as error:
            raise BrowserDied("the meeting's page took no chat message") from error

    async def raise_hand(self, up: bool) -> None:
        control = self._browser.page.locator(screens.SELECTORS["hand_up" if up else "hand_down"])
        try:
            with self._browser.driven():
                if await control.count():
                    await control.first.click(timeout=CLICK_MS)
        except _page_errors() as error:
            raise BrowserDied("the meeting's page took no raised hand") from error

    async def leave(self) -> None:
        if not self._over:
            self._over = True
            with suppress(TimeoutError, BrowserDied, *_page_errors()), self._browser.driven():
                async with asyncio.timeout(LEAVE_S):
                    await self._press_leave()
        await self._stop_listening()

    # On the way in

    async def _prepare_page(self) -> None:
        ears = PageEars(self._outlet, self._start_s)
        self._channel.serve("ears", ears.handle)
        context = self._browser.context
        await context.add_init_script(microphone_script())
        await context.add_init_script(
            ears_script(self._channel.ws_url("ears"), tiles=screens.SELECTORS["tile"], attribute=screens.PARTICIPANT)
        )

    async def _open_microphone(self, stack: AsyncExitStack) -> VirtualMicrophone:
        microphone = await asyncio.to_thread(open_microphone, self._sound.address, MICROPHONE_SINK)
        stack.push_async_callback(asyncio.to_thread, microphone.close)
        return microphone

    async def _knock_and_wait(self, url: str, request: JoinRequest) -> None:
        await self._open(url, request)
        await self._knock(request)
        await self._wait_to_be_let_in(request)

    async def _open(self, url: str, request: JoinRequest) -> None:
        from playwright.async_api import Error

        origin = "{0.scheme}://{0.netloc}".format(urlsplit(url))
        await self._browser.context.grant_permissions(["local-network-access", "camera", "microphone"], origin=origin)
        page = self._browser.page
        try:
            await page.goto(url, timeout=request.page_timeout_s * 1000, wait_until="domcontentloaded")
        except Error as error:
            if self._browser.is_gone(error):
                raise
            raise JoinRefused(Refusal.UNREACHABLE, Evidence(url=url, heading=error.message[:200])) from error

    async def _knock(self, request: JoinRequest) -> None:
        """Through the door: name typed, devices on, join pressed."""
        page = self._browser.page
        deadline_s = time.monotonic() + request.page_timeout_s
        while True:
            snapshot = await self._look()
            if snapshot.door:
                break
            await self._refuse_if_told(snapshot)
            if time.monotonic() > deadline_s:
                raise await self._refusal(Refusal.PAGE_NOT_UNDERSTOOD)
            await asyncio.sleep(LOOK_S)
        await page.fill(screens.SELECTORS["name"], request.display_name, timeout=request.page_timeout_s * 1000)
        await self._switch_devices_on()
        await page.locator(screens.SELECTORS["join"]).first.click(timeout=request.page_timeout_s * 1000)

    async def _wait_to_be_let_in(self, request: JoinRequest) -> None:
        lobby_since_s: float | None = None
        page_deadline_s = time.monotonic() + request.page_timeout_s
        while True:
            snapshot = await self._look()
            screen = screen_of(snapshot)
            if screen is not None and screen.kind is Kind.LOBBY:
                if lobby_since_s is None:
                    lobby_since_s = time.monotonic()
                    self._tell(InLobby(at_s=self._now_s()))
                if time.monotonic() - lobby_since_s > request.lobby_timeout_s:
                    refusal = await self._refusal(Refusal.LOBBY_TIMEOUT)
                    await self.leave()
                    raise refusal
                page_deadline_s = time.monotonic() + request.page_timeout_s
            elif snapshot.in_call:
                return
            else:
                await self._refuse_if_told(snapshot)
            if time.monotonic() > page_deadline_s:
                raise await self._refusal(Refusal.PAGE_NOT_UNDERSTOOD)
            await asyncio.sleep(LOOK_S)

    async def _refuse_if_told(self, snapshot: Snapshot) -> None:
        screen = screen_of(snapshot)
        refusals = {Kind.REMOVED: Refusal.DENIED, Kind.ENDED: Refusal.ENDED, Kind.LOST: Refusal.UNREACHABLE}
        refusal = None if screen is None else screen.refusal or refusals.get(screen.kind)
        if refusal is not None:
            raise await self._refusal(refusal)

    async def _refusal(self, refusal: Refusal) -> JoinRefused:
        return JoinRefused(refusal, await self._browser.evidence(refusal.value))

    # In the call

    async def _settle_in(self) -> None:
        """What makes the call comfortable; none of it may end it."""
        with suppress(*_page_errors()):
            dismiss = self._browser.page.locator(screens.SELECTORS["dismiss"])
            if await dismiss.count():
                await dismiss.first.click(timeout=CLICK_MS)
        with suppress(*_page_errors()):
            await self._switch_devices_on()
        with suppress(*_page_errors()):
            await self._open_chat()

    async def _switch_devices_on(self) -> None:
        controls = self._browser.page.locator(screens.SELECTORS["turn_on"])
        for control in await controls.all():
            if await control.is_visible():
                await control.click(timeout=CLICK_MS)

    async def _open_chat(self) -> None:
        page = self._browser.page
        if not await page.locator(screens.SELECTORS["chat_box"]).is_visible():
            await page.locator(screens.SELECTORS["chat_open"]).first.click(timeout=CLICK_MS)

    async def _watch(self) -> None:
        try:
            with self._browser.driven():
                await self._look_until_the_end()
        except TimeoutError:
            self._page_is_gone(f"the meeting's page has not answered for {HANGING_S:.0f} s")
        except BrowserDied:
            self._page_is_gone("the browser ended while the meeting was going on")
        except _page_errors() as error:
            self._page_is_gone(f"the meeting's page is gone: {type(error).__name__}")

    async def _look_until_the_end(self) -> None:
        while True:
            snapshot = await self._look(first_message=self._watcher.messages_told, timeout_s=HANGING_S)
            if snapshot.in_call:
                for event in self._watcher.look(snapshot, self._now_s()):
                    self._tell(event)
            elif (screen := screen_of(snapshot)) is not None and await self._told_the_end(screen):
                return
            await asyncio.sleep(LOOK_S)

    def _page_is_gone(self, why: str) -> None:
        if not self._over:
            self._finish(BrowserDied(why))

    async def _told_the_end(self, screen: Screen) -> bool:
        match screen.kind:
            case Kind.REMOVED:
                self._tell(Removed(at_s=self._now_s(), evidence=await self._browser.evidence("removed")))
                self._finish(None)
            case Kind.ENDED:
                self._tell(Ended(at_s=self._now_s()))
                self._finish(None)
            case Kind.LEFT:
                self._finish(None)
            case Kind.LOST:
                self._finish(BrowserDied("the meeting's page lost its connection"))
            case _:
                return False
        return True

    async def _look(self, first_message: int = 0, timeout_s: float = LOOK_TIMEOUT_S) -> Snapshot:
        attributes = {
            "participant": screens.PARTICIPANT,
            "message": screens.MESSAGE,
            "selfName": screens.SELF_NAME,
        }
        given = {"selectors": screens.SELECTORS, "attributes": attributes, "firstMessage": first_message}
        page = self._browser.page
        try:
            async with asyncio.timeout(timeout_s):
                return snapshot_of(await page.evaluate(_PAGE_JS, given))
        except _page_errors() as error:
            if "context was destroyed" not in str(error):
                raise
            return Snapshot(people={})  # the page is on its way to another one: nothing to see yet

    async def _press_leave(self) -> None:
        page = self._browser.page
        control = page.locator(screens.SELECTORS["leave"]).locator("visible=true")
        if await control.count():
            await control.first.click(timeout=CLICK_MS)
            await control.first.wait_for(state="hidden", timeout=CLICK_MS)

    async def _stop_listening(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        if self._mix is not None:
            await self._mix.close()
            self._mix = None
        self._finish(None)

    def _tell(self, event: Event) -> None:
        with suppress(asyncio.QueueFull):  # nobody has listened for a thousand events
            self._events.put_nowait(event)

    def _finish(self, error: ConnectorError | None) -> None:
        """End events() and audio(), once."""
        if not self._outlet.closed:
            self._over = True
            self._outlet.close()
            if self._events.full():
                self._events.get_nowait()
            self._events.put_nowait(error)

    def _now_s(self) -> float:
        return time.monotonic() - self._start_s


def _page_errors() -> tuple[type[Exception], ...]:
    from playwright.async_api import Error

    return (Error,)


_PAGE_JS = (Path(__file__).parent / "page.js").read_text("utf-8")
