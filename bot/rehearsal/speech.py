"""Questions as sound: a synthetic voice that the bot has never heard, as the asker's microphone will carry it."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import wave
from pathlib import Path

import numpy as np
import soxr

from bot.errors import Unavailable
from bot.rehearsal.measure import Pcm

RATE_HZ = 48_000
LEVEL_DBFS = -22.0  # of the speech as a whole: a person at a usual distance
PEAK = 0.9
SYNTHESIS_TIMEOUT_S = 20.0

VOICES: dict[str, tuple[str, ...]] = {  # the command; {text} and {wave} are files
    "slt": ("flite", "-voice", "slt", "-f", "{text}", "-o", "{wave}"),
    "rms": ("flite", "-voice", "rms", "-f", "{text}", "-o", "{wave}"),
    "awb": ("flite", "-voice", "awb", "-f", "{text}", "-o", "{wave}"),
    "kal16": ("flite", "-voice", "kal16", "-f", "{text}", "-o", "{wave}"),
    "espeak-m3": ("espeak-ng", "-v", "en-gb+m3", "-s", "150", "-f", "{text}", "-w", "{wave}"),
    "espeak-f4": ("espeak-ng", "-v", "en-us+f4", "-s", "150", "-f", "{text}", "-w", "{wave}"),
    "espeak": ("espeak-ng", "-v", "en-us", "-s", "150", "-f", "{text}", "-w", "{wave}"),
}


class VoiceMissing(Unavailable):
    """The asker's voice is not installed; `understudy doctor` says how to get it."""

    code = "voice_missing"


async def synthesise(text: str, *, voice: str = "slt") -> Pcm:
    """The text spoken: s16 mono at 48 kHz, at a person's level. Raises VoiceMissing."""
    with tempfile.TemporaryDirectory(prefix="understudy-asker-") as folder:
        spoken, text_file = Path(folder, "line.wav"), Path(folder, "line.txt")
        await asyncio.to_thread(text_file.write_text, text + "\n", encoding="utf-8")
        await _run([part.format(text=text_file, wave=spoken) for part in VOICES[voice]])
        return await asyncio.to_thread(_levelled, spoken)


async def _run(command: list[str]) -> None:
    if shutil.which(command[0]) is None:
        raise VoiceMissing(f"{command[0]} is not installed; `understudy doctor` says how to get it")
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(SYNTHESIS_TIMEOUT_S):
            _, errors = await process.communicate()
    except TimeoutError as error:
        process.kill()
        await process.wait()
        raise VoiceMissing(f"{command[0]} did not answer within {SYNTHESIS_TIMEOUT_S:.0f} s") from error
    if process.returncode:
        raise VoiceMissing(f"{command[0]} failed: {errors.decode(errors='replace').strip()[:200]}")


def _levelled(path: Path) -> Pcm:
    with wave.open(str(path), "rb") as file:
        rate_hz = file.getframerate()
        raw = np.frombuffer(file.readframes(file.getnframes()), np.int16).reshape(-1, file.getnchannels())
    speech = soxr.resample(raw.mean(axis=1) / 32768.0, rate_hz, RATE_HZ)
    loud = np.abs(speech) > 0.01
    level = float(np.sqrt(np.mean(speech[loud] ** 2))) if loud.any() else 1.0
    gain = min(10.0 ** (LEVEL_DBFS / 20.0) / level, PEAK / max(1e-9, float(np.abs(speech).max())))
    samples: Pcm = np.round(speech * gain * 32767.0).astype(np.int16)
    return samples
