"""Keeps our own voice out of what is heard: out of a mix, and of the stream of someone whose loudspeaker returns it.

Per stream: whether our voice comes back, and how much later, is found by correlation with what was played. Until that
is known the stream is silenced while our voice may be in it; from then on a canceller takes it out and leaves others
talking over us. A stream without echo is not touched. Nothing is done, and nothing costs, while we are silent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

import numpy as np

from bot.hearing.base import RATE_HZ, Pcm
from bot.hearing.echo_delay import MAX_DELAY_SAMPLES, WINDOW_SAMPLES, Likeness, find_delay
from bot.hearing.played import PlayedSound
from bot.hearing.residue import ResidueGate
from bot.log import get_log

MAX_STREAMS = 32
TAIL_SAMPLES = RATE_HZ * 4 // 10  # how long a room sounds after us

log = get_log(__name__)


class NoCanceller:
    """Where none is installed: knowing what was played when, and how loud it comes back, has to do. With
    `WITHOUT_CANCELLER` only someone clearly louder than our echo is heard while we speak."""

    def process(self, heard: Pcm, played: Pcm) -> Pcm:
        return heard


class Canceller(Protocol):
    """Takes the echo of `played` out of `heard`, same length; the echo comes some milliseconds after its original."""

    def process(self, heard: Pcm, played: Pcm) -> Pcm: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class EchoSettings:
    surely: float = 12.0  # strength of a correlation that is an echo
    hardly: float = 8.5  # below: none
    first_look: int = RATE_HZ * 3 // 10  # least sound to look for an echo in
    no_echo_after: int = RATE_HZ // 2  # of sound into which our voice must have come back by now
    undecided_until: int = RATE_HZ * 3 // 2
    look_again: int = RATE_HZ // 4
    look_again_unknown: int = RATE_HZ * 8 // 100
    lead: int = RATE_HZ * 20 // 1000  # how much earlier than its echo the canceller is given the original
    slack: int = RATE_HZ // 1000  # the lead may be off by so much; clocks drift, and calls stretch time
    jump: int = RATE_HZ * 10 // 1000  # a change the canceller has to learn anew
    settling_first: int = RATE_HZ  # silenced while a canceller learns its path
    settling_again: int = RATE_HZ * 3 // 10
    over_db: float = -16.0  # of what a canceller leaves, against the echo


WITHOUT_CANCELLER = EchoSettings(over_db=6.0)


class _Path(Enum):
    UNKNOWN = "unknown"
    NONE = "none"
    ECHO = "echo"


class _Stream:
    def __init__(self) -> None:
        self.path = _Path.UNKNOWN
        self.recent: Pcm = np.empty(0, np.int16)  # without gaps, ending at `end`
        self.end = 0
        self.listened = 0  # samples while even the latest echo would have come
        self.unlooked = 0  # samples since it was last looked for
        self.likely: int | None = None  # the delay found by the last look, when it was a strong one
        self.delay = 0  # by which the canceller's original is late
        self.settling = 0
        self.canceller: Canceller | None = None
        self.gate: ResidueGate | None = None

    def keep(self, start: int, pcm: Pcm) -> None:
        joined = np.concatenate([self.recent, pcm]) if start == self.end else pcm
        self.recent = joined[-WINDOW_SAMPLES:]
        self.end = start + len(pcm)


class EchoRemover:
    """Satisfies `base.EchoRemoval`. `open_canceller` makes one for each stream with an echo."""

    def __init__(self, open_canceller: Callable[[], Canceller], settings: EchoSettings | None = None) -> None:
        self._open_canceller = open_canceller
        self._settings = settings or EchoSettings()
        self._played = PlayedSound()
        self._streams: dict[str, _Stream] = {}

    @property
    def streams_kept(self) -> int:
        return len(self._streams)

    def played(self, start_sample: int, pcm: Pcm) -> None:
        self._played.add(start_sample, pcm)

    def clean(self, stream: str, start_sample: int, pcm: Pcm) -> Pcm:
        end = start_sample + len(pcm)
        if not self._played.sounds_in(start_sample - MAX_DELAY_SAMPLES - TAIL_SAMPLES, end):
            return pcm
        known = self._streams.pop(stream, None) or _Stream()
        self._streams[stream] = known  # last: the least recently used is first
        if len(self._streams) > MAX_STREAMS:
            del self._streams[next(iter(self._streams))]
        if not pcm.any():
            return pcm
        known.keep(start_sample, pcm)
        self._look(stream, known, len(pcm))
        return self._cleaned(known, start_sample, pcm)

    def _cleaned(self, stream: _Stream, start: int, pcm: Pcm) -> Pcm:
        if stream.path is _Path.NONE:
            return pcm
        if stream.canceller is None or stream.gate is None:
            return np.zeros_like(pcm)
        played = self._played.take(start - stream.delay, len(pcm))
        cleaned = stream.gate.let_through(stream.canceller.process(pcm, played), played)
        if stream.settling > 0:
            stream.settling -= len(pcm)
            return np.zeros_like(pcm)
        return cleaned

    def _look(self, name: str, stream: _Stream, samples: int) -> None:
        """Is there an echo, and is it still where it was?"""
        settings = self._settings
        stream.unlooked += samples
        if self._played.sounds_in(stream.end - MAX_DELAY_SAMPLES - samples, stream.end - MAX_DELAY_SAMPLES):
            stream.listened += samples
        wait = settings.look_again_unknown if stream.path is _Path.UNKNOWN else settings.look_again
        if stream.unlooked < wait or len(stream.recent) < settings.first_look:
            return
        stream.unlooked = 0
        length = len(stream.recent) + MAX_DELAY_SAMPLES
        found = find_delay(stream.recent, self._played.take(stream.end - length, length))
        if found.strength >= settings.surely:
            self._found(name, stream, found)
            if stream.gate is not None:
                at = stream.end - len(stream.recent) - found.delay_samples
                stream.gate.learn(stream.recent, self._played.take(at, len(stream.recent)))
        else:
            stream.likely = None
            if stream.path is _Path.UNKNOWN and self._is_none(stream, found):
                stream.path = _Path.NONE
                log.info("no echo of our own voice", pii_stream=name, strength=round(found.strength, 1))

    def _is_none(self, stream: _Stream, found: Likeness) -> bool:
        settings = self._settings
        surely_none = found.strength < settings.hardly
        return stream.listened >= (settings.no_echo_after if surely_none else settings.undecided_until)

    def _found(self, name: str, stream: _Stream, found: Likeness) -> None:
        settings = self._settings
        off = abs(found.delay_samples - stream.delay - settings.lead)
        likely, stream.likely = stream.likely, found.delay_samples
        if stream.path is _Path.ECHO and off <= settings.slack:
            return
        if stream.path is not _Path.UNKNOWN and (likely is None or abs(likely - found.delay_samples) > settings.jump):
            return  # one look is enough to begin with, not to change
        if stream.canceller is None or stream.gate is None:
            stream.canceller, stream.gate = self._open_canceller(), ResidueGate(over_db=settings.over_db)
            stream.settling = settings.settling_first
        elif off > settings.jump:
            stream.settling = settings.settling_again
        if stream.path is not _Path.ECHO or off > settings.jump:
            delay_ms = round(found.delay_samples * 1000 / RATE_HZ)
            log.info("our own voice comes back", pii_stream=name, delay_ms=delay_ms, strength=round(found.strength, 1))
        stream.path = _Path.ECHO
        stream.delay = max(0, found.delay_samples - settings.lead)
