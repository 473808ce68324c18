"""Voices followed from window to window by when they speak: the same cells in two windows are the same voice.

Windows overlap, so each cell is judged several times; the judgements are weighed (the middle of a window knows more
than its ends) and are final when a cell is old enough. Knows no embeddings and no labels.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from bot.hearing.diarization.window import CELL, CELLS, LOCAL_SPEAKERS, Activity

LEAST_SHARED_CELLS = 3
LEAST_SHARED_PART = 0.5  # of what the shorter of the two was heard
LEAST_HEARD_CELLS = 5  # in a window; less is no speaker
SPEAKS = 0.5  # the weighed part of judgements that makes a cell speech

_WEIGHT = np.hamming(CELLS)


@dataclass(slots=True, eq=False)
class Track:
    """One voice as long as some of it is in the window. `votes` belongs to the window's cells."""

    number: int
    votes: NDArray[np.float64] = field(default_factory=lambda: np.zeros(CELLS))


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """One track in a stretch of cells that are now final, as runs of samples."""

    track: Track
    runs: tuple[tuple[int, int], ...]


class Tracks:
    def __init__(self) -> None:
        self.live: list[Track] = []
        self._total = np.zeros(CELLS)
        self._made = 0

    def add(self, activity: Activity, moved_cells: int) -> list[Track | None]:
        """Judge by the window that begins `moved_cells` after the last one. Returns the track of each local speaker."""
        self._move(moved_cells)
        tracks = self._link(activity)
        self._total += _WEIGHT
        for track, heard in zip(tracks, activity.T, strict=True):
            if track is not None:
                track.votes += _WEIGHT * heard
        return tracks

    def spoken(self, track: Track) -> NDArray[np.bool_]:
        return (track.votes >= SPEAKS * self._total) & (track.votes > 0.0)

    def final(self, window_start: int, first_sample: int, end_sample: int) -> list[Heard]:
        """What was heard in these samples, which are all in the window."""
        first, end = (first_sample - window_start) // CELL, (end_sample - window_start) // CELL
        return [
            Heard(track=track, runs=_runs(self.spoken(track)[first:end], window_start + first * CELL))
            for track in self.live
        ]

    def _move(self, cells: int) -> None:
        cells = min(cells, CELLS)
        for row in (self._total, *(track.votes for track in self.live)):
            row[: CELLS - cells] = row[cells:].copy()
            row[CELLS - cells :] = 0.0
        self.live = [track for track in self.live if track.votes.any()]

    def _link(self, activity: Activity) -> list[Track | None]:
        """The assignment of local speakers to tracks with the most cells in common; who is left is new."""
        counts = activity.sum(axis=0)
        shared = np.zeros((activity.shape[1], len(self.live)))
        for column, track in enumerate(self.live):
            spoken = self.spoken(track)
            known = self._total > 0.0
            for row in range(activity.shape[1]):
                cells = float((activity[:, row] & spoken).sum())
                shorter = min(spoken.sum(), (activity[:, row] & known).sum())
                if cells >= max(LEAST_SHARED_CELLS, LEAST_SHARED_PART * shorter):
                    shared[row, column] = cells
        tracks: list[Track | None] = [None] * activity.shape[1]
        for row, column in zip(*linear_sum_assignment(-shared), strict=True):
            if shared[row, column] > 0.0:
                tracks[row] = self.live[column]
        for row in range(activity.shape[1]):
            if tracks[row] is None and counts[row] >= LEAST_HEARD_CELLS:
                self._made += 1
                tracks[row] = made = Track(self._made)
                self.live.append(made)
        return tracks


def clean(activity: Activity) -> Activity:
    """Where each speaks alone."""
    alone: Activity = activity & (activity.sum(axis=1, keepdims=True) == 1)
    return alone


def _runs(spoken: NDArray[np.bool_], first_sample: int) -> tuple[tuple[int, int], ...]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], spoken.astype(np.int8), [0]])))
    return tuple((first_sample + int(a) * CELL, first_sample + int(b) * CELL) for a, b in edges.reshape(-1, 2))


def silence() -> Activity:
    return np.zeros((CELLS, LOCAL_SPEAKERS), np.bool_)
