"""The engine's contract: what every avatar engine takes, gives and promises. Knows no meeting, no device, no model.

A session is one face that never stops: `blocks()` yields four frames at a time with exactly their sound, speech when
there is some, the listening face when there is none. `tests/engine/contract.py` runs on every implementation.

Sound into `speak` is s16 mono at 24 kHz, sound into `listen` s16 mono at 16 kHz; frames are I420 (ITU-R BT.601,
limited range), one array of shape (frames, height * 3 // 2, width) with the planes Y, U, V stacked as in yuv420p.
"""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

SPEECH_RATE_HZ = 24_000
LISTEN_RATE_HZ = 16_000
FRAMES_PER_BLOCK = 4

Pcm = NDArray[np.int16]
Frames = NDArray[np.uint8]


class EngineError(Exception):
    """The avatar engine cannot go on."""

    code = "engine_error"
    retryable = False


class UnknownEngine(EngineError):
    """No engine of that name is installed; `understudy doctor` lists those that are."""

    code = "unknown_engine"


class BadFormat(EngineError):
    """This engine cannot make that picture size or rate; its `formats` say what it can."""

    code = "bad_format"


class BadCharacter(EngineError):
    """The character's image or record cannot be used; the message says what is wrong with it."""

    code = "bad_character"


class ConsentMissing(EngineError):
    """This character shows a real person, and no valid consent record is attached to it."""

    code = "consent_missing"


class EngineDied(EngineError):
    """The engine's process ended while a session was open."""

    code = "engine_died"
    retryable = True


class SessionClosed(EngineError):
    """The session is closed; open another one."""

    code = "session_closed"


class Likeness(StrEnum):
    """Whom a character's picture shows, as its consent record states."""

    FICTIONAL = "fictional"
    STOCK = "stock"
    SELF = "self"
    CONSENTED = "consented"


@dataclass(frozen=True, kw_only=True, slots=True)
class CharacterAssets:
    """What an engine needs to know of a character. `likeness` None means nobody has said: engines refuse that."""

    character_id: str
    image: Path  # the still the character was made from
    record: Path | None = None  # folder an import step prepared for this engine, when there is one
    likeness: Likeness | None = None
    consent_proof: str | None = None  # reference to the proof; required for SELF and CONSENTED
    consent_expires_at: datetime | None = None  # aware; None: the consent has no end
    seed: int = 0  # of idle motion: the same seed, sound and block count give the same frames


@dataclass(frozen=True, kw_only=True, slots=True)
class VideoFormat:
    """Size in pixels (both even) and whole frames a second; `fps` divides 24000 so a frame has whole samples."""

    width: int
    height: int
    fps: int

    def __post_init__(self) -> None:
        if self.width <= 0 or self.height <= 0 or self.width % 2 or self.height % 2:
            raise BadFormat(f"width and height must be positive and even, not {self.width}x{self.height}")
        if self.fps <= 0 or SPEECH_RATE_HZ % self.fps:
            raise BadFormat(f"fps must divide {SPEECH_RATE_HZ}, {self.fps} does not")

    @property
    def samples_per_frame(self) -> int:
        return SPEECH_RATE_HZ // self.fps

    @property
    def samples_per_block(self) -> int:
        return FRAMES_PER_BLOCK * self.samples_per_frame

    @property
    def frame_shape(self) -> tuple[int, int]:
        return self.height * 3 // 2, self.width


@dataclass(frozen=True, kw_only=True, slots=True)
class Phoneme:
    """One sound of speech: samples at 24 kHz from the start of the PCM it came with, and its IPA symbol."""

    start: int
    end: int
    symbol: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Word:
    """One written word: samples at 24 kHz from the start of the PCM it came with."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SpeechTiming:
    """When each phoneme (and word, where the voice knows) sounds. Sorted by start, not overlapping."""

    phonemes: tuple[Phoneme, ...]
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class AvBlock:
    """Four frames with exactly their sound; parted only at the device.

    `index` numbers blocks of a session from 0 without gaps: frame k of the block is media frame 4 * index + k, its
    sound begins at media sample index * samples_per_block. `spoken_from`..`spoken_to` say which samples of all the
    PCM given to `speak` under `epoch` the block voices; equal when it voices none.
    """

    epoch: int
    index: int
    frames: Frames  # (4, height * 3 // 2, width) uint8, read-only
    sound: Pcm  # (4 * samples_per_frame,) int16 at 24 kHz, read-only
    spoken_from: int
    spoken_to: int

    @property
    def voiced(self) -> bool:
        return self.spoken_to > self.spoken_from


class Session(Protocol):
    """One live face. Methods are called from one event loop; none blocks it."""

    @property
    def video(self) -> VideoFormat:
        """The session's own rate and size, which may differ from what was asked of the engine."""
        ...

    async def speak(self, pcm: Pcm, *, timing: SpeechTiming | None, epoch: int) -> None:
        """Queue speech behind what is queued. Waits while 60 s are queued. PCM of an epoch older than the newest one
        seen (by `speak` or `interrupt`) is dropped without an error; a newer epoch interrupts the older one first.
        Raises SessionClosed, EngineDied."""
        ...

    def listen(self, pcm: Pcm, *, speaker_id: str | None = None, gaze_xy: tuple[float, float] | None = None) -> None:
        """What the others say, as it is heard; drives nods and gaze (-1..1, x to the picture's right, y down, 0 = the
        camera). No sound is nothing heard, and a gaze all the same. Never waits: what cannot be taken in time is
        dropped."""
        ...

    def interrupt(self, epoch: int) -> None:
        """Forget all speech older than `epoch`: every block made from now on carries `epoch` or newer and none of
        the older sound. The mouth closes over the next frames. Idempotent."""
        ...

    def blocks(self) -> AsyncIterator[AvBlock]:
        """The endless stream, one consumer. A block is made when it is asked for, at most one ahead, so that speech
        starts in the next block but one at the latest. The arrays of a block stay valid until two more blocks have
        been taken; copy what is kept longer. Ends after `aclose`; raises EngineDied."""
        ...

    async def aclose(self) -> None:
        """End the stream and free what the session holds. Safe twice."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *exc: object) -> None: ...


class Engine(Protocol):
    """Makes sessions. Opening one may take seconds (a process, a model); it is ready to stream when `open` returns."""

    name: str

    async def open(self, character: CharacterAssets, video: VideoFormat) -> Session:
        """Raises BadFormat, BadCharacter, ConsentMissing, EngineDied."""
        ...


def require_consent(character: CharacterAssets) -> None:
    """Every engine calls this first: a real person's likeness runs only with a consent record."""
    if character.likeness is None:
        raise ConsentMissing(f"character {character.character_id}: nobody stated whose likeness the image is")
    proof = (character.consent_proof or "").strip()
    if character.likeness in (Likeness.SELF, Likeness.CONSENTED) and not proof:
        raise ConsentMissing(f"character {character.character_id}: likeness is {character.likeness}, proof is missing")
    if character.consent_expires_at is not None and character.consent_expires_at <= datetime.now(UTC):
        raise ConsentMissing(f"character {character.character_id}: the consent to show this likeness has expired")


ENGINES: dict[str, tuple[str, str]] = {  # name: (module, what makes the engine)
    "portrait": ("engine.portrait.engine", "PortraitEngine"),
    "diffusion": ("engine.diffusion.engine", "checkpoint_engine"),
    "diffusion-tiny": ("engine.diffusion.engine", "tiny_engine"),
    "remote": ("engine.standby", "remote_engine"),
}


def open_engine(name: str, **options: Any) -> Engine:
    """The engine called `name` ("portrait"), imported only now. Raises UnknownEngine."""
    if name not in ENGINES:
        raise UnknownEngine(f"no engine is called {name!r}; there are: {', '.join(ENGINES)}")
    module, maker = ENGINES[name]
    engine: Engine = getattr(importlib.import_module(module), maker)(**options)
    return engine
