"""The port of diarization: the mix in, stretches of speakers out. Positions are 16 kHz samples on the timeline.

A diarizer knows voices, no names and no platform. It runs behind the conversation and never holds it up: an answer is
given first, who had asked is known a second or two later.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol, Self

from bot.hearing.base import HearingError, Pcm


@dataclass(frozen=True, kw_only=True, slots=True)
class SpeakerSpan:
    """One speaker's voice from `start_sample` to `end_sample`; spans of several speakers may overlap. `speaker` is
    stable in this meeting ("A", "B", ...). `supersedes` names earlier spans this one corrects: they no longer hold."""

    span: int  # counts up from 1
    speaker: str
    start_sample: int
    end_sample: int
    confidence: float  # 0..1
    supersedes: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Withdrawn:
    """Earlier spans that turned out to be nobody's voice."""

    spans: tuple[int, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Frontier:
    """All that was said before `sample` has been told; only corrections may still come."""

    sample: int
    dropped_samples: int = 0  # never looked at because the diarizer was behind, in all


DiarizationEvent = SpeakerSpan | Withdrawn | Frontier


class DiarizerMissing(HearingError):
    """The diarizer's packages or its model are not here; `understudy doctor` says how to get them."""

    code = "diarizer_missing"
    retryable = False


class Diarizer(Protocol):
    """Runs in a process of its own. Entered, fed, left."""

    def feed(self, start_sample: int, pcm: Pcm) -> None:
        """The next 20 ms of the mix; gaps are silence. Never waits; bounded, late windows are dropped and counted."""
        ...

    def events(self) -> AsyncIterator[DiarizationEvent]:
        """One consumer. Ends when left; raises HearingError."""
        ...

    async def __aenter__(self) -> Self:
        """Raises DiarizerMissing, HearingError."""
        ...

    async def __aexit__(self, *exc: object) -> None: ...
