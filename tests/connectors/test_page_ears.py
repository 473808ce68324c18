"""The page's part of the ears, in a real Chromium: a page that calls itself, in many ways and over a bad network."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from connectors.base import HEARING_RATE_HZ
from connectors.kit.browser import Browser
from connectors.kit.capture import HEADER, STREAM_LIMIT, AudioOutlet, PageEars, ears_script
from connectors.kit.channel import Channel
from connectors.kit.timeline import Lane
from tests.connectors import needs
from tests.connectors.bad_network import BadNetwork, Rule
from tests.polling import eventually

pytestmark = [
    pytest.mark.slow,
    *needs.browser,
]

PAUSES_S = (0.66, 0.68, 0.7, 0.86, 1.3)  # one of them ends just 200 ms after a sender silent in it has sent something
TONES = [(500 + 150 * index, 0.4 + 0.12 * index + sum(PAUSES_S[:index]), 0.12) for index in range(len(PAUSES_S) + 1)]
DTX = "usedtx=1"  # nothing is sent in silence but a little each 400 ms

# What each sender is asked for, how long its packets are, and how many it sends for each one of the plain one.
SENDERS: dict[str, tuple[dict[str, str], float, float]] = {
    "plain": ({}, 0.02, 1.0),
    "short": ({"lines": "a=ptime:10"}, 0.01, 2.0),
    "long": ({"lines": "a=ptime:40"}, 0.04, 0.5),
    "longer": ({"lines": "a=ptime:60\r\na=maxptime:60"}, 0.06, 0.33),
    "longest": ({"lines": "a=ptime:120"}, 0.12, 0.17),
    "silent": ({"parameters": DTX}, 0.02, 0.4),
    "silent and long": ({"parameters": DTX, "lines": "a=ptime:60"}, 0.06, 0.22),
}

PEERS_JS = (Path(__file__).parent / "peers.js").read_text("utf-8")
UNEVEN_JS = (Path(__file__).parent / "uneven.js").read_text("utf-8")


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
async def calling(folder: Path, rule: Rule | None = None, *, uneven: bool = False) -> AsyncIterator[Called]:
    ears = Listened()
    async with AsyncExitStack() as stack:
        channel, browser = await stack.enter_async_context(Channel()), await stack.enter_async_context(Browser(folder))
        channel.serve("ears", ears.handle)
        script = ears_script(channel.ws_url("ears"), tiles="[data-who]", attribute="data-who")
        network = await stack.enter_async_context(BadNetwork(rule)) if rule else None
        await browser.context.add_init_script(f"({UNEVEN_JS})();\n{script}" if uneven else script)
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
    """Though every other decoder gives more or fewer pieces than it takes."""
    async with calling(tmp_path, uneven=True) as called:
        for name, habits in {
            "ada": {},
            "ben": {"speaks": True},
            "cy": {"redundant": True},
            "di": {"parameters": "stereo=1"},
        }.items():
            await called.call(name, **habits)
        for name in ("ada", "ben", "cy", "di"):
            stream = await called.until_heard(name, pieces=50)
            assert called.ears.whole(stream), f"{name}: packets' own stamps leave no gap"
            assert any(age_s > 0.0 for _, age_s, _ in called.ears.pieces[stream]), f"{name}: their arrival is known"


def said(pieces: Iterable[tuple[float, NDArray[np.int16]]], rate_hz: int) -> tuple[NDArray[np.float64], ...]:
    """Of each tone in pieces that begin at a second: when it began and how long it was, in seconds, and its pitch."""
    starts = [(round(start_s * rate_hz), pcm) for start_s, pcm in pieces]
    first = starts[0][0]
    line = np.zeros(starts[-1][0] + len(starts[-1][1]) - first, np.float32)
    for start, pcm in starts:
        line[start - first :][: len(pcm)] += pcm  # what comes twice is louder, or a tone more
    frame = rate_hz // 200
    levels = np.sqrt((line[: len(line) // frame * frame].reshape(-1, frame) ** 2).mean(axis=1))
    loud = np.flatnonzero(levels > levels.max() / 4)
    spans = [span * frame for span in np.split(loud, np.flatnonzero(np.diff(loud) > 8) + 1)]
    spans = [span for span in spans if len(span) > 1]  # a click of a starved sender's is less than any packet
    pitches = [np.abs(np.fft.rfft(line[span[0] : span[-1]], 2 * rate_hz)).argmax() / 2 for span in spans]
    begins, ends = np.array([(span[0], span[-1] + frame) for span in spans]).T
    return (begins + first) / rate_hz, (ends - begins) / rate_hz, np.array(pitches)


def laid(pieces: list[tuple[float, float, NDArray[np.int16]]]) -> list[tuple[float, NDArray[np.int16]]]:
    """The pieces as a lane lays them, all of them handed over as soon as their sound is over."""
    lane = Lane(pieces[0][0], 48_000)
    chunks = [lane.place(pcm, stamp_s=at_s, arrived_s=at_s + len(pcm) / 48_000) for at_s, _, pcm in pieces]
    return [(start / HEARING_RATE_HZ, pcm) for chunk in chunks for start, pcm in chunk]


async def say_tones(called: Called, names: Iterable[str]) -> None:
    """Until all of it has come from everybody."""
    ears = called.ears
    await eventually(lambda: set(ears.owners.values()) >= set(names))
    streams = [stream for stream, owner in ears.owners.items() if owner in names]
    await eventually(lambda: all(stream in ears.pieces for stream in streams))
    _, begins_s, lasts_s = TONES[-1]
    over_s = {stream: ears.pieces[stream][-1][0] + begins_s + lasts_s + 0.4 for stream in streams}
    await called.browser.page.evaluate("(tones) => window.say(tones)", TONES)
    await eventually(lambda: all(ears.pieces[stream][-1][0] > end_s for stream, end_s in over_s.items()), 20.0)


async def test_what_is_said_stands_where_it_was_said_however_its_sender_packs_it(tmp_path: Path) -> None:
    pitches, begins_s, lasts_s = np.array(TONES).T
    async with calling(tmp_path) as called:
        for name, (asked, _, _) in SENDERS.items():
            await called.call(name, says=True, **asked)
        before: dict[str, int] = await called.browser.page.evaluate("window.sent()")
        await say_tones(called, SENDERS)
        after: dict[str, int] = await called.browser.page.evaluate("window.sent()")
        sent = {name: after[name] - before[name] for name in SENDERS}  # in the same time: each call has its own start
        streams = {owner: stream for stream, owner in called.ears.owners.items()}
    for name, (_, packet_s, often) in SENDERS.items():
        pieces = called.ears.pieces[streams[name]]
        assert sent[name] / sent["plain"] == pytest.approx(often, rel=0.4), f"{name} does not send as asked"
        assert min(len(pcm) for _, _, pcm in pieces) == packet_s * 48_000, f"{name} does not pack as asked"
        assert called.ears.whole(streams[name]), f"{name}: silence is silence"
        stamped = said([(at_s, pcm) for at_s, _, pcm in pieces], 48_000)
        for began_s, lasted_s, heard in (stamped, said(laid(pieces), HEARING_RATE_HZ)):
            assert len(heard) == len(TONES) and np.abs(heard - pitches).max() < 15, f"{name}: {heard}"
            assert np.abs(lasted_s - lasts_s).max() < 0.02, f"{name}: {lasted_s}"
            assert np.abs(np.diff(began_s) - np.diff(begins_s)).max() < 0.02, f"{name}: {began_s}"


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


async def test_packets_lost_late_doubled_broken_and_out_of_order_are_put_right(tmp_path: Path) -> None:
    """Of each 20 packets one is lost, one comes after its follower, one twice, one 200 ms late; the one after that is
    no Opus, and decoded together with those that had to wait."""
    rules: dict[int, tuple[float, ...]] = {3: (), 8: (0.03,), 13: (0.0, 0.005), 18: (0.2,)}
    async with calling(tmp_path, lambda count: rules.get(count % 20, (0.0,))) as called:
        await called.call("ada", garbles=20)
        stream = await called.until_heard("ada", pieces=150)
        assert called.network is not None and called.network.sounds > 150
        assert called.ears.whole(stream), "every hole is filled, nothing comes twice"
        pcm = np.concatenate([pcm for _, _, pcm in called.ears.pieces[stream]])
        silent = np.abs(pcm[48_000:].astype(int)).reshape(-1, 480)[: len(pcm[48_000:]) // 480].max(axis=1) < 50
        assert 0.1 < silent.mean() < 0.2, "three of twenty are missing"
