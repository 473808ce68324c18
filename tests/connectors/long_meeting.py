"""A meeting on a virtual clock: streams whose clocks run apart, with gaps, late arrivals and reconnects. Each stream
carries marks (clicks) whose true time is known; `heard` is where the timeline put them."""

from __future__ import annotations

import heapq
import json
import random
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from connectors.base import HEARING_RATE_HZ, AudioChunk
from connectors.kit.capture import PageEars
from connectors.kit.timeline import Lane, Pcm

RATE_HZ = 48_000
PIECE = 960
START_S = 1000.0  # of the timeline, on the clock of arrivals
MARK_EVERY = 47  # pieces
MARK_AT = 400  # sample in its piece
LATEST_S = 0.080
HOLD_EVERY_S, HOLD_S = 17.0, 0.5  # arrivals come in bursts
TONE = (1000 * np.sin(2 * np.pi * 500 * np.arange(PIECE) / RATE_HZ)).astype(np.int16)
CLICK = TONE.copy()
CLICK[MARK_AT : MARK_AT + 24] = 20_000


@dataclass(frozen=True, kw_only=True)
class Source:
    """A recorder. Its samples come at 48 kHz times (1 + drift); its stamps count them, or tell the true time."""

    name: str
    drift: float
    counts: bool = True
    zero_s: float = 0.0
    joins_s: float = 0.0
    gaps: tuple[tuple[float, float], ...] = ()
    reconnects_s: float = float("inf")  # its clock begins again at 0


@dataclass(frozen=True, kw_only=True, order=True)
class Piece:
    arrived_s: float
    name: str
    stamp_s: float
    at_s: float  # when it truly sounded, on the timeline
    again: bool
    mark_s: float | None  # the true time of the mark in it, on the timeline


def pieces(source: Source, until_s: float, seed: int) -> Iterator[Piece]:
    """In order of arrival."""
    rng = random.Random(seed)
    piece_s = PIECE / RATE_HZ / (1 + source.drift)
    began_s, zero_s, again, index, arrived_s = source.joins_s, source.zero_s, False, 0, 0.0
    while (at_s := began_s + index * piece_s) < until_s:
        if at_s >= source.reconnects_s and not again:
            began_s, zero_s, again, index = at_s + 2.0, 0.0, True, 0
            continue
        late_s = rng.uniform(0, LATEST_S)
        ends_s = at_s + piece_s
        held_s = HOLD_S - ends_s % HOLD_EVERY_S if ends_s % HOLD_EVERY_S < HOLD_S else 0.0
        arrived_s = max(arrived_s, START_S + ends_s + max(late_s, held_s))
        stamp_s = zero_s + (index * PIECE / RATE_HZ if source.counts else at_s - began_s)
        mark_s = at_s + MARK_AT / RATE_HZ / (1 + source.drift) if index % MARK_EVERY == MARK_EVERY - 1 else None
        index += 1
        if not any(first_s <= at_s < last_s for first_s, last_s in source.gaps):
            yield Piece(arrived_s=arrived_s, name=source.name, stamp_s=stamp_s, at_s=at_s, again=again, mark_s=mark_s)


@dataclass
class Heard:
    """Takes chunks as the outlet does; keeps where the marks are, and that no chunk runs backwards."""

    marks: dict[str, list[float]] = field(default_factory=dict)
    chunks: dict[str, int] = field(default_factory=dict)
    _next: dict[str, int] = field(default_factory=dict)

    def put(self, chunk: AudioChunk) -> None:
        name = chunk.participant or "mix"
        assert chunk.start_sample >= self._next.get(name, 0)
        self._next[name] = chunk.start_sample + len(chunk.pcm)
        self.chunks[name] = self.chunks.get(name, 0) + 1
        loud = np.flatnonzero(chunk.pcm > 8000)
        if len(loud):
            at_s = (chunk.start_sample + int(loud[0])) / HEARING_RATE_HZ
            marks = self.marks.setdefault(name, [])
            if not marks or at_s - marks[-1] > 0.01:
                marks.append(at_s)


@dataclass(kw_only=True)
class Meeting:
    """Runs the sources through the page's ears, and the one called "mix" as the sound server's ears do. `sound`: what
    a piece sounds like, where it is not marks."""

    sources: tuple[Source, ...]
    heard: Any = field(default_factory=Heard)
    sound: Callable[[Piece], Pcm] | None = None
    true: dict[str, list[float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        outlet: Any = self.heard
        self._ears = {source.name: PageEars(outlet, START_S) for source in self.sources if source.name != "mix"}
        self._streams = dict.fromkeys(self._ears, -1)
        self._mix = Lane(START_S, RATE_HZ)
        self._merged: Iterator[Piece] | None = None
        self._ahead: Piece | None = None

    def run(self, until_s: float, whole_s: float) -> None:
        """Up to `until_s` of a meeting that lasts `whole_s`; goes on from where it was."""
        if self._merged is None:
            self._merged = heapq.merge(*(pieces(one, whole_s, seed) for seed, one in enumerate(self.sources)))
        while (piece := self._ahead or next(self._merged, None)) is not None:
            self._ahead = piece
            if piece.arrived_s - START_S >= until_s:
                return
            self._ahead = None
            self._take(piece)

    def _take(self, piece: Piece) -> None:
        pcm = self.sound(piece) if self.sound else (TONE if piece.mark_s is None else CLICK)
        if piece.mark_s is not None:
            self.true.setdefault(piece.name, []).append(piece.mark_s)
        if piece.name == "mix":
            for start, chunk in self._mix.place(pcm, stamp_s=piece.stamp_s, arrived_s=piece.arrived_s):
                self.heard.put(AudioChunk(participant=None, start_sample=start, pcm=chunk))
            return
        ears = self._ears[piece.name]
        if self._streams[piece.name] != piece.again:
            self._streams[piece.name] = piece.again
            ears.begin()
            ears.note(json.dumps({"owners": {0: piece.name}}))
        ears.take(struct.pack("<IIdd", 0, RATE_HZ, piece.stamp_s, 0.0) + pcm.tobytes(), piece.arrived_s)

    def errors_ms(self, name: str) -> tuple[list[float], int]:
        """How far each mark stands from its true time, and how many marks were not heard at all."""
        heard = np.array(self.heard.marks.get(name, []))
        errors = [float(np.abs(heard - mark_s).min() * 1000) for mark_s in self.true[name]]
        return [error for error in errors if error < 200], sum(error >= 200 for error in errors)
