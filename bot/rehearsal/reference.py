"""An answer rendered once more, off-line: the sound and the mouth exactly as they leave the engine, in time.

Knows the voice and the engine, no meeting. The picture is the engine's own, before any badge, codec or scaling; only
how the mouth opens over time is taken from it.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np

from bot.rehearsal.eyes import Box
from bot.rehearsal.measure import Luma, Series, Sound, dark_area
from bot.voice.base import Mark
from bot.voice.registry import open_voice
from engine.api import (
    SPEECH_RATE_HZ,
    AvBlock,
    CharacterAssets,
    Likeness,
    Phoneme,
    Session,
    SpeechTiming,
    VideoFormat,
    open_engine,
)

TAIL_S = 0.5  # of silence rendered after the last sound
LONGEST_S = 90.0
FPS = 24


@dataclass(frozen=True, kw_only=True, slots=True)
class Reference:
    mouth: Series = field(repr=False)
    sound: Sound = field(repr=False)


def mouth_box(record: Path) -> Box:
    """Where the mouth is in the picture of a prepared character: x, y, width, height as shares of it."""
    box = json.loads((record / "record.json").read_text())["mouth_box"]
    return (float(box[0]), float(box[1]), float(box[2]), float(box[3]))


def crop(frame: Luma, box: Box) -> Luma:
    """The box's luma of an I420 frame of shape (height * 3 // 2, width), copied."""
    height, width = frame.shape[0] * 2 // 3, frame.shape[1]
    left, top = round(box[0] * width), round(box[1] * height)
    return frame[top : top + round(box[3] * height), left : left + round(box[2] * width)].copy()


class Renderer:
    """Answers of one character, said and rendered again, one after the other, by a voice and an engine of its own.

    `folder` is the character's, `size` as in "640x360". The engine starts with the first answer."""

    def __init__(self, folder: Path, size: str) -> None:
        told = tomllib.loads((folder / "character.toml").read_text(encoding="utf-8"))
        width, height = (int(number) for number in size.split("x"))
        self._video = VideoFormat(width=width, height=height, fps=FPS)
        self._box = mouth_box(folder / told["record"])
        self._character = CharacterAssets(
            character_id=folder.name,
            image=folder / told["image"],
            record=folder / told["record"],
            likeness=Likeness(told["likeness"]),
        )
        self._voice = open_voice(told["voice"])
        self._session: Session | None = None
        self._blocks: AsyncIterator[AvBlock] | None = None
        self._epoch = 0

    async def __aenter__(self) -> Self:
        """Raises VoiceError."""
        await self._voice.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._session is not None:
            await self._session.aclose()
        await self._voice.__aexit__(*exc)

    async def render(self, text: str) -> Reference:
        """The text without a pause between its clauses. Raises VoiceError, EngineError."""
        if self._session is None:
            self._session = await open_engine("portrait").open(self._character, self._video)
            self._blocks = self._session.blocks()
        self._epoch += 1
        wanted = 0
        async for clause in self._voice.say(text):
            timing = None if clause.phonemes is None else _timing(clause.phonemes)
            await self._session.speak(clause.pcm, timing=timing, epoch=self._epoch)
            wanted += len(clause.pcm)
        return await self._taken(wanted)

    async def _taken(self, wanted: int) -> Reference:
        """The blocks until all `wanted` samples of this epoch are voiced, and a little more."""
        assert self._session is not None and self._blocks is not None
        video, sounds, mouths = self._session.video, [], []
        left = round(TAIL_S * SPEECH_RATE_HZ / video.samples_per_block)
        most = round(LONGEST_S * SPEECH_RATE_HZ / video.samples_per_block)
        async for block in self._blocks:
            sounds.append(block.sound.copy())  # a block's arrays are the engine's again two blocks later
            mouths += [crop(frame, self._box) for frame in block.frames]
            left -= block.epoch == self._epoch and block.spoken_to >= wanted
            if left < 0 or len(sounds) >= most:
                break
        times_s = np.arange(len(mouths), dtype=np.float64) * video.samples_per_frame / SPEECH_RATE_HZ
        return Reference(
            mouth=Series(times_s=times_s, values=dark_area(mouths)),
            sound=Sound(pcm=np.concatenate(sounds), rate_hz=SPEECH_RATE_HZ, start_s=0.0),
        )


def _timing(marks: Sequence[Mark]) -> SpeechTiming:
    return SpeechTiming(phonemes=tuple(Phoneme(start=m.start, end=m.end, symbol=m.text) for m in marks))
