"""The ports of hearing. PCM is s16 mono at 16 kHz; positions are samples on the meeting's one timeline."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 16_000

Pcm = NDArray[np.int16]


@dataclass(frozen=True, kw_only=True, slots=True)
class HeardWord:
    start_sample: int
    end_sample: int
    text: str
    confidence: float  # 0..1, the recogniser's own


@dataclass(frozen=True, kw_only=True, slots=True)
class SpeechStarted:
    """Someone began to speak; `start_sample` is the first voiced sample."""

    stream: str  # participant, or "mix"
    start_sample: int


@dataclass(frozen=True, kw_only=True, slots=True)
class SpeechGoesOn:
    """Told about every 100 ms between SpeechStarted and SpeechEnded, pauses included: how it stands at `at_sample`.
    `voiced_samples` counts only what the detector took for voice; `silent_samples` is the pause it stands in now, 0
    while voiced. `text` is what the recogniser makes of it so far and may change; "" where it tells nothing early."""

    stream: str
    start_sample: int
    at_sample: int
    voiced_samples: int
    silent_samples: int
    text: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class SpeechEnded:
    """Enough silence followed. `end_sample` is the sample after the last voiced one; `decided_sample` is when the
    silence was long enough to say so; `arrived_s` when that sound came from the network (`time.monotonic()`), None
    where nobody knows, or it is silence because nothing came."""

    stream: str
    start_sample: int
    end_sample: int
    decided_sample: int
    arrived_s: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Utterance:
    """The words of one stretch of speech, final. `text` may be empty: noise was speech to the detector only.
    `recognised_s` is the wall time from SpeechEnded to the words. `missed` where the recogniser was too slow for them:
    the words it had told early, or ""."""

    stream: str
    start_sample: int
    end_sample: int
    text: str
    words: tuple[HeardWord, ...]
    confidence: float
    recognised_s: float
    alternatives: tuple[str, ...] = ()  # other readings of the same sound, likelier ones first
    missed: str | None = None


HearingEvent = SpeechStarted | SpeechGoesOn | SpeechEnded | Utterance


@dataclass(frozen=True, kw_only=True, slots=True)
class Recognised:
    """What a recogniser made of one stretch of speech. `alternatives`: other readings, likelier ones first."""

    text: str
    words: tuple[HeardWord, ...]
    confidence: float
    alternatives: tuple[str, ...] = ()


class HearingError(Exception):
    """The recogniser cannot go on."""

    code = "hearing_error"
    retryable = True


class RecogniserSlow(HearingError):
    """The recogniser gave no answer in time; it may answer the next."""

    code = "recogniser_slow"


class Recogniser(Protocol):
    """Speech to words, streaming, in its own process; decodes while the speech goes on so that the end comes fast."""

    name: str
    grade: str  # "demo" or "production": shown to users as it is

    async def start(self, stream: str, start_sample: int) -> None:
        """A stretch of speech begins on `stream`. Raises HearingError."""
        ...

    async def feed(self, stream: str, pcm: Pcm) -> None:
        """The next sound of it, without gaps."""
        ...

    async def finish(self, stream: str) -> Recognised:
        """It ended. Raises RecogniserSlow after 10 s without an answer, HearingError when there can be none."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *exc: object) -> None: ...


@runtime_checkable
class EarlyWords(Protocol):
    """What a recogniser also is when it can tell words before the end of a stretch."""

    def partial(self, stream: str) -> str:
        """The latest it made known of the stretch going on; "" when nothing yet, or none goes on. Never waits."""
        ...


@runtime_checkable
class Mortal(Protocol):
    """What a recogniser also is when it works in a process that can end by itself."""

    async def until_died(self) -> None:
        """Returns when it has; of no use once the recogniser is left."""
        ...


class EchoRemoval(Protocol):
    """Keeps our own voice out of what is heard. Positions are the meeting's; neither call waits."""

    def played(self, start_sample: int, pcm: Pcm) -> None:
        """Sound that leaves our device at `start_sample`; silence need not be told. Before its echo is cleaned."""
        ...

    def clean(self, stream: str, start_sample: int, pcm: Pcm) -> Pcm:
        """The next sound of one stream without our voice; same length."""
        ...


class Ears(Protocol):
    """Streams of sound in, hearing events out, in order per stream."""

    @property
    def dropped_s(self) -> float:
        """Sound dropped because the ears were behind, in all, in seconds of sound."""
        ...

    def feed(self, stream: str, start_sample: int, pcm: Pcm, *, arrived_s: float | None = None) -> None:
        """The next 20 ms of one stream, which came from the network at `arrived_s` (`time.monotonic()`); gaps in
        `start_sample` are silence. Never waits; bounded, drops oldest."""
        ...

    def events(self) -> AsyncIterator[HearingEvent]:
        """One consumer. Ends when the ears are closed; raises HearingError."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *exc: object) -> None: ...
