"""What one talking bot costs besides its engine, in cores and memory: browser, sound, capture, publishing.

The bot is a process of its own, in a simulated meeting with one guest who sees and hears it; all its descendants count.
Memory is PSS: what several share is divided among them. `admission_s`: from the host's click to the connector's word.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from connectors.base import JoinRequest
from connectors.registry import open_connector
from tests.benchmarks._report import report
from tests.benchmarks.meet import Device
from tests.connectors.meeting_stage import meeting_stage
from tests.polling import eventually

NAME = "Iris (AI)"
START_S = 60.0


async def be_the_bot(url: str, folder: Path, width: int, height: int, fps: int) -> None:
    """Joins, shows and speaks until its input ends; says when it is in."""
    async with open_connector(url, folder, width=width, height=height, fps=fps) as connector:
        await connector.join(JoinRequest(meeting_url=url, display_name=NAME))
        print(f"in {time.time()}", flush=True)
        device = Device(connector)
        listening = [asyncio.create_task(_drain(connector.audio())), asyncio.create_task(_drain(connector.events()))]
        await asyncio.to_thread(sys.stdin.readline)
        device.stop()
        await connector.leave()
        await asyncio.gather(*listening, return_exceptions=True)


async def _drain(stream: Any) -> None:
    async for _ in stream:
        pass


async def measure(
    platform: str, width: int, height: int, fps: int, *, settle_s: float, seconds: float
) -> dict[str, Any]:
    folder = Path(tempfile.mkdtemp(prefix="understudy-bench-"))
    async with meeting_stage(folder / "guest", platform) as stage:
        url = await stage.open_meeting(lobby=False)
        await stage.guest_joins("Guest")
        stage.room.policy = type(stage.room.policy)(lobby=True)
        words = ["--bot", url, "--folder", str(folder / "bot"), "--size", f"{width}x{height}", "--fps", str(fps)]
        bot = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.benchmarks.connector",
            *words,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert bot.stdin is not None and bot.stdout is not None
        await eventually(stage.room.knocks, START_S)
        await asyncio.sleep(1.0)  # the lobby is seen as one
        async with asyncio.timeout(START_S):
            admitted_s = time.time()
            stage.room.admit(NAME)
            inside_s = float((await bot.stdout.readline()).split()[1])
        await asyncio.sleep(settle_s)
        before, start_s = _cpu_s(bot.pid), time.monotonic()
        await asyncio.sleep(seconds)
        after, wall_s = _cpu_s(bot.pid), time.monotonic() - start_s
        memory = _pss_mb(bot.pid)
        seen = await stage.guest_sees_luma()
        bot.stdin.close()
        await bot.wait()
    cores = {kind: round((after[kind] - before.get(kind, 0.0)) / wall_s, 3) for kind in after}
    return {
        "cores": round(sum(cores.values()), 3),
        "cores_by_part": cores,
        "pss_mb": round(sum(memory.values())),
        "pss_mb_by_part": {kind: round(value) for kind, value in memory.items()},
        "admission_s": round(inside_s - admitted_s, 2),
        "picture_arrives": seen >= 0,
    }


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


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--platform", default="meet", choices=("meet", "teams", "zoom"))
    parser.add_argument("--size", default="640x360")
    parser.add_argument("--fps", type=int, default=24)
    parser.add_argument("--settle", type=float, default=10.0)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--bot", default=None, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, default=None, help=argparse.SUPPRESS)
    args = parser.parse_args()
    width, height = map(int, args.size.split("x"))
    if args.bot is not None:
        asyncio.run(be_the_bot(args.bot, args.folder, width, height, args.fps))
        return
    figures = asyncio.run(measure(args.platform, width, height, args.fps, settle_s=args.settle, seconds=args.seconds))
    kept = {name: value for name, value in vars(args).items() if name not in ("bot", "folder")}
    report("connector", kept, figures)


if __name__ == "__main__":
    main()
