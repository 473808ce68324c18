"""Synthetic voices: directions with a known distance from each other, and conversations of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bot.hearing.diarization.scripted import Said

SIZE = 256
Centres = NDArray[np.float64]


def centres(count: int, *, distance: float, alike: Sequence[tuple[int, int, float]] = (), seed: int = 0) -> Centres:
    """Unit vectors with this cosine distance between each two, but for the pairs named as alike."""
    gram = np.full((count, count), 1.0 - distance) + np.eye(count) * distance
    for one, other, apart in alike:
        gram[one, other] = gram[other, one] = 1.0 - apart
    values, vectors = np.linalg.eigh(gram)
    assert values.min() > -1e-9, "no vectors have these distances"
    turned, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(SIZE, count)))
    found: Centres = (vectors * np.sqrt(np.maximum(values, 0.0))) @ turned.T
    return found


def embedding(centre: Centres, speech_s: float, scatter: float, random: np.random.Generator) -> Centres:
    """`scatter`: the length of the deviation at 2 s of speech; less speech deviates more, up to twice."""
    length = scatter * min(2.0, np.sqrt(2.0 / max(speech_s, 0.1)))
    deviation = random.normal(size=SIZE)
    return centre + length * deviation / np.linalg.norm(deviation)


def conversation(speakers: int, turns: int, *, seed: int, overlap: float = 0.25, pause_s: float = 15.0) -> list[Said]:
    """People take turns of half a second to 12 s, some before the last one ended, some after a long silence."""
    random = np.random.default_rng(seed)
    said: list[Said] = []
    now_s, who = 1.0, -1
    for _ in range(turns):
        who = int(random.choice([one for one in range(speakers) if one != who]))
        long_s = float(random.choice([0.6, 1.2, 2.5, 4, 7, 12], p=[0.1, 0.2, 0.25, 0.2, 0.15, 0.1]))
        start_s = now_s
        if said and random.random() < overlap:
            start_s = max(now_s - random.uniform(0.3, 1.0), said[-1].start_s + 0.2)
        said.append(Said(who=who, start_s=start_s, end_s=start_s + long_s))
        now_s = start_s + long_s + float(random.uniform(0.1, 1.2) if random.random() < 0.9 else pause_s)
    return said
