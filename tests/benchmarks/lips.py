"""Do the lips shut for p, b and m? With phoneme times, by alignment, and from sound alone on voices that calibrated
nothing.

python -m tests.benchmarks.lips                measures
python -m tests.benchmarks.lips --calibrate    makes engine/lipsync/closures.npz anew, then measures

Texts are the shipped characters' knowledge, some to calibrate and others to measure; voices are espeak-ng's and
flite's, of which flite knows when each sound ends. A closure counts when a frame within 45 ms of it shows shut lips.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import subprocess
import tempfile
import wave
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import soxr

from bot.voice.align import aligned
from bot.voice.registry import open_voice
from engine.api import SPEECH_RATE_HZ, Phoneme, SpeechTiming
from engine.lipsync import closures
from engine.lipsync.track import MouthTrack
from engine.lipsync.visemes import visemes_of
from tests.benchmarks._report import report

LIBRARY = Path(__file__).parents[2] / "bot" / "library"
CALIBRATING = ("en-us", "en-us+m1", "en-us+m3", "en-us+m7", "en-us+f1", "en-us+f2", "en-us+f4", "en-gb-x-rp",
               "en-gb-x-rp+m4", "en-gb-x-rp+f3")  # fmt: skip
UNSEEN = ("en-us+m2", "en-us+f5", "en-gb-x-rp+m6")
FLITE = ("slt", "rms", "awb", "kal16")
TOLERANCE_S = 0.045
SHUT = 0.02  # of the mouth's width
_FLITE_CLOSED, _FLITE_OPEN = {"p", "b", "m"}, {"aa", "ae", "ah", "ao", "ay", "aw", "eh", "ey", "ow"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    pcm: np.ndarray  # 24 kHz, int16
    closed: list[tuple[float, float]]  # seconds
    open: list[tuple[float, float]]
    timing: SpeechTiming | None


def sentences(*characters: str) -> list[str]:
    texts = [path.read_text() for name in characters for path in sorted((LIBRARY / name / "knowledge").glob("*.md"))]
    lines = [line for text in texts for line in text.splitlines() if line and not line.startswith("#")]
    return [part for line in lines for part in re.split(r"(?<=[.:;?!]) ", line) if 25 < len(part) < 110]


async def by_espeak(voice: str, texts: list[str]) -> list[Said]:
    said = []
    async with open_voice(f"espeak:{voice}") as speaker:
        for text in texts:
            async for clause in speaker.say(text):
                marks = clause.phonemes or ()
                timing = SpeechTiming(phonemes=tuple(Phoneme(start=m.start, end=m.end, symbol=m.text) for m in marks))
                spans = [(m.start / SPEECH_RATE_HZ, m.end / SPEECH_RATE_HZ, visemes_of(m.text)[0][0]) for m in marks]
                said.append(
                    Said(
                        pcm=clause.pcm,
                        closed=[(a, b) for a, b, viseme in spans if viseme == "closed"],
                        open=[(a, b) for a, b, viseme in spans if viseme in ("open", "mid")],
                        timing=timing,
                    )
                )
    return said


def by_flite(voice: str, texts: list[str]) -> list[Said]:
    said = []
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "said.wav"
        for text in texts:
            done = subprocess.run(["flite", "-voice", voice, "-psdur", "-t", text, "-o", str(out)], capture_output=True,
                                  text=True, timeout=30)  # fmt: skip
            with wave.open(str(out)) as file:
                rate, data = file.getframerate(), file.readframes(file.getnframes())
            pcm = soxr.resample(np.frombuffer(data, "<i2"), rate, SPEECH_RATE_HZ)
            ends = [(phone, float(end)) for phone, end in re.findall(r"([a-z]+):([0-9.]+)", done.stdout)]
            spans = [(before, end, phone) for (_, before), (phone, end) in zip([("", 0.0), *ends], ends, strict=False)]
            said.append(
                Said(
                    pcm=pcm.astype(np.int16),
                    closed=[(a, b) for a, b, phone in spans if phone in _FLITE_CLOSED],
                    open=[(a, b) for a, b, phone in spans if phone in _FLITE_OPEN and b > a],
                    timing=None,
                )
            )
    return said


async def with_alignment(all_said: list[Said], texts: list[str]) -> list[Said]:
    """The same sound with times found by laying the embedded voice over it, where that succeeds."""
    found = []
    async with open_voice() as knowing:
        for said, text in zip(all_said, texts, strict=True):
            spoken = [clause async for clause in knowing.say(text)]
            marks = aligned(said.pcm, spoken)
            phonemes = tuple(Phoneme(start=m.start, end=m.end, symbol=m.text) for m in marks[0]) if marks else ()
            found.append(replace(said, timing=SpeechTiming(phonemes=phonemes)))
    return found


def opens_of(said: Said, *, timed: bool) -> np.ndarray:
    """How far the lips are apart in each frame."""
    track, block = MouthTrack(fps=24), 4000
    track.learn(said.timing if timed else None, 0, len(said.pcm))
    opens: list[float] = []
    for start in range(0, len(said.pcm), block):
        sound = np.zeros(block, np.int16)
        part = said.pcm[start : start + block]
        sound[: len(part)] = part
        opens += [mouth.open for mouth in track.frames(sound, start, start + len(part))]
    return np.array(opens)


def counted(all_said: list[Said], *, timed: bool) -> dict[str, float]:
    """Shares of closures seen, and of open vowels that never open."""
    seen = closed = wrong = opened = 0
    for said in all_said:
        opens = opens_of(said, timed=timed)
        at = (np.arange(len(opens)) + 0.5) / 24
        for start, end in said.closed:
            near = opens[(at > start - TOLERANCE_S) & (at < end + TOLERANCE_S)]
            closed, seen = closed + 1, seen + bool(len(near) and near.min() < SHUT)
        for start, end in said.open:
            inside = opens[(at > start) & (at < end + 1 / 24)]
            opened, wrong = opened + 1, wrong + bool(len(inside) and inside.max() < SHUT)
    return {"closures": closed, "shut": round(seen / closed, 3), "vowels_wrongly_shut": round(wrong / opened, 3)}


def windows_of(all_said: list[Said], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """What the network sees, at other levels and with some noise, and whether the lips are shut then."""
    seen, shut = [], []
    for said in all_said:
        windows = closures.Windows()
        pcm = said.pcm / 32768.0 * rng.uniform(0.4, 1.6)
        pcm = pcm + rng.normal(0, 10 ** rng.uniform(-4.5, -2.8), len(pcm))
        for number, at in enumerate(range(0, len(pcm) - closures.HOP + 1, closures.HOP)):
            row = windows.step(pcm[at : at + closures.HOP])
            middle = (at + closures.HOP - closures.WINDOW / 2) / SPEECH_RATE_HZ
            if number % 2 == 0 or any(a < middle < b for a, b in said.closed):
                seen.append(row.astype(np.float32))
                shut.append(any(a < middle < b for a, b in said.closed))
    return np.array(seen), np.array(shut, np.float32)


def tilted(seen: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The same sounds through another throat and microphone: bands tilted, bent and shifted."""
    rows = seen.reshape(len(seen), closures.CONTEXT, -1).copy()
    u = np.linspace(-1, 1, closures.BANDS)
    change = rng.normal(0, 1.0, (len(rows), 1, 1)) * u + rng.normal(0, 0.6, (len(rows), 1, 1)) * (u * u - 0.3)
    rows[..., : closures.BANDS] += change + rng.normal(0, 0.3, (len(rows), 1, closures.BANDS))
    shift = rng.integers(-1, 2, len(rows))
    for by in (-1, 1):
        rows[shift == by, :, : closures.BANDS] = np.roll(rows[shift == by, :, : closures.BANDS], by, axis=-1)
    return rows.reshape(seen.shape)


def calibrated(seen: np.ndarray, shut: np.ndarray, hidden: int = 40) -> dict[str, np.ndarray]:
    """One hidden layer by Adam; closures weigh more, since they are few."""
    rng = np.random.default_rng(0)
    mean, spread = seen.mean(0), seen.std(0) + 1e-3
    weights = [rng.normal(0, np.sqrt(2 / seen.shape[1]), (seen.shape[1], hidden)), np.zeros(hidden),
               rng.normal(0, 0.1, (hidden, 1)), np.zeros(1)]  # fmt: skip
    first, second = [np.zeros_like(w) for w in weights], [np.zeros_like(w) for w in weights]
    heavier = 0.35 * (1 - shut.mean()) / shut.mean()
    steps, batch, step = 12 * len(seen) // 512, 512, 0
    for step in range(1, steps + 1):
        rows = rng.integers(0, len(seen), batch)
        x = (tilted(seen[rows], rng) - mean) / spread
        h = np.maximum(x @ weights[0] + weights[1], 0)
        wanted = shut[rows, None]
        off = (1 / (1 + np.exp(-(h @ weights[2] + weights[3]))) - wanted) * np.where(wanted > 0, heavier, 1.0) / batch
        back = (off @ weights[2].T) * (h > 0)
        rate = 2e-3 * 0.5 * (1 + np.cos(np.pi * step / steps))
        for n, gradient in enumerate((x.T @ back, back.sum(0), h.T @ off, off.sum(0))):
            gradient = gradient + 1e-5 * weights[n]
            first[n] = 0.9 * first[n] + 0.1 * gradient
            second[n] = 0.999 * second[n] + 0.001 * gradient**2
            weights[n] -= rate * first[n] / (1 - 0.9**step) / (np.sqrt(second[n] / (1 - 0.999**step)) + 1e-8)
    names = ("mean", "spread", "w1", "b1", "w2", "b2")
    return {name: w.astype(np.float32) for name, w in zip(names, (mean, spread, *weights), strict=True)}


async def calibrate() -> None:
    rng = np.random.default_rng(0)
    texts = sentences("iris", "henrik", "cuppa")
    rng.shuffle(texts)
    said: list[Said] = []
    for number, voice in enumerate(CALIBRATING):
        said += await by_espeak(voice, texts[number * 22 : (number + 1) * 22])
    seen, shut = windows_of(said, rng)
    np.savez(Path(closures.__file__).with_name("closures.npz"), **calibrated(seen, shut))


async def measure() -> dict[str, dict[str, float]]:
    texts = sentences("amara", "bramble")[::6][:14]
    figures: dict[str, dict[str, float]] = {}
    for voice in UNSEEN:
        said = await by_espeak(voice, texts)
        figures[f"{voice}, phoneme times"] = counted(said, timed=True)
        figures[f"{voice}, sound alone"] = counted(said, timed=False)
    for voice in FLITE:
        said = by_flite(voice, texts)
        figures[f"flite {voice}, alignment"] = counted(await with_alignment(said, texts), timed=True)
        figures[f"flite {voice}, sound alone"] = counted(said, timed=False)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--calibrate", action="store_true")
    if parser.parse_args().calibrate:
        asyncio.run(calibrate())
    report("lips", {"tolerance_s": TOLERANCE_S, "shut": SHUT}, asyncio.run(measure()))


if __name__ == "__main__":
    main()
