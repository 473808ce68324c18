"""Synthetic voices: directions with a known distance from each other, and embeddings scattered around them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SIZE = 256


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    who: int
    start_s: float
    end_s: float


def centres(
    count: int, *, distance: float, alike: Sequence[tuple[int, int, float]] = (), seed: int
) -> NDArray[np.float64]:
    """Unit vectors with this cosine distance between each two, but for the pairs named as alike."""
    gram = np.full((count, count), 1.0 - distance) + np.eye(count) * distance
    for one, other, apart in alike:
        gram[one, other] = gram[other, one] = 1.0 - apart
    values, vectors = np.linalg.eigh(gram)
    assert values.min() > -1e-9, "no vectors have these distances"
    turned, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(SIZE, count)))
    return (vectors * np.sqrt(np.maximum(values, 0.0))) @ turned.T


def embedding(
    centre: NDArray[np.float64], speech_s: float, scatter: float, random: np.random.Generator
) -> NDArray[np.float64]:
    """`scatter`: the length of the deviation at 2 s of speech; less speech deviates more, up to twice."""
    length = scatter * min(2.0, np.sqrt(2.0 / max(speech_s, 0.1)))
    deviation = random.normal(size=SIZE)
    return centre + length * deviation / np.linalg.norm(deviation)
