"""The port of the voice. PCM is s16 mono at 24 kHz."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 24_000

Pcm = NDArray[np.int16]


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """One phoneme (IPA) or written word, in samples at 24 kHz from the start of its clause's PCM."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SpokenClause:
    """One clause, synthesised. `phonemes` None: this voice does not know them."""

    text: str
    pcm: Pcm = field(repr=False)
    phonemes: tuple[Mark, ...] | None
    words: tuple[Mark, ...] | None


class VoiceError(Exception):
    """The voice cannot speak."""

    code = "voice_error"
    retryable = True


class UnknownVoice(VoiceError):
    """The voice service has no voice of that name."""

    code = "unknown_voice"
    retryable = False


class Voice(Protocol):
    """Text to sound, in its own process or service. One answer at a time; leading silence is trimmed."""

    name: str

    def say(self, text: str) -> AsyncIterator[SpokenClause]:
        """Clauses in order as they are ready; stopping the iteration stops the work. Raises VoiceError after 10 s
        without sound."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *exc: object) -> None: ...
