"""A voice that gives only sound: flite, a program of its own, asked once a clause. No weights beside it, no network.

It stands for every speech service that answers text with sound and nothing else; when its sounds are said is found by
alignment (`bot/voice/align.py`). Debian: `flite`.
"""

from __future__ import annotations

import asyncio
import tempfile
import wave
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from shutil import which
from typing import Self

import numpy as np

from bot.clauses import split_clauses
from bot.voice.base import SpokenClause, UnknownVoice, VoiceError
from bot.voice.text import c_bytes
from bot.voice.trim import trimmed

VOICES = ("slt", "rms", "awb", "kal16")
SAY_TIMEOUT_S = 10.0


class FliteVoice:
    """`voice` is flite's name of one of its voices; all of them speak American English."""

    def __init__(self, voice: str = "slt") -> None:
        if voice not in VOICES:
            raise UnknownVoice(f"flite has no voice {voice!r}; there are: {', '.join(VOICES)}")
        self.name = f"flite:{voice}"
        self._voice = voice
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    async def say(self, text: str) -> AsyncIterator[SpokenClause]:
        """Raises VoiceError."""
        for clause in split_clauses(text):
            found = await asyncio.to_thread(trimmed, *await self._said(clause), clause)
            if found is not None:
                yield SpokenClause(text=clause, pcm=found.pcm, phonemes=None, words=None)

    async def _said(self, text: str) -> tuple[np.ndarray, int]:
        if self._folder is None:
            raise VoiceError("the voice is not open")
        out = Path(self._folder.name) / "said.wav"
        process = await asyncio.create_subprocess_exec(
            "flite", "-voice", self._voice, "-t", c_bytes(text), "-o", str(out),
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            async with asyncio.timeout(SAY_TIMEOUT_S):
                failed = await process.wait()
        except TimeoutError as error:
            raise VoiceError(f"flite gave no sound in {SAY_TIMEOUT_S:.0f} s") from error
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if failed:
            raise VoiceError(f"flite ended with {failed}")
        return _read(out)

    async def __aenter__(self) -> Self:
        """Raises VoiceError where the program is missing."""
        if which("flite") is None:
            raise VoiceError("flite is not installed")
        self._folder = tempfile.TemporaryDirectory(prefix="flite-")
        return self

    async def __aexit__(self, *exc: object) -> None:
        folder, self._folder = self._folder, None
        if folder is not None:
            folder.cleanup()


def _read(path: Path) -> tuple[np.ndarray, int]:
    try:
        with wave.open(str(path)) as said:
            return np.frombuffer(said.readframes(said.getnframes()), "<i2").astype(np.int16), said.getframerate()
    except (OSError, EOFError, wave.Error) as error:
        raise VoiceError("flite wrote no sound") from error
