"""A model that knows the truth: activity and embeddings from a script. A double that ships, for tests and benchmarks.

It behaves as a real one: it sees one window at a time, tells its speakers apart in an order of its own in each, knows
at most three of them, errs at the edges of speech, and its embeddings scatter the more the less speech they rest on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bot.hearing.base import RATE_HZ
from bot.hearing.diarization.window import CELL, LOCAL_SPEAKERS, Activity, Embeddings, Weights, Window


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    who: int
    start_s: float
    end_s: float


class ScriptedVoices:
    """`centres`: speakers x size. `scatter`: how far an embedding of 2 s of speech lies from its centre; `edge_s`: by
    how much starts and ends of speech are missed or overheard, differently in every window."""

    def __init__(
        self,
        script: Sequence[Said],
        centres: NDArray[np.float64],
        *,
        scatter: float = 0.7,
        edge_s: float = 0.05,
        seed: int = 0,
    ) -> None:
        self._script, self._centres = script, centres
        self._scatter, self._edge_s, self._seed = scatter, edge_s, seed

    def activity(self, window: Window) -> Activity:
        order, random = self._order(window.start_sample, window.cells), self._random(window.start_sample, 1)
        active = self._truth(window.start_sample, window.cells, random)
        found = np.zeros((window.cells, LOCAL_SPEAKERS), np.bool_)
        for row, who in enumerate(order):
            if who >= 0:
                found[:, row] = active[:, who]
        return found

    def embeddings(self, window: Window, weights: Weights) -> Embeddings:
        """The mix of all voices heard where the weights are."""
        random = self._random(window.start_sample, 2)
        active = self._truth(window.start_sample, window.cells, None).astype(np.float64)
        active /= np.maximum(active.sum(axis=1, keepdims=True), 1.0)
        found = np.full((len(weights), self._centres.shape[1]), np.nan)
        for row, weight in enumerate(weights):
            speech_s = float(weight.sum()) * CELL / RATE_HZ
            if speech_s > 0.0:
                centre = (weight @ active) @ self._centres / max(float(weight.sum()), 1.0)
                deviation = random.normal(size=self._centres.shape[1])
                length = self._scatter * min(2.0, float(np.sqrt(2.0 / max(speech_s, 0.1))))
                found[row] = centre + length * deviation / np.linalg.norm(deviation)
        return found

    def _truth(self, start_sample: int, cells: int, random: np.random.Generator | None) -> Activity:
        active = np.zeros((cells, len(self._centres)), np.bool_)
        per_s = RATE_HZ / CELL
        for said in self._script:
            edges = np.array([said.start_s, said.end_s])
            if random is not None:
                edges = edges + random.normal(scale=self._edge_s, size=2)
            first, end = np.clip(np.round((edges - start_sample / RATE_HZ) * per_s), 0, cells).astype(int)
            active[first:end, said.who] = True
        return active

    def _order(self, start_sample: int, cells: int) -> list[int]:
        """Those heard most, in an order of this window's own; -1: nobody."""
        heard = self._truth(start_sample, cells, None).sum(axis=0)
        most = [int(who) for who in np.argsort(-heard, kind="stable")[:LOCAL_SPEAKERS] if heard[who] > 0]
        order = most + [-1] * (LOCAL_SPEAKERS - len(most))
        return [int(who) for who in self._random(start_sample, 3).permutation(order)]

    def _random(self, start_sample: int, purpose: int) -> np.random.Generator:
        return np.random.default_rng((self._seed, purpose, start_sample + 10 * RATE_HZ))
