"""What a portrait costs: CPU time of a frame, unpaced and at 24 a second, at both sizes; cold and warm start; memory.

python -m tests.benchmarks.portrait

CPU time, not wall time, so a busy machine inflates it less; the report says how busy it was.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from engine.api import CharacterAssets, Likeness, Session, VideoFormat
from engine.portrait.engine import FORMATS, PortraitEngine
from engine.portrait.face import Face
from engine.portrait.record import load_record
from engine.portrait.render import Renderer
from tests.benchmarks._report import percentiles, report

IRIS = Path(__file__).parents[2] / "bot" / "library" / "iris"
CHARACTER = CharacterAssets(
    character_id="iris", image=IRIS / "portrait.png", record=IRIS / "record", likeness=Likeness.FICTIONAL
)
BLOCKS = 60
PACED_S = 10.0


def speech(seconds: float) -> np.ndarray:
    """Noise in syllables: every part of the engine has work to do."""
    rng = np.random.default_rng(0)
    syllables = np.repeat(rng.uniform(0, 1, int(seconds * 8)), 3000)
    return (rng.normal(0, 4000, len(syllables)) * syllables).astype(np.int16)


def frame_ms(video: VideoFormat) -> list[float]:
    """CPU milliseconds of each frame (a block's over four), motion, mouth and painting."""
    renderer = Renderer(load_record(CHARACTER.image, CHARACTER.record), video)
    face, ring = Face(renderer, 0), np.stack([renderer.background] * 4)
    face.make(ring)
    face.speak(speech(BLOCKS / 6), None, 1)
    taken = []
    for _ in range(BLOCKS):
        began = time.thread_time()
        face.make(ring)
        taken.append((time.thread_time() - began) * 1000 / 4)
    return taken


async def start_s(video: VideoFormat, cache_dir: Path) -> tuple[float, Session]:
    began = time.monotonic()
    session = await PortraitEngine(cache_dir=cache_dir).open(CHARACTER, video)
    await anext(session.blocks())
    return time.monotonic() - began, session


def process_of(session_number: int) -> psutil.Process:
    found = [p for p in psutil.Process().children() if "engine.portrait.process" in p.cmdline()]
    return sorted(found, key=lambda p: p.create_time())[session_number]


async def paced_cpu_ms(session: Session, process: psutil.Process, seconds: float) -> float:
    """CPU milliseconds of a frame at 24 a second, everything the session's process does included."""
    blocks = session.blocks()
    await session.speak(speech(seconds), timing=None, epoch=1)
    before, began = process.cpu_times(), time.monotonic()
    count = round(seconds * 24 / 4)
    for number in range(count):
        await anext(blocks)
        await asyncio.sleep(max(0.0, began + (number + 1) * 4 / 24 - time.monotonic()))
    after = process.cpu_times()
    return (after.user + after.system - before.user - before.system) * 1000 / (4 * count)


async def process_figures(video: VideoFormat) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        cold_s, first = await start_s(video, Path(folder))
        await first.aclose()
        warm_s, session = await start_s(video, Path(folder))
        _, second = await start_s(video, Path(folder))
        async with session, second:
            memory, further = (process_of(number).memory_full_info() for number in (0, 1))
            threads = process_of(0).num_threads()
            await second.aclose()
            paced_ms = await paced_cpu_ms(session, process_of(0), PACED_S)
    return {
        "cold_start_s": round(cold_s, 2),
        "warm_start_s": round(warm_s, 2),
        "rss_mb": round(memory.rss / 2**20, 1),
        "private_mb": round(memory.uss / 2**20, 1),
        "further_private_mb": round(further.uss / 2**20, 1),
        "threads": threads,
        "paced_cpu_ms_per_frame": round(paced_ms, 2),
        "sessions_per_core": int(1000 / 24 / paced_ms),
    }


def main() -> None:
    figures = {}
    for video in FORMATS:
        unpaced = percentiles(frame_ms(video))
        figures[f"{video.width}x{video.height}"] = {
            "cpu_ms_per_frame": unpaced["p50"],
            "p99_ms": unpaced["p99"],
            **asyncio.run(process_figures(video)),
        }
    report("portrait", {"character": "iris", "fps": 24, "blocks": BLOCKS, "paced_s": PACED_S}, figures)


if __name__ == "__main__":
    main()
