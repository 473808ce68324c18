"""Our own voice as a call gives it back: through Opus, later, quieter; and others talking over it.

`heard_by_ears` plays it all through echo removal and real ears on a clock that stands still, as fast as it goes.
"""

from __future__ import annotations

import asyncio
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soxr

from bot.hearing.base import RATE_HZ, EchoRemoval, Pcm, SpeechGoesOn, SpeechStarted
from bot.hearing.ears import RecognisingEars
from bot.hearing.vad import GateSettings
from tests.bot.clocks import HandClock
from tests.bot.hearing.doubles import Counting

CHUNK = 320
AHEAD = RATE_HZ * 6 // 100  # the device tells what it will play so much earlier
SENTENCES = (
    "Tomatoes want a sunny place, and water in the morning, never on their leaves.",
    "I would wait until the middle of May; cold nights turn the seedlings purple.",
    "Early potatoes can be lifted when the plants flower, about ten weeks after planting.",
    "Good question! Roses are pruned in March, when the forsythia blooms.",
    "Slugs? Go out with a torch after rain, and collect them by hand.",
    "Hydrangeas bloom blue in acid earth, and pink where there is lime.",
    "Compost needs air, so turn it over twice a year, and keep it moist.",
    "Lavender hates wet feet. Give it gravel, sun, and leave it alone.",
)


def own_speech(seconds: float) -> Pcm:
    """The embedded voice without pause but its own, 48 kHz; the speed changes, so that no two minutes are alike."""
    parts: list[Pcm] = []
    while sum(map(len, parts)) < seconds * 48_000:
        rate = str(150 + 5 * len(parts) % 40)
        command = ["espeak-ng", "-v", "en-us+f3", "-s", rate, "--stdout", " ".join(SENTENCES)]
        said = subprocess.run(command, capture_output=True, check=True, timeout=60).stdout
        pcm = np.frombuffer(said[44 : 44 + (len(said) - 44) // 2 * 2], np.int16)
        parts.append(soxr.resample(pcm, 22_050, 48_000))
    return np.concatenate(parts)[: round(seconds * 48_000)]


def at_16_khz(pcm: Pcm) -> Pcm:
    return np.asarray(soxr.resample(pcm, 48_000, RATE_HZ), np.int16)


def through_opus(pcm: Pcm, rate_hz: int = 48_000) -> Pcm:
    """Out of a meeting at 16 kHz."""
    ffmpeg = ["ffmpeg", "-v", "error", "-y"]
    with tempfile.TemporaryDirectory() as folder:
        coded = str(Path(folder) / "coded.ogg")
        raw = ["-f", "s16le", "-ar", str(rate_hz), "-ac", "1", "-i", "-"]
        encode = ["-ar", "48000", "-c:a", "libopus", "-b:a", "24k", coded]
        subprocess.run([*ffmpeg, *raw, *encode], input=pcm.tobytes(), check=True, timeout=300)
        decode = ["-i", coded, "-ar", str(RATE_HZ), "-ac", "1", "-f", "s16le", "-"]
        found = subprocess.run([*ffmpeg, *decode], check=True, capture_output=True, timeout=300)
    return np.frombuffer(found.stdout, np.int16)


def others_speech(voices: Sequence[str] = ("slt", "rms", "awb", "kal16")) -> list[Pcm]:
    """Sentences of other people."""
    said = []
    for voice, sentence in zip(voices, SENTENCES[::-1], strict=False):
        with tempfile.TemporaryDirectory() as folder:
            wav = Path(folder) / "said.wav"
            subprocess.run(["flite", "-voice", voice, "-t", sentence, "-o", str(wav)], check=True, timeout=60)
            pcm = np.frombuffer(wav.read_bytes()[44:], np.int16)
        said.append(through_opus(pcm, 16_000))
    return said


def level(pcm: Pcm) -> float:
    loud = pcm[np.abs(pcm.astype(int)) > 200].astype(float)
    return float(np.sqrt((loud**2).mean())) if len(loud) else 1.0


def delayed(pcm: Pcm, delay_ms: float, gain_db: float, length: int) -> np.ndarray:
    late = np.zeros(length, np.float32)
    at = round(delay_ms * RATE_HZ / 1000)
    late[at:] = pcm[: length - at].astype(np.float32)[: length - at] * 10 ** (gain_db / 20)
    return late


def talk_over(mix: np.ndarray, people: Sequence[Pcm], *, level_of: Pcm, first_s: float) -> list[tuple[int, int]]:
    """Adds people at the level of another sound, two seconds apart; where they begin and end."""
    where, at, number = [], round(first_s * RATE_HZ), 0
    while at + len(people[number % len(people)]) < len(mix):
        said = people[number % len(people)].astype(np.float32)
        said *= level(level_of) / level(people[number % len(people)])
        mix[at : at + len(said)] += said
        where.append((at + int(np.flatnonzero(np.abs(said) > 600)[0]), at + len(said)))
        at += len(said) + 2 * RATE_HZ
        number += 1
    return where


def as_pcm(mix: np.ndarray) -> Pcm:
    return np.clip(mix, -32_768, 32_767).astype(np.int16)


def cleaned(echo: EchoRemoval, mix: Pcm, own: Pcm) -> Pcm:
    """Chunk by chunk, the device a little ahead."""
    out, told = np.zeros_like(mix), 0
    for at in range(0, len(mix) // CHUNK * CHUNK, CHUNK):
        while told < min(at + CHUNK + AHEAD, len(own)):
            piece = own[told : told + 160]
            if piece.any():
                echo.played(told, piece)
            told += len(piece)
        out[at : at + CHUNK] = echo.clean("mix", at, mix[at : at + CHUNK])
    return out


async def speech_heard(pcm: Pcm) -> list[tuple[int, int]]:
    """Where real ears hear someone begin, and when they say so (the stretch's next telling is within 0.1 s)."""
    clock, starts = HandClock(), []
    async with RecognisingEars(Counting(), settings=GateSettings(), clock=clock) as ears:
        taking = asyncio.create_task(_take_starts(ears, starts))
        for at in range(0, len(pcm) // CHUNK * CHUNK, CHUNK):
            ears.feed("mix", at, pcm[at : at + CHUNK])
            clock.advance(CHUNK / RATE_HZ)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        for _ in range(50):
            await asyncio.sleep(0)
        taking.cancel()
    return starts


async def _take_starts(ears: RecognisingEars, starts: list[tuple[int, int]]) -> None:
    """A start is told in the window that decided it: 96 ms before the stretch is first told to go on."""
    begun: int | None = None
    async for event in ears.events():
        if isinstance(event, SpeechStarted):
            begun = event.start_sample
        elif isinstance(event, SpeechGoesOn) and begun == event.start_sample:
            starts.append((begun, event.at_sample - 3 * 512))
            begun = None


def onsets_ms(people: Sequence[tuple[int, int]], starts: Sequence[tuple[int, int]]) -> list[float | None]:
    """How long after each began that was heard; None when never."""
    found: list[float | None] = []
    for begin, end in people:
        told = [decided for _, decided in starts if begin - RATE_HZ // 5 <= decided <= end + RATE_HZ // 2]
        found.append((told[0] - begin) * 1000 / RATE_HZ if told else None)
    return found
