"""From a stream of sound to spans of speakers: the loop of diarization. Knows a model only as a port, and no process.

Each window is segmented; voices are followed through windows (tracks.py) and grow turns; a turn gets its label from
embeddings (clustering.py), taken where they pay: when a turn has none yet, when it ends, every 2.5 s of speech, and
never closer than a second. All is told a second after it was said, and told anew when it grew or was wrong.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

import numpy as np

from bot.hearing.base import RATE_HZ, Pcm
from bot.hearing.diarization.base import DiarizationEvent, Frontier, SpeakerSpan
from bot.hearing.diarization.clustering import OnlineClusters, Rules, Sighting
from bot.hearing.diarization.tracks import Heard, Track, Tracks, clean, silence
from bot.hearing.diarization.window import (
    CELL,
    CELLS_PER_S,
    HOP,
    WINDOW,
    Activity,
    RollingSound,
    VoiceModel,
    Weights,
    Window,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    latency_s: float = 1.0  # sound is judged by all windows that end so much later
    longest_stride_s: float = 3.0  # behind by more, further windows are looked at, so that no sound is left out
    join_gap_s: float = 0.2  # a shorter pause does not end a turn
    least_turn_s: float = 0.2  # less is no speech
    longest_turn_s: float = 20.0
    embed_apart_s: float = 1.0  # at least, between two passes
    embed_every_s: float = 2.5  # of clean speech
    embed_at_end_s: float = 1.0  # of clean speech not yet embedded, when a turn ended
    least_clean_s: float = 0.5  # with less, overlapped speech is taken too
    kept_turns: int = 256  # later corrections reach no further back


@dataclass(slots=True, eq=False)
class Turn:
    number: int
    track: Track
    start: int
    end: int
    expected: str | None
    label: str | None = None
    confidence: float = 0.5
    embedded_until: int = 0
    embedded_s: float = 0.0
    closed: bool = False
    span: int = 0  # the number it was last told by
    told: tuple[str, int, float] | None = None  # label, end and about the confidence it was last told with

    @property
    def to_tell(self) -> tuple[str, int, float]:
        return self.label or "", self.end, round(self.confidence, 1)


@dataclass(slots=True)
class Counts:
    windows: int = 0
    windows_skipped: int = 0
    embeddings: int = 0
    dropped_samples: int = 0


@dataclass(slots=True)
class _Present:
    """One local speaker of the window at hand who may be embedded."""

    row: int
    turn: Turn
    weights: np.ndarray = field(repr=False)
    speech_s: float
    urgent: bool
    pays: bool


class DiarizationStream:
    def __init__(self, model: VoiceModel, *, rules: Rules | None = None, pace: Pace | None = None) -> None:
        self._model, self._pace = model, pace or Pace()
        self._clusters = OnlineClusters(rules)
        self._latency = round(self._pace.latency_s * RATE_HZ)
        self._sound: RollingSound | None = None
        self._waiting = np.zeros(0, np.int16)
        self._tracks = Tracks()
        self._open: dict[int, Turn] = {}  # by track
        self._labels: dict[int, str] = {}  # what a track was last known by
        self._turns: OrderedDict[int, Turn] = OrderedDict()
        self._final = self._embedded_at = 0
        self._turns_made = self._spans_made = 0
        self.counts = Counts()

    def feed(self, start_sample: int, pcm: Pcm, *, dropped_samples: int = 0) -> list[DiarizationEvent]:
        """The next sound. One window is looked at for every half second of it; fed more at once, only as many as it
        takes to have looked at all of it. `dropped_samples`: of the gap before it, how many were not silence."""
        self.counts.dropped_samples += dropped_samples
        if self._sound is None:
            self._begin(start_sample)
        assert self._sound is not None
        told: list[DiarizationEvent] = []
        expected = self._sound.end_sample + len(self._waiting)
        gap = start_sample - expected
        if gap > WINDOW:
            told += self._end_all()
            self._begin(start_sample)
        elif gap > 0:
            pcm = np.concatenate([np.zeros(gap, np.int16), pcm])
        elif gap < 0:
            pcm = pcm[-gap:]
        self._waiting = np.concatenate([self._waiting, pcm])
        stride = round(self._pace.longest_stride_s * RATE_HZ)
        while len(self._waiting) >= HOP:
            samples = min(len(self._waiting) // HOP * HOP, stride)
            told += self._look(self._waiting[:samples])
            self._waiting = self._waiting[samples:]
        return told

    def _begin(self, start_sample: int) -> None:
        self._sound = RollingSound(start_sample)
        self._waiting = np.zeros(0, np.int16)
        self._tracks, self._final = Tracks(), start_sample
        self._embedded_at = start_sample - WINDOW
        self._labels = {}

    def _end_all(self) -> list[DiarizationEvent]:
        """Long silence follows: all that is known is final."""
        assert self._sound is not None
        told: list[DiarizationEvent] = []
        for _ in range(3):  # what was begun gets its embedding and its end
            if len(self._waiting) % HOP:
                self._waiting = np.concatenate([self._waiting, np.zeros(HOP - len(self._waiting) % HOP, np.int16)])
            quiet = np.zeros(max(0, self._latency + HOP - len(self._waiting)), np.int16)
            told += self._look(np.concatenate([self._waiting, quiet]))
            self._waiting = np.zeros(0, np.int16)
        return told

    def _look(self, pcm: Pcm) -> list[DiarizationEvent]:
        assert self._sound is not None
        self._sound.append(pcm)
        window = self._sound.window()
        if window.is_silent:
            activity = silence()
        else:
            activity = self._model.activity(window)
            self.counts.windows += 1
        self.counts.windows_skipped += len(pcm) // HOP - 1
        rows = self._tracks.add(activity, len(pcm) // CELL)
        final = self._sound.end_sample - self._latency
        heard = self._tracks.final(window.start_sample, self._final, final) if final > self._final else []
        self._final = max(self._final, final)
        for one in heard:
            self._grow(one)
        self._end_turns_without_tracks()
        self._embed(window, activity, rows)
        return self._tell()

    # --- turns ---------------------------------------------------------------------------------------------------

    def _grow(self, heard: Heard) -> None:
        gap, longest = round(self._pace.join_gap_s * RATE_HZ), round(self._pace.longest_turn_s * RATE_HZ)
        for start, end in heard.runs:
            turn = self._open.get(heard.track.number)
            if turn is not None and (start - turn.end > gap or end - turn.start > longest):
                self._close(turn)
                turn = None
            if turn is None:
                turn = self._open_turn(heard.track, start, end)
            turn.end = end
        turn = self._open.get(heard.track.number)
        if turn is not None and self._final - turn.end > gap:
            self._close(turn)

    def _open_turn(self, track: Track, start: int, end: int) -> Turn:
        self._turns_made += 1
        turn = Turn(
            number=self._turns_made,
            track=track,
            start=start,
            end=end,
            expected=self._labels.get(track.number),
            embedded_until=start,
        )
        turn.label = turn.expected
        self._open[track.number] = self._turns[turn.number] = turn
        return turn

    def _close(self, turn: Turn) -> None:
        turn.closed = True
        self._open.pop(turn.track.number, None)

    def _end_turns_without_tracks(self) -> None:
        live = {track.number for track in self._tracks.live}
        for number in [number for number in self._open if number not in live]:
            self._close(self._open[number])
        self._labels = {number: label for number, label in self._labels.items() if number in live}

    # --- embeddings ----------------------------------------------------------------------------------------------

    def _embed(self, window: Window, activity: Activity, rows: list[Track | None]) -> None:
        """One pass for all who are worth it, cut to where they speak."""
        assert self._sound is not None
        if self._sound.end_sample - self._embedded_at < self._pace.embed_apart_s * RATE_HZ:
            return
        alone = clean(activity)
        tracked = [(row, track) for row, track in enumerate(rows) if track is not None]
        present = [one for row, track in tracked if (one := self._present(window, activity, alone, row, track))]
        if not any(one.urgent or one.pays for one in present):
            return
        chosen = [one for one in present if one.urgent or one.speech_s >= self._pace.least_clean_s]
        weights: Weights = np.zeros((activity.shape[1], activity.shape[0]), np.float32)
        for one in chosen:
            weights[one.row] = one.weights
        used = np.flatnonzero(weights.any(axis=0))
        first = max(0, int(used[0]) - CELLS_PER_S // 10)
        end = min(activity.shape[0], max(int(used[-1]) + CELLS_PER_S // 10, first + CELLS_PER_S))
        first = max(0, min(first, end - CELLS_PER_S))
        embeddings = self._model.embeddings(window.cut(first, end), weights[:, first:end])
        self.counts.embeddings += 1
        self._embedded_at = self._sound.end_sample
        self._learn(present, {one.row: embeddings[one.row] for one in chosen})

    def _present(self, window: Window, activity: Activity, alone: Activity, row: int, track: Track) -> _Present | None:
        turn = self._latest(track)
        if turn is None:
            return None
        fresh = np.arange(activity.shape[0]) * CELL + window.start_sample >= turn.embedded_until
        if turn.closed:
            fresh &= np.arange(activity.shape[0]) * CELL + window.start_sample < turn.end
        weights = alone[:, row] & fresh
        speech_s = float(weights.sum()) / CELLS_PER_S
        if speech_s < self._pace.least_clean_s:
            mixed = activity[:, row] & fresh
            if turn.label is None and mixed.sum() > weights.sum():
                weights, speech_s = mixed, max(speech_s, 0.3 * float(mixed.sum()) / CELLS_PER_S)
        if not weights.any():
            return None
        ended = turn.closed or self._final - turn.end > self._pace.join_gap_s * RATE_HZ
        weak = turn.embedded_s < self._pace.embed_at_end_s
        enough_s = self._pace.embed_at_end_s if ended or weak else self._pace.embed_every_s
        long_enough = turn.end - turn.start >= self._pace.least_turn_s * RATE_HZ
        return _Present(
            row=row,
            turn=turn,
            weights=weights,
            speech_s=speech_s,
            urgent=turn.label is None and long_enough,
            pays=speech_s >= enough_s,
        )

    def _latest(self, track: Track) -> Turn | None:
        """The track's turn that is open, or the last one if it may still be learned from."""
        if track.number in self._open:
            return self._open[track.number]
        return next((turn for turn in reversed(self._turns.values()) if turn.track is track), None)

    def _learn(self, present: list[_Present], embeddings: dict[int, np.ndarray]) -> None:
        assert self._sound is not None
        sightings = []
        for one in present:
            vector = embeddings.get(one.row)
            if vector is not None and np.isfinite(vector).all() and vector.any():
                one.turn.embedded_until = self._sound.end_sample
                one.turn.embedded_s += one.speech_s
                seen = Sighting(
                    item=one.turn.number, embedding=vector, speech_s=one.speech_s, expected=one.turn.expected
                )
            else:
                seen = Sighting(item=one.turn.number, expected=one.turn.expected)
            sightings.append(seen)
        for change in self._clusters.observe(sightings):
            if change.item in self._turns:
                self._turns[change.item].label = change.label
        for one in present:
            if one.turn.label is not None:
                one.turn.confidence = self._clusters.confidence_of(one.turn.number)
                self._labels[one.turn.track.number] = one.turn.label

    # --- telling -------------------------------------------------------------------------------------------------

    def _tell(self) -> list[DiarizationEvent]:
        """What is new of every turn, then how far all is told."""
        told: list[DiarizationEvent] = []
        frontier = self._final
        for turn in list(self._turns.values()):
            short = turn.end - turn.start < self._pace.least_turn_s * RATE_HZ
            if turn.label is None or short:
                if turn.closed and not self._still_embeddable(turn, short):
                    del self._turns[turn.number]
                else:
                    frontier = min(frontier, turn.start)
            elif turn.told != turn.to_tell:
                told.append(self._span(turn))
        while len(self._turns) > self._pace.kept_turns:
            self._turns.popitem(last=False)
        return [*told, Frontier(sample=frontier, dropped_samples=self.counts.dropped_samples)]

    def _still_embeddable(self, turn: Turn, short: bool) -> bool:
        assert self._sound is not None
        return not short and self._sound.end_sample - turn.end < WINDOW - 2 * HOP and turn.track in self._tracks.live

    def _span(self, turn: Turn) -> SpeakerSpan:
        self._spans_made += 1
        superseded = (turn.span,) if turn.span else ()
        turn.span, turn.told = self._spans_made, turn.to_tell
        return SpeakerSpan(
            span=turn.span,
            speaker=turn.label or "",
            start_sample=turn.start,
            end_sample=turn.end,
            confidence=turn.confidence,
            supersedes=superseded,
        )
