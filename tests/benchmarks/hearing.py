"""How well the embedded ears hear synthetic askers, and whether the right passage is found. Last line: JSON.

Questions (tests/data) are spoken by flite and espeak-ng, go through Opus at 24 kbit/s and 48 kHz as in a meeting, and
arrive at 16 kHz in real time. `lag_ms` is from the last voiced sample of the asker's own recording (10 ms frames above
-40 dB of its peak) to the Utterance, on the clock of the sound; `recognised_ms` the part of it after the silence. With
the extra [hearing] come the figures of `_diarization`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import statistics
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bot.conversation.knowledge import RankedKnowledge
from bot.conversation.terms import edits
from bot.hearing.base import RATE_HZ, Pcm, SpeechEnded, Utterance
from bot.hearing.diarization.model_place import packages_are_here
from bot.hearing.ears import RecognisingEars
from bot.hearing.pocketsphinx_recogniser import PocketsphinxRecogniser
from bot.hearing.words import spoken_words
from bot.voice.espeak import EspeakVoice
from tests.benchmarks import _diarization, hearing_cost
from tests.bot.conversation.sources import FullTextSource, iris_passages

DATA = Path(__file__).parents[1] / "data"
FLITE = ("slt", "rms", "awb", "kal16")
CHUNK = RATE_HZ // 50


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    question: str
    text: str
    right: bool
    errors: int
    words: int
    lag_s: float
    recognised_s: float


def spoken(question: str, voice: str, bitrate: str = "24k") -> Pcm:
    """The question as it comes out of a meeting: s16 mono 16 kHz, half a second of silence before, a second after."""
    with tempfile.TemporaryDirectory() as folder:
        raw, coded = Path(folder) / "raw.wav", Path(folder) / "coded.ogg"
        if voice in FLITE:
            command = ["flite", "-voice", voice, "-t", question, "-o", str(raw)]
        else:
            command = ["espeak-ng", "-v", voice, "-s", "150", "-w", str(raw), question]
        subprocess.run(command, check=True, capture_output=True, timeout=30)
        ffmpeg = ["ffmpeg", "-v", "error", "-y", "-i"]
        encode = ["-ar", "48000", "-ac", "1", "-c:a", "libopus", "-b:a", bitrate, str(coded)]
        subprocess.run([*ffmpeg, str(raw), *encode], check=True, timeout=30)
        decode = ["-ar", "16000", "-ac", "1", "-f", "s16le", "-"]
        sound = subprocess.run([*ffmpeg, str(coded), *decode], check=True, capture_output=True, timeout=30).stdout
    quiet = np.zeros(RATE_HZ, np.int16)
    return np.concatenate([quiet[: RATE_HZ // 2], np.frombuffer(sound, np.int16), quiet])


def last_voiced(pcm: Pcm) -> int:
    frames = pcm[: len(pcm) // 160 * 160].astype(np.float64).reshape(-1, 160)
    levels = np.sqrt((frames**2).mean(axis=1))
    return int(np.flatnonzero(levels > levels.max() * 10 ** (-40 / 20))[-1] + 1) * 160


async def hear(ears: RecognisingEars, events: AsyncIterator[Any], stream: str, at: int, pcm: Pcm, pace: float) -> Any:
    """Feed in (scaled) real time; the utterances of it, and the wall time from the last voiced sample's arrival."""
    began_s = time.monotonic()
    end = at + last_voiced(pcm)
    end_fed_s = 0.0
    texts: list[str] = []
    readings: Sequence[str] = ()
    took_s = recognised_s = 0.0
    waiting = asyncio.create_task(anext(events))
    open_stretches, fed = 0, 0
    deadline_s = began_s + len(pcm) / RATE_HZ + 15
    while time.monotonic() < deadline_s and (fed < len(pcm) or open_stretches or not texts):
        if fed < len(pcm):
            ears.feed(stream, at + fed, pcm[fed : fed + CHUNK])
            fed += CHUNK
            if end_fed_s == 0.0 and at + fed >= end:
                end_fed_s = time.monotonic()
        pause_s = max(0.0, began_s + fed / RATE_HZ * pace - time.monotonic()) if fed < len(pcm) else 0.05
        await asyncio.wait([waiting], timeout=pause_s)
        while waiting.done():
            event = waiting.result()
            if isinstance(event, SpeechEnded):
                open_stretches += 1
            elif isinstance(event, Utterance):
                open_stretches -= 1
                texts.append(event.text)
                readings = event.alternatives if len(texts) == 1 else ()
                took_s, recognised_s = time.monotonic() - end_fed_s, event.recognised_s
            waiting = asyncio.create_task(anext(events))
            await asyncio.sleep(0)
        if fed >= len(pcm) and not open_stretches and texts:
            break
    waiting.cancel()
    return " ".join(texts), readings, took_s, recognised_s


async def run(sets: Sequence[str], voices: Sequence[str], pace: float, options: dict[str, Any], shown: bool) -> Any:
    passages = iris_passages()
    by_id = {passage.passage_id: passage for passage in passages}
    knowledge = RankedKnowledge(passages, FullTextSource(passages))
    texts = [f"{passage.heading}. {passage.text}" for passage in passages]
    cache = Path(tempfile.gettempdir()) / "understudy-bench-lm"
    results: dict[str, list[Heard]] = {}
    async with EspeakVoice() as voice:
        recogniser = PocketsphinxRecogniser(
            texts=texts, names=["Iris"], cache=cache, pronounce=voice.pronounce, options=options
        )
        async with RecognisingEars(recogniser) as ears:
            events = ears.events()
            pump: asyncio.Queue[Any] = asyncio.Queue()

            async def take() -> None:
                async for event in events:
                    await pump.put(event)

            async def pumped() -> AsyncIterator[Any]:
                while True:
                    yield await pump.get()

            taking = asyncio.create_task(take())
            for name in sets:
                for asker in voices:
                    at = RATE_HZ
                    for row in json.loads((DATA / f"questions_{name}.json").read_text()):
                        pcm = await asyncio.to_thread(spoken, row["question"], asker)
                        text, readings, lag_s, recognised_s = await hear(ears, pumped(), asker, at, pcm, pace)
                        at += len(pcm) + RATE_HZ
                        found = await knowledge.search(text, limit=1, readings=readings)
                        best = by_id[found[0].passage_id] if found else None
                        right = best is not None and (best.document, best.heading) == (row["document"], row["heading"])
                        said, got = spoken_words(row["question"]), text.split()
                        errors = edits(said, got)  # type: ignore[arg-type]  # any sequence of comparable items
                        heard = Heard(
                            question=row["question"], text=text, right=right, errors=errors, words=len(said),
                            lag_s=lag_s, recognised_s=recognised_s,
                        )  # fmt: skip
                        results.setdefault(f"{name}/{asker}", []).append(heard)
                        if shown:
                            seconds = f"{lag_s:.2f} {recognised_s:.2f}"
                            heading = best.heading if best else None
                            print(asker, right, f"{errors}/{len(said)}", seconds, row["question"], sep=" | ")
                            print("    ", text, heading, sep=" | ", flush=True)
            taking.cancel()
    return {key: figures(heard) for key, heard in results.items()}


def figures(heard: Sequence[Heard]) -> dict[str, Any]:
    lags = sorted(one.lag_s for one in heard)
    return {
        "questions": len(heard),
        "right": sum(one.right for one in heard),
        "wer": round(sum(one.errors for one in heard) / sum(one.words for one in heard), 3),
        "lag_ms_p50": round(1000 * statistics.median(lags)),
        "lag_ms_p95": round(1000 * lags[min(len(lags) - 1, int(0.95 * len(lags)))]),
        "recognised_ms_p50": round(1000 * statistics.median(one.recognised_s for one in heard)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", default="development,holdout", help="of questions; empty: only what speakers cost")
    parser.add_argument("--voices", default="slt,rms,awb,kal16,en-us")
    parser.add_argument("--pace", type=float, default=1.0, help="1: real time; 0: as fast as it is taken")
    parser.add_argument("--only", choices=("words", "cost"), help="words: recognition; cost: hearing_cost.py")
    parser.add_argument("--seconds", type=float, default=30.0, help="of our own voice, for the costs")
    parser.add_argument("--options", default="{}", help="JSON: of the decoder")
    parser.add_argument("--show", action="store_true")
    chosen = parser.parse_args()
    options = json.loads(chosen.options)
    outcome: dict[str, Any] = hearing_cost.figures(chosen.seconds) if chosen.only != "words" else {}
    if chosen.only != "words" and packages_are_here():
        outcome |= _diarization.figures()
    if chosen.only != "cost":
        sets = [name for name in chosen.sets.split(",") if name]
        outcome |= asyncio.run(run(sets, chosen.voices.split(","), chosen.pace, options, chosen.show))
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    print(
        json.dumps(
            {
                "name": "hearing",
                "machine": f"{platform.machine()} {platform.processor()} {platform.python_version()}".strip(),
                "commit": commit.stdout.strip(),
                "configuration": {"pace": chosen.pace, "options": options, "opus": "24k"},
                "figures": outcome,
            }
        )
    )


if __name__ == "__main__":
    main()
