"""What a portrait costs: CPU time of a frame, unpaced and at 24 a second, at both sizes; cold and warm start; memory.

python -m tests.benchmarks.portrait

CPU time, not wall time, so a busy machine inflates it less; the report says how busy it was. `rss_mb` is the painter's;
`all_mb` painter and nursery with every shared page counted once; `further_mb` what a second, different character adds
to that, `further_private_mb` what its painter shares with nobody. Its memory for frames is counted in full.
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
from engine.portrait import wire
from engine.portrait.engine import FORMATS, PortraitEngine
from engine.portrait.face import Face
from engine.portrait.record import load_record
from engine.portrait.render import Renderer
from tests.benchmarks._report import percentiles, report

LIBRARY = Path(__file__).parents[2] / "bot" / "library"
CHARACTER, FURTHER = (
    CharacterAssets(
        character_id=name, image=LIBRARY / name / picture, record=LIBRARY / name / "record", likeness=Likeness.FICTIONAL
    )
    for name, picture in (("iris", "portrait.png"), ("amara", "portrait.jpg"))
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


async def start_s(engine: PortraitEngine, character: CharacterAssets, video: VideoFormat) -> tuple[float, Session]:
    began = time.monotonic()
    session = await engine.open(character, video)
    await session.speak(speech(2.0), timing=None, epoch=1)
    blocks = session.blocks()
    for _ in range(wire.SLOTS):  # every frame of its memory has been painted once
        await anext(blocks)
    return time.monotonic() - began, session


def processes() -> list[psutil.Process]:
    """The nursery, then its painters from the oldest on."""
    found = [p for p in psutil.Process().children(recursive=True) if "engine.portrait.nursery" in p.cmdline()]
    return sorted(found, key=lambda p: p.create_time())


def shared_out_mb() -> float:
    """What all of them together take, each shared page counted once."""
    return float(sum(process.memory_full_info().pss for process in processes()) / 2**20)


async def paced_cpu_ms(session: Session, process: psutil.Process, seconds: float) -> float:
    """CPU milliseconds of a frame at 24 a second, everything the session's process does included."""
    blocks = session.blocks()
    await session.speak(speech(seconds), timing=None, epoch=2)
    before, began = process.cpu_times(), time.monotonic()
    count = round(seconds * 24 / 4)
    for number in range(count):
        await anext(blocks)
        await asyncio.sleep(max(0.0, began + (number + 1) * 4 / 24 - time.monotonic()))
    after = process.cpu_times()
    return (after.user + after.system - before.user - before.system) * 1000 / (4 * count)


async def process_figures(video: VideoFormat) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        engine = PortraitEngine(cache_dir=Path(folder))
        cold_s, first = await start_s(engine, CHARACTER, video)
        await first.aclose()
        warm_s, session = await start_s(engine, CHARACTER, video)
        async with session:
            one_mb, painter = shared_out_mb(), processes()[1]
            memory, threads = painter.memory_full_info(), painter.num_threads()
            further_s, second = await start_s(engine, FURTHER, video)
            async with second:
                further_mb, further = shared_out_mb() - one_mb, processes()[2].memory_full_info()
            paced_ms = await paced_cpu_ms(session, painter, PACED_S)
    return {
        "cold_start_s": round(cold_s, 2),
        "warm_start_s": round(warm_s, 2),
        "further_start_s": round(further_s, 2),
        "rss_mb": round(memory.rss / 2**20, 1),
        "all_mb": round(one_mb, 1),
        "further_mb": round(further_mb, 1),
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
