"""What telling speakers apart costs, on the real classes with random weights: a part of `bench hearing`.

`segmentation`: CPU of one window and, at one every half second, its share of a core. `embedding`: CPU of a pass, and
how many a minute of conversation takes. `overload`: three times the sound of real time into the real process. CPU is
counted, not time: other load matters little to it.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from bot.hearing.base import RATE_HZ, Pcm
from bot.hearing.diarization.base import Frontier
from bot.hearing.diarization.pyannote_diarizer import PyannoteDiarizer
from bot.hearing.diarization.scripted import ScriptedVoices
from bot.hearing.diarization.stream import DiarizationStream
from bot.hearing.diarization.window import CELLS, CELLS_PER_S, HOP, WINDOW, Window
from tests.benchmarks._report import percentiles
from tests.bot.hearing.voices import centres, conversation

CHUNK = RATE_HZ // 50
OVERLOAD = 3
MIB = 2**20


def figures(*, windows: int = 100, overload_s: float = 40.0) -> dict[str, Any]:
    """Needs the extra [hearing]."""
    os.environ["PYANNOTE_METRICS_ENABLED"] = "0"
    from bot.hearing.diarization.pyannote_voices import load_voices
    from bot.hearing.diarization.random_model import make_random_model

    with tempfile.TemporaryDirectory() as name:
        make_random_model(Path(name))
        voices = load_voices(name)
        found = {"segmentation": segmentation(voices, windows), "embedding": embedding(voices, windows // 4)}
        found["overload"] = asyncio.run(overload(name, overload_s))
    return found


def segmentation(voices: Any, count: int) -> dict[str, Any]:
    sound = babble(WINDOW + count * HOP, 0)

    def window(number: int) -> Window:  # as a stream has them, each half a second later than the one before
        return Window(start_sample=0, pcm=sound[number * HOP :][:WINDOW])

    cpu = cpu_ms(lambda number: voices.activity(window(number)), count)
    hops_per_s = RATE_HZ / HOP
    return {
        "window_cpu_ms": percentiles(cpu),
        "share_of_a_core_percent": {
            "median": round(float(np.median(cpu)) * hops_per_s / 10, 2),
            "p95": round(float(np.percentile(cpu, 95)) * hops_per_s / 10, 2),
        },
    }


def embedding(voices: Any, count: int) -> dict[str, Any]:
    costs = {}
    for seconds in (1, 2.5, 5):
        cells = round(seconds * CELLS_PER_S)
        window = Window(start_sample=0, pcm=babble(WINDOW, 0)).cut(CELLS - cells, CELLS)
        weights = np.ones((3, cells), np.float32)
        embed = partial(voices.embeddings, window, weights)
        costs[f"{seconds:g}_s_cpu_ms"] = percentiles(cpu_ms(lambda _, embed=embed: embed(), count))
    return costs | {"passes_per_minute": passes_per_minute()}


def passes_per_minute() -> dict[str, float]:
    """Of scripted conversations of 3 to 5 people, and the most there can be."""
    rates = []
    for seed in range(6):
        script = conversation(3 + seed % 3, 40, seed=seed, pause_s=3.0)
        stream = DiarizationStream(ScriptedVoices(script, centres(5, distance=0.9, seed=seed), seed=seed))
        hops = int(script[-1].end_s * 2)
        for number in range(hops):
            stream.feed(number * HOP, np.full(HOP, 1000, np.int16))
        rates.append(stream.counts.embeddings / (hops / 120))
    return {"median": round(float(np.median(rates)), 1), "max": round(max(rates), 1), "bound": 60.0}


async def overload(folder: str, seconds: float) -> dict[str, Any]:
    """Sound comes at three times the rate of time."""
    lags_s: list[float] = []
    memory: list[float] = []
    async with PyannoteDiarizer(folder) as diarizer:
        process, fed = psutil.Process(diarizer.pid), 0

        async def read() -> None:
            async for event in diarizer.events():
                if isinstance(event, Frontier):
                    lags_s.append((fed - event.sample) / RATE_HZ)

        reading = asyncio.create_task(read())
        began_s = time.monotonic()
        sound = babble(WINDOW, 0)
        while (elapsed_s := time.monotonic() - began_s) < seconds:
            while fed < OVERLOAD * elapsed_s * RATE_HZ:
                diarizer.feed(fed, sound[fed % WINDOW : fed % WINDOW + CHUNK])
                fed += CHUNK
            memory.append(process.memory_info().rss / MIB)
            await asyncio.sleep(CHUNK / RATE_HZ)
        work = diarizer.work
        reading.cancel()
    half = len(memory) // 2
    return {
        "fed_s": round(fed / RATE_HZ, 1),
        "lag_s": percentiles(lags_s),  # of sound time: 1 s of it is wanted
        "windows": work.windows,
        "windows_skipped": work.windows_skipped,
        "embeddings": work.embeddings,
        "dropped_s": round(work.dropped_samples / RATE_HZ, 1),
        "memory_mib": {"first_half_max": round(max(memory[:half]), 1), "second_half_max": round(max(memory[half:]), 1)},
    }


def cpu_ms(work: Callable[[int], object], count: int) -> list[float]:
    for number in range(3):
        work(number)
    times = []
    for number in range(count):
        began_s = time.thread_time()
        work(number)
        times.append(1000 * (time.thread_time() - began_s))
    return times


def babble(samples: int, seed: int) -> Pcm:
    """Noise that comes and goes as speech does."""
    loudness = np.maximum(0.0, np.sin(np.arange(samples) / 4000) + 0.5 * np.sin(np.arange(samples) / 900))
    noise = np.random.default_rng(seed).normal(size=samples) * 6000 * loudness
    found: Pcm = noise.clip(-32768, 32767).astype(np.int16)
    return found
