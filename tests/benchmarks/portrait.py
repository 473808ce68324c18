"""What a portrait costs: CPU time of a frame, unpaced, at both sizes; cold and warm start; memory of its process.

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


async def process_figures(video: VideoFormat) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        cold_s, first = await start_s(video, Path(folder))
        await first.aclose()
        warm_s, session = await start_s(video, Path(folder))
        async with session:
            process = next(p for p in psutil.Process().children() if "engine.portrait.process" in p.cmdline())
            memory = process.memory_full_info()
            blocks, waits = session.blocks(), []
            for _ in range(24):
                began = time.monotonic()
                await anext(blocks)
                waits.append((time.monotonic() - began) * 1000)
            threads = process.num_threads()
    return {
        "cold_start_s": round(cold_s, 2),
        "warm_start_s": round(warm_s, 2),
        "pss_mib": round(memory.pss / 2**20, 1),
        "threads": threads,
        "block_wall_ms": percentiles(waits),
    }


def main() -> None:
    figures = {}
    for video in FORMATS:
        name = f"{video.width}x{video.height}"
        figures[name] = {"frame_cpu_ms": percentiles(frame_ms(video)), **asyncio.run(process_figures(video))}
    report("portrait", {"character": "iris", "fps": 24, "blocks": BLOCKS}, figures)


if __name__ == "__main__":
    main()
