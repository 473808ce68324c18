"""When each sound is said, for a voice that gives only sound and text: a voice that knows speaks the same text, and the
two are laid over each other. Knows no voice by name and no language.

Dynamic time warping over what an ear makes of 10 ms: bands of loudness, freed from each voice's own colour, and how
they change. Where the two nowhere resemble each other they are not the same words, and nobody knows.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from bot.voice.base import RATE_HZ, Mark, Pcm, SpokenClause, Voice, VoiceError

HOP, WINDOW = RATE_HZ // 100, 640  # samples
BANDS = 20
QUIET_NEPERS = 7.0  # below the loudest: silence, whose bands say nothing
ASIDE = 0.35  # what it costs to wait in one of the two, per 10 ms, beside the difference itself
MAX_STRETCH = 2.5  # of one against the other; beyond it these are not the same words
MAX_COST = 2.15  # mean difference along the path: the same words have 1.6 to 2.1, most other words 2.2 and more
MAX_S = 16.0  # of sound; the work grows with its square, and clauses are shorter

Numbers = NDArray[np.float64]


class AlignedVoice:
    """`voice`, with phoneme times from `knowing` wherever it has none itself. Owns both."""

    def __init__(self, voice: Voice, knowing: Voice) -> None:
        self.name = voice.name
        self._voice, self._knowing = voice, knowing

    async def say(self, text: str) -> AsyncIterator[SpokenClause]:
        """Raises what `voice` raises; where alignment fails, its clauses come as they are."""
        async for clause in self._voice.say(text):
            yield clause if clause.phonemes is not None else await self._aligned(clause)

    async def _aligned(self, clause: SpokenClause) -> SpokenClause:
        try:
            spoken = [part async for part in self._knowing.say(clause.text)]
        except VoiceError:
            return clause
        found = await asyncio.to_thread(aligned, clause.pcm, spoken)
        if found is None:
            return clause
        phonemes, words = found
        return replace(clause, phonemes=phonemes, words=clause.words or words)

    async def __aenter__(self) -> Self:
        await self._voice.__aenter__()
        try:
            await self._knowing.__aenter__()
        except BaseException:
            await self._voice.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(self, *exc: object) -> None:
        try:
            await self._knowing.__aexit__(*exc)
        finally:
            await self._voice.__aexit__(*exc)


def aligned(pcm: Pcm, spoken: Sequence[SpokenClause]) -> tuple[tuple[Mark, ...], tuple[Mark, ...]] | None:
    """Phonemes and words of `spoken`, at the times they have in `pcm`. None: these do not seem to be the same words."""
    if not spoken or any(clause.phonemes is None for clause in spoken):
        return None
    known = np.concatenate([clause.pcm for clause in spoken])
    begins = np.cumsum([0, *(len(clause.pcm) for clause in spoken)])
    if not 0 < len(pcm) <= MAX_S * RATE_HZ or len(known) > MAX_S * RATE_HZ:
        return None
    ours, theirs = _loud_part(pcm), _loud_part(known)
    lengths = (ours.stop - ours.start, theirs.stop - theirs.start)
    if min(lengths) < 4 * HOP or max(lengths) > MAX_STRETCH * min(lengths):
        return None
    path, cost = _path(_heard(known[theirs]), _heard(pcm[ours]))
    if cost > MAX_COST:
        return None
    at, there = _monotone(path)

    def place(sample: int) -> int:
        found = np.interp((sample - theirs.start) / HOP, at, there)
        return int(min(max(round(ours.start + found * HOP), 0), len(pcm)))

    phonemes: list[Mark] = []
    words: list[Mark] = []
    for clause, begin in zip(spoken, begins[:-1], strict=True):
        phonemes += _moved(clause.phonemes or (), int(begin), place)
        words += _moved(clause.words or (), int(begin), place)
    return tuple(phonemes), tuple(words)


def _monotone(path: list[tuple[int, int]]) -> tuple[Numbers, Numbers]:
    """Each step of the known sound once, at the middle of the steps of ours that it lies on."""
    at, there = (np.array(side) for side in zip(*path, strict=True))
    steps = np.arange(at[-1] + 1)
    first, last = np.searchsorted(at, steps, side="left"), np.searchsorted(at, steps, side="right") - 1
    return steps.astype(np.float64), (there[first] + there[last]) / 2


def _moved(marks: Sequence[Mark], begin: int, place: Callable[[int], int]) -> list[Mark]:
    moved = (Mark(start=place(begin + m.start), end=place(begin + m.end), text=m.text) for m in marks)
    return [mark for mark in moved if mark.end > mark.start]


def _loud_part(pcm: Pcm) -> slice:
    """What lies between the silences before and after."""
    level = np.abs(pcm.astype(np.int32))
    loud = np.flatnonzero(level >= max(60, int(level.max(initial=0)) // 100))
    return slice(int(loud[0]), int(loud[-1]) + 1) if len(loud) else slice(0, 0)


def _mel_bands() -> Numbers:
    """Triangles from 100 to 8000 Hz, (bins, BANDS)."""
    hertz = np.fft.rfftfreq(WINDOW, 1 / RATE_HZ)
    low, high = (2595 * np.log10(1 + edge / 700) for edge in (100.0, 8000.0))
    edges = 700 * (10 ** (np.linspace(low, high, BANDS + 2) / 2595) - 1)
    rising = (hertz[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - hertz[:, None]) / (edges[2:] - edges[1:-1])
    return np.asarray(np.clip(np.minimum(rising, falling), 0, None))


_MEL, _SHAPE = _mel_bands(), np.hanning(WINDOW)


def _heard(pcm: Pcm) -> Numbers:
    """Each 10 ms as numbers of about unit size: bands against the clause's own mean, loudness, and their change."""
    wave = np.pad(pcm.astype(np.float64) / 32768.0, (WINDOW // 2, WINDOW))
    windows = np.lib.stride_tricks.sliding_window_view(wave, WINDOW)[: len(pcm) : HOP]
    bands = np.log(np.abs(np.fft.rfft(windows * _SHAPE)) ** 2 @ _MEL + 1e-7)
    level = np.log((windows**2).mean(1) + 1e-9)
    floor = level.max() - QUIET_NEPERS
    loudness = np.clip(level, floor, None) - floor
    voiced = loudness > 0.35 * QUIET_NEPERS
    colour = bands - (bands[voiced].mean(0) if voiced.any() else bands.mean(0))
    colour = np.clip(colour, -3 * QUIET_NEPERS / 4, None)
    seen = np.concatenate([colour / 1.6, 3.0 * loudness[:, None] / QUIET_NEPERS * 1.6], 1)
    change = np.gradient(_smoothed(seen), axis=0) * 3.0
    return np.asarray(np.concatenate([seen, change], 1) / np.sqrt(BANDS))


def _smoothed(rows: Numbers) -> Numbers:
    wide = np.pad(rows, ((1, 1), (0, 0)), mode="edge")
    return np.asarray((wide[:-2] + wide[1:-1] + wide[2:]) / 3)


def _path(known: Numbers, ours: Numbers) -> tuple[list[tuple[int, int]], float]:
    """The cheapest way through both from begin to end, as pairs of steps, and its mean difference."""
    squares = (known**2).sum(1)[:, None] + (ours**2).sum(1)[None] - 2 * known @ ours.T
    cost = np.sqrt(np.maximum(squares, 0))
    total = np.empty_like(cost)
    total[0] = np.cumsum(cost[0] + ASIDE) - ASIDE
    for row in range(1, len(cost)):  # waiting in `ours` is a running minimum, so a row needs no loop of its own
        before = np.minimum(np.concatenate([[np.inf], total[row - 1, :-1]]), total[row - 1] + ASIDE)
        waited = np.cumsum(cost[row] + ASIDE)
        total[row] = waited + np.minimum.accumulate(before + cost[row] - waited)
    i, j = len(known) - 1, len(ours) - 1
    path = [(i, j)]
    while i or j:
        ways = [
            (total[i - 1, j - 1], i - 1, j - 1) if i and j else (np.inf, 0, 0),
            (total[i - 1, j] + ASIDE, i - 1, j) if i else (np.inf, 0, 0),
            (total[i, j - 1] + ASIDE, i, j - 1) if j else (np.inf, 0, 0),
        ]
        _, i, j = min(ways)
        path.append((i, j))
    path.reverse()
    return path, float(np.mean([cost[step] for step in path]))
