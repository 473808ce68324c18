"""The embedded voice: espeak-ng in its own process, with exact phoneme and word times. Robotic, instant, no weights.

Each clause is one question to the process; sound comes back at 22050 Hz, is resampled to 24 kHz, and loses its leading
silence. Trailing silence is kept as the pause its punctuation asks for, so clauses can be played back to back.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from bot.child import Child, ChildDied, ChildTimedOut
from bot.clauses import split_clauses
from bot.voice.base import RATE_HZ, Mark, Pcm, SpokenClause, UnknownVoice, VoiceError
from bot.voice.trim import trimmed

SAY_TIMEOUT_S = 10.0
START_TIMEOUT_S = 10.0
Place = Callable[[int], int]  # a sample of espeak-ng's sound, in ours


@dataclass(frozen=True, kw_only=True, slots=True)
class EspeakStyle:
    """Units are espeak-ng's: words a minute, and 0..99 of the voice's own range (volume 0..200)."""

    rate: int = 158
    pitch: int = 52
    pitch_range: int = 58
    volume: int = 100


class EspeakVoice:
    """`voice` is espeak-ng's name of a voice, with a variant after a plus sign: "en-us+f3"."""

    def __init__(self, voice: str = "en-us+f3", *, style: EspeakStyle | None = None) -> None:
        self.name = f"espeak:{voice}"
        self._voice = voice
        self._style = style or EspeakStyle()
        self._child: Child | None = None

    @property
    def pid(self) -> int | None:
        """Of the process that speaks, while there is one."""
        return self._child.pid if self._child else None

    async def say(self, text: str) -> AsyncIterator[SpokenClause]:
        """Raises VoiceError, UnknownVoice."""
        for clause in split_clauses(text):
            answer, sound = await self._ask(
                {
                    "do": "say",
                    "text": clause,
                    "rate": self._style.rate,
                    "pitch": self._style.pitch,
                    "pitch_range": self._style.pitch_range,
                    "volume": self._style.volume,
                },
                timeout_s=SAY_TIMEOUT_S,
            )
            pcm = np.frombuffer(sound, np.int16)
            spoken = await asyncio.to_thread(_spoken, clause, pcm, answer)
            if spoken is not None:
                yield spoken

    async def pronounce(self, words: Sequence[str]) -> dict[str, str]:
        """IPA of written words. Raises VoiceError."""
        answer, _ = await self._ask({"do": "pronounce", "words": list(words)}, timeout_s=SAY_TIMEOUT_S)
        return dict(answer["ipa"])

    async def _ask(self, request: dict[str, Any], *, timeout_s: float) -> tuple[dict[str, Any], bytes]:
        if self._child is None:
            raise VoiceError("the voice is not open")
        try:
            answer, body = await self._child.ask({**request, "voice": self._voice}, timeout_s=timeout_s)
        except (ChildDied, ChildTimedOut) as error:
            await self._restart()  # the next clause finds a fresh process
            raise VoiceError(f"espeak-ng: {error}") from error
        if answer.get("error") == "unknown_voice":
            raise UnknownVoice(f"espeak-ng has no voice {self._voice!r}; `espeak-ng --voices` lists them")
        return answer, body

    async def _restart(self) -> None:
        if self._child is not None:
            await self._child.aclose()
            self._child = Child(["bot.voice.espeak_process"])
            await self._child.start()

    async def __aenter__(self) -> Self:
        """Raises UnknownVoice, and VoiceError where the library is missing."""
        self._child = Child(["bot.voice.espeak_process"])
        await self._child.start()
        try:
            await self._ask({"do": "pronounce", "words": []}, timeout_s=START_TIMEOUT_S)
        except VoiceError:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *exc: object) -> None:
        child, self._child = self._child, None
        if child is not None:
            await child.aclose()


def _spoken(text: str, pcm: Pcm, answer: dict[str, Any]) -> SpokenClause | None:
    found = trimmed(pcm, answer["rate_hz"], text)
    if found is None:
        return None
    scale, begin, voiced = RATE_HZ / answer["rate_hz"], found.begin, found.voiced

    def place(sample: int) -> int:
        at: int = round(sample * scale) - begin
        return min(max(at, 0), voiced)

    phonemes = _phonemes(answer["phonemes"], place, voiced)
    words = _words(text, answer["words"], phonemes, place)
    return SpokenClause(text=text, pcm=found.pcm, phonemes=phonemes, words=words)


def _phonemes(events: Sequence[Sequence[Any]], place: Place, end: int) -> tuple[Mark, ...]:
    """Events are (sample, symbol); an empty symbol is a pause and ends the sound before it."""
    starts = [place(sample) for sample, _ in events] + [end]
    marks = (
        Mark(start=start, end=following, text=symbol)
        for start, following, (_, symbol) in zip(starts, starts[1:], events, strict=False)
        if symbol.strip("ˈˌ ")
    )
    return tuple(mark for mark in marks if mark.end > mark.start)


def _words(text: str, events: Sequence[Sequence[int]], phonemes: Sequence[Mark], place: Place) -> tuple[Mark, ...]:
    """Events are (sample, position in the text, length). A word ends with its last phoneme, before the next word."""
    starts: list[tuple[int, str]] = []
    read_to = 0
    for sample, at, length in events:
        if length > 0 and at >= read_to:  # a number said in several words has one event for each, all on the same text
            starts.append((place(sample), text[at : at + length]))
            read_to = at + length
    limits = [start for start, _ in starts[1:]] + [phonemes[-1].end if phonemes else 0]
    marks = []
    for (start, word), limit in zip(starts, limits, strict=True):
        end = max((p.end for p in phonemes if start <= p.start < limit), default=limit)
        if min(end, limit) > start and word.strip():
            marks.append(Mark(start=start, end=min(end, limit), text=word))
    return tuple(marks)
