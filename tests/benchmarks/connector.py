"""What one talking bot costs besides its engine, in cores and memory: browser, sound, capture, publishing; and how soon
a host's click is found.

    ./understudy bench connector [--part cost|admission] [--platform meet|teams|zoom] [--size 640x360] [--count 10]

The bot is a process of its own, in a simulated meeting with one guest who sees and hears it; all its descendants count.
It speaks a text over and over and shows a moving picture. Memory is PSS: what several share is divided among them.
`admission_s`: from the host's click to the connector's word, of bots that come one after the other and wait for times
that differ. `misses` names what is not within the limits, and what was not measured as it should be; the exit code is 1
then. The limits of cost are those of a picture of 640x360.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from bot.rehearsal.speech import synthesise
from connectors.base import JoinRequest
from connectors.registry import open_connector
from connectors.simulator import Policy, SimulatorServer
from tests.benchmarks._report import percentiles, report
from tests.benchmarks.meet import Device
from tests.connectors.meeting_stage import meeting_stage
from tests.polling import eventually

NAME = "Iris (AI)"
PLATFORMS, SIZES = ("meet", "teams", "zoom"), ("640x360", "1280x720")
TEXT = "Good morning. The bridge was built in eighteen ninety, of stone, and still carries trains. Shall we go on?"
START_S = 60.0
MOST_CORES, MOST_PSS_MB, LIMITED_SIZE = 0.5, 600, "640x360"
MOST_ADMISSION_S, LEAST_ADMISSIONS = 2.0, 10
MOST_DRY_SHARE = 0.02  # of the time; else it hardly talked


async def be_the_bot(url: str, folder: Path, width: int, height: int, fps: int) -> None:
    """Joins, shows and speaks until its input ends; says when it is in, and what share of the time it was silent."""
    speech = await synthesise(TEXT)
    async with open_connector(url, folder, width=width, height=height, fps=fps) as connector:
        await connector.join(JoinRequest(meeting_url=url, display_name=NAME))
        print("in", flush=True)
        device, start_s = Device(connector, speech), time.monotonic()
        listening = [asyncio.create_task(_drain(connector.audio())), asyncio.create_task(_drain(connector.events()))]
        await asyncio.to_thread(sys.stdin.readline)
        assert device.said is not None
        print(device.said.dry_s(start_s, now_s := time.monotonic()) / (now_s - start_s), flush=True)
        device.stop()
        await connector.leave()
        await asyncio.gather(*listening, return_exceptions=True)


async def _drain(stream: Any) -> None:
    async for _ in stream:
        pass


async def cost(platform: str, size: str, fps: int, *, settle_s: float, seconds: float) -> dict[str, Any]:
    folder = Path(tempfile.mkdtemp(prefix="understudy-bench-"))
    async with meeting_stage(folder / "guest", platform) as stage:
        url = await stage.open_meeting(lobby=False)
        await stage.guest_joins("Guest")
        words = ["--bot", url, "--folder", str(folder / "bot"), "--size", size, "--fps", str(fps)]
        pipes = {"stdin": asyncio.subprocess.PIPE, "stdout": asyncio.subprocess.PIPE}
        bot = await asyncio.create_subprocess_exec(sys.executable, "-m", "tests.benchmarks.connector", *words, **pipes)
        assert bot.stdin is not None and bot.stdout is not None
        async with asyncio.timeout(START_S):
            assert await bot.stdout.readline() == b"in\n"
        await asyncio.sleep(settle_s)
        before, start_s = _cpu_s(bot.pid), time.monotonic()
        await asyncio.sleep(seconds)
        after, wall_s = _cpu_s(bot.pid), time.monotonic() - start_s
        memory = _pss_mb(bot.pid)
        seen, heard_hz = await stage.guest_sees_luma(), await stage.guest_hears_hz(2.0)
        bot.stdin.close()
        dry_share = float(await bot.stdout.readline())
        await bot.wait()
    cores = {kind: round((after[kind] - before.get(kind, 0.0)) / wall_s, 3) for kind in after}
    return {
        "cores": round(sum(cores.values()), 3),
        "cores_by_part": cores,
        "pss_mb": round(sum(memory.values())),
        "pss_mb_by_part": {kind: round(value) for kind, value in memory.items()},
        "picture_arrives": seen >= 0,
        "voice_arrives": heard_hz > 0,
        "dry_share": round(dry_share, 3),
    }


async def admissions(platform: str, count: int) -> dict[str, float | int]:
    """The host lets each bot wait for a while of its own: the rhythm of a bot's looks is met at any of its moments."""
    folder, chance, waits_s = Path(tempfile.mkdtemp(prefix="understudy-bench-")), random.Random(platform), []
    async with SimulatorServer() as simulator:
        for number in range(count):
            room = simulator.create_meeting(Policy(lobby=True))
            url = simulator.url(room, platform)
            async with open_connector(url, folder / str(number)) as connector:
                joining = asyncio.create_task(connector.join(JoinRequest(meeting_url=url, display_name=NAME)))
                await eventually(lambda room=room: room.knocks(), START_S)
                await asyncio.sleep(chance.uniform(1.0, 2.0))
                clicked_s = time.monotonic()
                room.admit(NAME)
                await joining
                waits_s.append(time.monotonic() - clicked_s)
                await connector.leave()
    return percentiles(waits_s)


def misses_of(figures: dict[str, Any]) -> list[str]:
    found = []
    for name, one in figures.get("cost", {}).items():
        limited = name.endswith(LIMITED_SIZE)
        found += [f"{name}: cores"] * (limited and one["cores"] > MOST_CORES)
        found += [f"{name}: memory"] * (limited and one["pss_mb"] > MOST_PSS_MB)
        found += [f"{name}: no picture"] * (not one["picture_arrives"])
        found += [f"{name}: no voice"] * (not one["voice_arrives"])
        found += [f"{name}: the bot did not talk all the time"] * (one["dry_share"] > MOST_DRY_SHARE)
    for name, one in figures.get("admission_s", {}).items():
        found += [f"{name}: admission"] * (one["p95"] > MOST_ADMISSION_S)
        found += [f"{name}: too few admissions"] * (one["count"] < LEAST_ADMISSIONS)
    return found


async def measure(args: argparse.Namespace) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    if "cost" in args.part:
        times = {"settle_s": args.settle, "seconds": args.seconds}
        figures["cost"] = {
            f"{platform} {size}": await cost(platform, size, args.fps, **times)
            for platform in args.platform
            for size in args.size
        }
    if "admission" in args.part:
        figures["admission_s"] = {platform: await admissions(platform, args.count) for platform in args.platform}
    return {**figures, "misses": misses_of(figures)}


def _family(pid: int) -> list[tuple[str, psutil.Process]]:
    bot = psutil.Process(pid)
    return [(_kind(one, pid), one) for one in (bot, *bot.children(recursive=True))]


def _kind(process: psutil.Process, bot: int) -> str:
    if process.pid == bot:
        return "python"
    name = process.name()
    return next((kind for kind in ("chrom", "pulseaudio", "node") if kind in name), "other")


def _cpu_s(pid: int) -> dict[str, float]:
    total: dict[str, float] = {}
    for kind, process in _family(pid):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total[kind] = total.get(kind, 0.0) + times.user + times.system
    return total


def _pss_mb(pid: int) -> dict[str, float]:
    total: dict[str, float] = {}
    for kind, process in _family(pid):
        try:
            total[kind] = total.get(kind, 0.0) + process.memory_full_info().pss / 2**20
        except psutil.NoSuchProcess:
            continue
    return total


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--part", action="append", choices=("cost", "admission"))
    parser.add_argument("--platform", action="append", choices=PLATFORMS)
    parser.add_argument("--size", action="append")
    parser.add_argument("--fps", type=int, default=24)
    parser.add_argument("--settle", type=float, default=10.0)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--count", type=int, default=LEAST_ADMISSIONS)
    parser.add_argument("--bot", default=None, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, default=None, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.bot is not None:
        width, height = map(int, args.size[0].split("x"))
        asyncio.run(be_the_bot(args.bot, args.folder, width, height, args.fps))
        return 0
    args.part, args.platform = args.part or ["cost", "admission"], args.platform or list(PLATFORMS)
    args.size = args.size or list(SIZES)
    figures = asyncio.run(measure(args))
    kept = {name: value for name, value in vars(args).items() if name not in ("bot", "folder")}
    report("connector", kept, figures)
    return 1 if figures["misses"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
