"""Two real bots in a room of a real Janus server, one bot alone at full size, and ten joins in a row.

    ./understudy bench janus [--part pair|alone|joins]

The bots speak at the same time, each a text of its own, and hear through the server and each other's browser. `ears`
is what a bot's ears get from the packets, `played` what its browser plays, as a person would hear it: how well its
envelope follows what was said, and how long after its turn at the microphone it is there (the median). `mouth_dry_s`:
for how long the speaker's microphone had nothing to say, as the machine did not keep up; what is heard then is as it
was said, but late where it is played. `busy`: the share of all cores that anything used meanwhile. `misses` names what
is not as it should be; the exit code is 1 then.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import tempfile
import threading
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from bot.rehearsal.speech import synthesise
from connectors.base import HEARING_RATE_HZ, MICROPHONE_RATE_HZ, AudioChunk, JoinRequest, Pcm
from connectors.janus.connector import JanusConnector
from tests.benchmarks._report import report
from tests.benchmarks.meet import BITS, READ_JS, Device
from tests.connectors.contract import Notes, until
from tests.connectors.janus_server import JanusServer

LINES = {  # name: voice, text
    "Ada (AI)": (
        "slt",
        "Good morning. The bridge was built in eighteen ninety, of stone, and still carries trains.",
    ),
    "Iris (AI)": ("rms", "Whoever comes late finds the minutes in the shared folder. Shall we go on with the budget?"),
}
WINDOW_S = 0.005
MOST_LAG_S = 1.0
LEAST_CORRELATION, LEAST_FPS, MOST_EAR_MS = 0.75, 20.0, 300.0
MOST_DRY_S, MOST_BUSY = 0.2, 0.9  # else the machine is what was measured
FULL = (1280, 720)
STEADY_S, PATIENCE_S = 5.0, 40.0
_SIZE_JS = """async () => {
  for (const link of window.understudyLinks) for (const one of (await link.getStats()).values()) {
    if (one.type === "outbound-rtp" && one.kind === "video") {
      return [one.frameWidth ?? 0, one.frameHeight ?? 0, one.framesSent ?? 0, one.qualityLimitationReason];
    }
  }
  return [0, 0, 0, "none"];
}"""


class Bot:
    """One bot in the room, who speaks and shows without a pause, and notes what it hears."""

    def __init__(self, connector: JanusConnector, name: str, speech: Pcm) -> None:
        self.connector, self.name, self.speech = connector, name, speech

    async def join(self, url: str) -> None:
        self.notes = Notes(self.connector)
        await self.connector.join(JoinRequest(meeting_url=url, display_name=self.name))
        self.device = Device(self.connector, self.speech)

    async def leave(self) -> None:
        self.device.stop()
        await self.connector.leave()
        await self.notes.close()

    def heard(self, *, mixed: bool, begin_s: float, end_s: float) -> np.ndarray:
        """The envelope between two moments of this machine's monotonic clock."""
        first = round((begin_s - self.connector.timeline_start_s) * HEARING_RATE_HZ)
        pcm = np.zeros(round((end_s - begin_s) * HEARING_RATE_HZ), np.int16)
        for chunk in self.notes.chunks:
            if (chunk.participant is None) == mixed:
                _put(pcm, chunk, first)
        return envelope(pcm, HEARING_RATE_HZ)

    def dry_s(self, begin_s: float, end_s: float) -> float:
        assert self.device.said is not None
        return self.device.said.dry_s(begin_s, end_s)

    def said(self, *, begin_s: float, end_s: float) -> np.ndarray:
        assert self.device.said is not None
        return envelope(self.device.said.between(begin_s, end_s), MICROPHONE_RATE_HZ)

    def behind_ms(self, *, mixed: bool, begin_s: float, end_s: float) -> float:
        """How long after its place in time sound is there, by the median."""
        start_s = self.connector.timeline_start_s
        waits_s = [
            chunk.arrived_s - ends_s
            for chunk in self.notes.chunks
            if (chunk.participant is None) == mixed and chunk.arrived_s is not None
            if begin_s <= (ends_s := start_s + (chunk.start_sample + len(chunk.pcm)) / HEARING_RATE_HZ) < end_s
        ]
        return 1000 * float(np.median(waits_s)) if waits_s else 0.0


def _put(pcm: np.ndarray, chunk: AudioChunk, first: int) -> None:
    at = chunk.start_sample - first
    if 0 <= at <= len(pcm) - len(chunk.pcm):
        pcm[at : at + len(chunk.pcm)] = chunk.pcm


def envelope(pcm: np.ndarray, rate_hz: int) -> np.ndarray:
    window = round(rate_hz * WINDOW_S)
    whole = pcm[: len(pcm) // window * window].astype(np.float64).reshape(-1, window)
    return np.sqrt((whole**2).mean(axis=1))


def follows(heard: np.ndarray, said: np.ndarray) -> dict[str, float]:
    """`said` begins `MOST_LAG_S` before `heard`: the best fit of all the lags there can be."""
    lags = round(MOST_LAG_S / WINDOW_S)
    if heard.std() < 1:
        return {"correlation": 0.0, "mouth_to_ear_ms": 1000 * MOST_LAG_S}
    fits = [float(np.corrcoef(heard, said[lags - lag : lags - lag + len(heard)])[0, 1]) for lag in range(lags)]
    best = int(np.argmax(fits))
    return {"correlation": round(fits[best], 3), "mouth_to_ear_ms": round(best * WINDOW_S * 1000, 1)}


async def pair(*, settle_s: float, seconds: float) -> dict[str, Any]:
    folder = Path(tempfile.mkdtemp(prefix="understudy-bench-"))
    async with AsyncExitStack() as stack:
        janus = await stack.enter_async_context(JanusServer())
        url = janus.page(await janus.create_room())
        bots = []
        for name, (voice, text) in LINES.items():
            connector = await stack.enter_async_context(JanusConnector(folder / name[:3], width=640, height=360))
            bot = Bot(connector, name, await synthesise(text, voice=voice))
            await bot.join(url)
            stack.push_async_callback(bot.leave)
            bots.append(bot)
        await asyncio.sleep(settle_s)
        await _until_steady(bots)
        for bot in bots:
            await bot.connector.browser.page.evaluate(READ_JS, [BITS, "[id^=videoremote] video"])
        janus_cpu = psutil.Process(janus.pid)
        janus_cpu.cpu_percent()
        psutil.cpu_percent()
        begin_s = asyncio.get_running_loop().time()
        await asyncio.sleep(seconds)
        end_s = asyncio.get_running_loop().time()
        share, busy = janus_cpu.cpu_percent() / 100, psutil.cpu_percent() / 100
        seen = [await bot.connector.browser.page.evaluate("window.seen") for bot in bots]
        await asyncio.sleep(MOST_LAG_S)
        one, other = bots
        figures = {
            one.name: _of(one, other, seen[0], begin_s, end_s),
            other.name: _of(other, one, seen[1], begin_s, end_s),
        }
    return {**figures, "janus_cores": round(share, 3), "busy": round(busy, 3)}


async def _until_steady(bots: list[Bot]) -> None:
    """Every mouth has kept up for a while, or patience ends: what else runs here is not what is measured."""
    clock = asyncio.get_running_loop().time
    until_s = clock() + PATIENCE_S
    while clock() < until_s:
        await asyncio.sleep(0.5)
        if all(bot.dry_s(clock() - STEADY_S, clock()) <= MOST_DRY_S for bot in bots):
            return


def _of(ear: Bot, mouth: Bot, seen: list[list[float]], begin_s: float, end_s: float) -> dict[str, Any]:
    delays_ms = [at_ms - mouth.device.shown_ms[number] for number, at_ms, *_ in seen if number in mouth.device.shown_ms]
    return {
        "ears": _heard(ear, mouth, mixed=False, begin_s=begin_s, end_s=end_s),
        "played": _heard(ear, mouth, mixed=True, begin_s=begin_s, end_s=end_s),
        "mouth_dry_s": round(mouth.dry_s(begin_s, end_s), 2),
        "fps": round(len(seen) / (end_s - begin_s), 1),
        "fps_distinct": round(len({number for number, *_ in seen}) / (end_s - begin_s), 1),
        "size": f"{seen[-1][2]:.0f}x{seen[-1][3]:.0f}" if seen else "",
        "camera_to_eye_ms": round(float(np.median(delays_ms)), 1) if delays_ms else None,
    }


def _heard(ear: Bot, mouth: Bot, *, mixed: bool, begin_s: float, end_s: float) -> dict[str, float]:
    said = mouth.said(begin_s=begin_s - MOST_LAG_S, end_s=end_s)
    found = follows(ear.heard(mixed=mixed, begin_s=begin_s, end_s=end_s), said)
    behind_ms = ear.behind_ms(mixed=mixed, begin_s=begin_s, end_s=end_s)
    return {**found, "mouth_to_ear_ms": round(found["mouth_to_ear_ms"] + behind_ms, 1)}


async def alone(*, settle_s: float, seconds: float) -> dict[str, Any]:
    """Looks once a second at what is sent, from the moment it has its full size, or patience ends."""
    folder = Path(tempfile.mkdtemp(prefix="understudy-bench-"))
    async with JanusServer() as janus, JanusConnector(folder, width=1280, height=720) as connector:
        url = janus.page(await janus.create_room())
        bot = Bot(connector, "Iris (AI)", np.zeros(MICROPHONE_RATE_HZ, np.int16))
        await bot.join(url)
        clock = asyncio.get_running_loop().time
        begin_s, looks = clock(), [await connector.browser.page.evaluate(_SIZE_JS)]
        while tuple(looks[-1][:2]) != FULL and clock() - begin_s < settle_s:
            await asyncio.sleep(0.5)
            looks.append(await connector.browser.page.evaluate(_SIZE_JS))
        ramp_s, looks, begin_s = clock() - begin_s, looks[-1:], clock()
        while clock() - begin_s < seconds:
            await asyncio.sleep(1.0)
            looks.append(await connector.browser.page.evaluate(_SIZE_JS))
        wall_s = clock() - begin_s
        await bot.leave()
    return {"full_size_after_s": round(ramp_s, 1), **of_looks(looks, wall_s)}


def of_looks(looks: list[list[Any]], wall_s: float) -> dict[str, Any]:
    """What looks at the sender's own statistics come to, the first of them the beginning: width, height, frames sent so
    far, what limits it. A sender that has stopped keeps its size and counts on no more."""
    sizes = [(width, height) for width, height, *_ in looks]
    counts = [count for _, _, count, _ in looks]
    return {
        "looks": len(sizes),
        "full_size": sizes.count(FULL),
        "smallest": "{}x{}".format(*min(sizes)),
        "stood_still": sum(after <= before for before, after in itertools.pairwise(counts)),
        "fps_sent": round((counts[-1] - counts[0]) / wall_s, 1),
        "limited_by": sorted({reason for *_, reason in looks}),
    }


async def joins(count: int) -> dict[str, int]:
    """What is there after `count` joins and leaves that was not there after one, which may load what stays loaded."""
    folder = Path(tempfile.mkdtemp(prefix="understudy-bench-"))
    async with JanusServer() as janus:
        room = await janus.create_room()
        await _once(janus, room, folder)
        before = remains(folder)
        for _ in range(count - 1):
            await _once(janus, room, folder)
        after = remains(folder)
        left = {kind: max(0, after[kind] - before[kind]) for kind in after}
        return {**left, "people": len(await janus.people(room)), "sessions": await janus.sessions()}


async def _once(janus: JanusServer, room: int, folder: Path) -> None:
    url = janus.page(room)
    async with JanusConnector(folder) as connector:
        await connector.join(JoinRequest(meeting_url=url, display_name="Iris (AI)"))
        assert await janus.people(room)
        await connector.leave()

    async def gone() -> bool:
        return not await janus.people(room) and not await janus.sessions()

    await until(gone, 10)


def remains(folder: Path) -> dict[str, int]:
    """Of bots of this process, on this machine."""
    own = psutil.Process()
    places = (Path(tempfile.gettempdir()), Path("/dev/shm"))
    mine = f"understudy-*-{os.getpid()}-*"
    return {
        "processes": len(own.children(recursive=True)),
        "folders": sum(1 for place in places for _ in place.glob(mine)),
        "files": sum(1 for path in folder.rglob("*") if path.is_file()),
        "open_files": own.num_fds(),
        "threads": sum(not one.name.startswith("asyncio_") for one in threading.enumerate()),  # a pool's stay
    }


def kept_up(pair: dict[str, Any]) -> bool:
    """Whether it was the bots that were measured and not the machine."""
    dry_s = [one["mouth_dry_s"] for one in pair.values() if isinstance(one, dict)]
    return max(dry_s) <= MOST_DRY_S and bool(pair["busy"] <= MOST_BUSY)


def misses_of(figures: dict[str, Any]) -> list[str]:
    found = []
    for name, one in figures.get("pair", {}).items():
        if isinstance(one, dict):
            for way in ("ears", "played"):
                found += [f"{name}: {way} correlation"] * (one[way]["correlation"] < LEAST_CORRELATION)
                found += [f"{name}: {way} mouth to ear"] * (one[way]["mouth_to_ear_ms"] >= MOST_EAR_MS)
            found += [f"{name}: fps"] * (one["fps_distinct"] < LEAST_FPS)
            found += [f"{name}: size"] * (one["size"] != "640x360")
            found += [f"{name}: the machine did not keep up"] * (one["mouth_dry_s"] > MOST_DRY_S)
    found += ["the machine was busy"] * (figures.get("pair", {}).get("busy", 0.0) > MOST_BUSY)
    if (one := figures.get("alone")) is not None:
        found += ["alone: not full size"] * (one["full_size"] < one["looks"])
        found += ["alone: no frame sent between two looks"] * (one["stood_still"] > 0)
        found += ["alone: fps"] * (one["fps_sent"] < LEAST_FPS)
    found += [f"left behind: {kind}" for kind, count in figures.get("joins", {}).items() if count]
    return found


async def measure(parts: list[str], *, settle_s: float, seconds: float) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    if "pair" in parts:
        figures["pair"] = await pair(settle_s=settle_s, seconds=seconds)
    if "alone" in parts:
        figures["alone"] = await alone(settle_s=120.0, seconds=30.0)
    if "joins" in parts:
        figures["joins"] = await joins(10)
    return {**figures, "misses": misses_of(figures)}


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--part", action="append", choices=("pair", "alone", "joins"))
    parser.add_argument("--settle", type=float, default=25.0)
    parser.add_argument("--seconds", type=float, default=15.0)
    args = parser.parse_args()
    parts = args.part or ["pair", "alone", "joins"]
    figures = asyncio.run(measure(parts, settle_s=args.settle, seconds=args.seconds))
    report("janus", {**vars(args), "part": parts}, figures)
    return 1 if figures["misses"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
