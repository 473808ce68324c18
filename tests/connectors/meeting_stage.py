"""A simulated meeting under direction, with a guest in a Chromium of its own, for the contract suite.

The bot comes by its platform's page, the guest by the simulator's plain one: a meeting is the same by every page.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import numpy as np

from connectors.base import MICROPHONE_RATE_HZ, Refusal
from connectors.kit.browser import Browser
from connectors.kit.microphone import microphone_script
from connectors.kit.sound import SoundServer
from connectors.simulator import Policy, Room, SimulatorServer
from connectors.simulator.screens import PLAIN, rows
from tests.connectors.contract import NAME
from tests.connectors.luma import LUMA_JS

PIECE = 960
SETTLE_S = 15.0

_LUMA_JS = """(name) => {
  const tiles = [...document.querySelectorAll("[data-participant-id]")];
  const tile = tiles.find((one) => one.getAttribute("aria-label") === name);
  const video = tile?.querySelector("video");
  return (LUMA_OF)(video);
}""".replace("LUMA_OF", LUMA_JS)
_TEXTS_JS = """() => [...document.querySelectorAll("[data-message-id]")].map((one) => one.textContent)"""


def stages(platform: str) -> set[Refusal]:
    """What a stage of that platform has a link for, by the simulator's own table."""
    return {one for one in Refusal if (one.value, PLAIN) in rows(platform)}


class MeetingStage:
    """Implements `tests.connectors.contract.LobbyStage`."""

    def __init__(self, simulator: SimulatorServer, folder: Path, stack: AsyncExitStack, platform: str) -> None:
        self.platform = platform
        self.simulator, self._folder, self._stack = simulator, folder, stack
        self._room: Room | None = None
        self._guest: Browser | None = None
        self._sound: SoundServer | None = None
        self._guest_name = ""

    @property
    def room(self) -> Room:
        assert self._room is not None
        return self._room

    @property
    def guest(self) -> Browser:
        assert self._guest is not None
        return self._guest

    @property
    def sound(self) -> SoundServer:
        assert self._sound is not None
        return self._sound

    async def open_meeting(self, *, lobby: bool) -> str:
        self._room = self.simulator.create_meeting(Policy(lobby=lobby))
        return self.simulator.url(self._room, self.platform)

    async def host_admits(self, name: str) -> None:
        assert self.room.admit(name)

    async def host_denies(self, name: str) -> None:
        assert self.room.deny(name)

    async def host_removes(self, name: str) -> None:
        assert self.room.remove(name)

    async def host_ends(self) -> None:
        self.room.end()

    def beside(self, folder: Path) -> MeetingStage:
        """The same meeting with a guest more, who has a browser and a sound server of their own."""
        other = MeetingStage(self.simulator, folder, self._stack, self.platform)
        other._room = self.room
        return other

    async def guest_joins(self, name: str) -> None:
        if self._guest is None:
            self._sound = await self._stack.enter_async_context(SoundServer())
            self._guest = await self._stack.enter_async_context(Browser(self._folder, sound=self._sound))
            await self._guest.context.add_init_script(microphone_script())
        page, self._guest_name = self.guest.page, name
        await page.goto(self.simulator.url(self.room))
        await page.fill('input[aria-label="Your name"]', name)
        await page.get_by_role("button", name="Join now").click()
        await page.wait_for_selector("#call:not([hidden])")
        await page.click('button[aria-label="Chat with everyone"]')

    async def guest_leaves(self) -> None:
        await self.guest.page.locator('button[aria-label="Leave call"]').locator("visible=true").click()

    async def guest_beeps(self, hz: float, seconds: float) -> None:
        await self._connected()
        await self.sound.speak(tone(hz, seconds))
        await asyncio.sleep(0.5)  # the network's and the jitter buffer's share of "has been sent"

    async def guest_writes(self, text: str) -> None:
        await self.guest.page.fill("textarea", text)
        await self.guest.page.press("textarea", "Enter")

    async def guest_renames(self, name: str) -> None:
        """As a host would: everyone is told how it stands with that seat."""
        seat = next(one for one in self.room.people() if one.name == self._guest_name)
        seat.name = self._guest_name = name
        self.room.update(seat, {"hand": not seat.state["hand"]})

    async def guest_hears_hz(self, seconds: float) -> float:
        return await asyncio.to_thread(heard_hz, self.sound, seconds)

    async def guest_sees_luma(self) -> float:
        return float(await self.guest.page.evaluate(_LUMA_JS, NAME))

    async def guest_reads(self) -> list[str]:
        return list(await self.guest.page.evaluate(_TEXTS_JS))

    async def refusing_url(self, refusal: Refusal) -> str:
        if refusal is Refusal.UNREACHABLE:
            return "http://127.0.0.1:9/abc-defg-hij"  # the discard port: nothing listens
        if refusal is Refusal.INVALID_LINK:
            return f"{self.simulator.base_url}/no-meeting"  # by no platform's page
        assert (refusal.value, PLAIN) in rows(self.platform), f"the simulator has no such page: {refusal}"
        room = self.simulator.create_meeting(Policy(lobby=False, refuse=refusal))
        return self.simulator.url(room, self.platform)

    async def _connected(self) -> None:
        """Until the bot's sound arrives at the guest, which is when the guest's arrives at the bot."""
        deadline_s = time.monotonic() + SETTLE_S
        while not await self.guest.page.evaluate(
            "() => [...document.querySelectorAll('.tile:not(.own) video')].some((one) => one.readyState >= 2)"
        ):
            assert time.monotonic() < deadline_s, "the bot's media did not reach the guest"
            await asyncio.sleep(0.1)


def tone(hz: float, seconds: float) -> np.ndarray:
    times = np.arange(int(seconds * MICROPHONE_RATE_HZ)) / MICROPHONE_RATE_HZ
    return (8000 * np.sin(2 * np.pi * hz * times)).astype(np.int16)


def heard_hz(sound: SoundServer, seconds: float) -> float:
    """The strongest frequency of what a browser plays in that time, 0 for silence."""
    record = sound.listen()
    try:
        count = int(seconds * MICROPHONE_RATE_HZ) // PIECE
        pcm = np.concatenate([record.read(PIECE) for _ in range(count)]).astype(np.float64)
    finally:
        record.close()
    if np.abs(pcm).max() < 300:
        return 0.0
    spectrum = np.abs(np.fft.rfft(pcm * np.hanning(len(pcm))))
    return float(spectrum.argmax() * MICROPHONE_RATE_HZ / len(pcm))


@asynccontextmanager
async def meeting_stage(folder: Path, platform: str = "meet") -> AsyncIterator[MeetingStage]:
    async with AsyncExitStack() as stack:
        simulator = await stack.enter_async_context(SimulatorServer())
        yield MeetingStage(simulator, folder, stack, platform)
