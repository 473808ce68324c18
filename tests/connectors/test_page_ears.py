"""The page's part of the ears, in a real Chromium: a page that calls itself, in many ways and over a bad network."""

from __future__ import annotations

import shutil
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from connectors.kit.browser import PROGRAMS, Browser
from connectors.kit.capture import HEADER, STREAM_LIMIT, AudioOutlet, PageEars, ears_script
from connectors.kit.channel import Channel
from tests.connectors.bad_network import BadNetwork, Rule
from tests.polling import eventually

pytestmark = [
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.skipif(not any(map(shutil.which, PROGRAMS)), reason="no Chromium is installed"),
]

PEERS_JS = (Path(__file__).parent / "peers.js").read_text("utf-8")


class Listened(PageEars):
    """Ears that remember what came, by stream: stamps, ages and samples."""

    def __init__(self) -> None:
        self.outlet = AudioOutlet()
        super().__init__(self.outlet, time.monotonic())
        self.faults = 0  # to come
        self.pieces: dict[int, list[tuple[float, float, NDArray[np.int16]]]] = {}

    def take(self, message: bytes, arrived_s: float) -> None:
        if self.faults:
            self.faults -= 1
            raise RuntimeError("a fault nobody thought of")
        stream, _, stamp_s, age_s = HEADER.unpack_from(message)
        self.pieces.setdefault(stream, []).append((stamp_s, age_s, np.frombuffer(message, "<i2", offset=HEADER.size)))
        super().take(message, arrived_s)

    def whole(self, stream: int) -> bool:
        """No piece begins before or after the end of the one before it."""
        stamps = np.array([stamp_s for stamp_s, _, _ in self.pieces[stream]])
        ends = stamps + [len(pcm) / 48_000 for _, _, pcm in self.pieces[stream]]
        return bool((np.abs(stamps[1:] - ends[:-1]) < 1e-4).all())

    @property
    def owners(self) -> dict[int, str]:
        return self._owners

    def loud(self, stream: int) -> bool:
        return any(np.abs(pcm.astype(int)).max() > 1000 for _, _, pcm in self.pieces.get(stream, ()))


@dataclass(kw_only=True)
class Called:
    ears: Listened
    browser: Browser
    network: BadNetwork | None = None

    async def call(self, name: str, **habits: object) -> None:
        await self.browser.page.evaluate("([name, habits]) => window.call(name, habits)", [name, habits])

    def stream_of(self, name: str) -> int | None:
        """The stream by which that participant is heard now."""
        ears = self.ears
        return next((one for one, owner in ears.owners.items() if owner == name and ears.loud(one)), None)

    async def until_heard(self, name: str, *, pieces: int = 1) -> int:
        await eventually(lambda: len(self.ears.pieces.get(self.stream_of(name) or 0, ())) >= pieces)
        stream = self.stream_of(name)
        assert stream is not None
        return stream


@asynccontextmanager
async def calling(folder: Path, rule: Rule | None = None) -> AsyncIterator[Called]:
    ears = Listened()
    async with AsyncExitStack() as stack:
        channel, browser = await stack.enter_async_context(Channel()), await stack.enter_async_context(Browser(folder))
        channel.serve("ears", ears.handle)
        script = ears_script(channel.ws_url("ears"), tiles="[data-who]", attribute="data-who")
        network = await stack.enter_async_context(BadNetwork(rule)) if rule else None
        await browser.context.add_init_script(script)
        if network:
            await browser.context.expose_function("through", network.through)
        await browser.page.goto(channel.blank_url)
        await browser.page.evaluate(PEERS_JS)
        yield Called(ears=ears, browser=browser, network=network)


async def test_more_people_than_fit_at_once_come_and_go_and_the_last_is_heard(tmp_path: Path) -> None:
    async with calling(tmp_path) as called:
        for turn in range(STREAM_LIMIT + 16):
            await called.call(f"guest {turn}", leaves=turn < STREAM_LIMIT + 15)
        await called.until_heard(f"guest {STREAM_LIMIT + 15}")
        await eventually(lambda: called.ears.streams <= 2)


async def test_sound_is_taken_from_its_packets_without_a_gap(tmp_path: Path) -> None:
    async with calling(tmp_path) as called:
        for name, habits in {
            "ada": {},
            "ben": {"speaks": True},
            "cy": {"redundant": True},
            "di": {"stereo": True},
        }.items():
            await called.call(name, **habits)
        for name in ("ada", "ben", "cy", "di"):
            stream = await called.until_heard(name, pieces=50)
            assert called.ears.whole(stream), f"{name}: packets' own stamps leave no gap"
            assert any(age_s > 0.0 for _, age_s, _ in called.ears.pieces[stream]), f"{name}: their arrival is known"


async def test_one_fault_of_who_listens_does_not_make_them_deaf(tmp_path: Path) -> None:
    async with calling(tmp_path) as called:
        await called.call("ada")
        stream = await called.until_heard("ada")
        called.ears.faults = 1
        await eventually(lambda: not called.ears.faults)
        called.ears.pieces.clear()
        assert await called.until_heard("ada", pieces=20) == stream


async def test_what_cannot_be_taken_from_packets_is_heard_as_the_page_plays_it(tmp_path: Path) -> None:
    habits = {"ada": {"unwraps": "late"}, "ben": {"unwraps": "streams"}, "cy": {"foreign": True}, "di": {"hides": True}}
    async with calling(tmp_path) as called:
        for name, habit in habits.items():
            await called.call(name, **habit)
        for name in habits:
            stream = await called.until_heard(name, pieces=20)
            assert all(age_s == 0.0 for _, age_s, _ in called.ears.pieces[stream]), f"{name}: read from what is played"
            assert await called.browser.page.evaluate("(name) => window.plays(name)", name), f"{name} is played still"


async def test_packets_lost_late_doubled_and_out_of_order_are_put_right(tmp_path: Path) -> None:
    """Of each 20 packets one is lost, one comes after its follower, one twice, one 200 ms late."""
    rules: dict[int, tuple[float, ...]] = {3: (), 8: (0.03,), 13: (0.0, 0.005), 18: (0.2,)}
    async with calling(tmp_path, lambda count: rules.get(count % 20, (0.0,))) as called:
        await called.call("ada")
        stream = await called.until_heard("ada", pieces=150)
        assert called.network is not None and called.network.sounds > 150
        assert called.ears.whole(stream), "every hole is filled, nothing comes twice"
        pcm = np.concatenate([pcm for _, _, pcm in called.ears.pieces[stream]])
        silent = np.abs(pcm[48_000:].astype(int)).reshape(-1, 480)[: len(pcm[48_000:]) // 480].max(axis=1) < 50
        assert 0.05 < silent.mean() < 0.2, "two of twenty are missing"
