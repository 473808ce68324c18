"""Recognisers that obey the port and recognise nothing: their words are how much they were fed."""

from __future__ import annotations

from typing import Self

import numpy as np

from bot.hearing.base import HearingError, Recognised


class Counting:
    """A recogniser whose words are the number of samples it was fed."""

    name, grade = "counting", "demo"

    def __init__(self, *, fails: bool = False) -> None:
        self.fails = fails
        self.starts: list[tuple[str, int]] = []
        self._fed: dict[str, int] = {}

    async def start(self, stream: str, start_sample: int) -> None:
        self.starts.append((stream, start_sample))
        self._fed[stream] = 0

    async def feed(self, stream: str, pcm: np.ndarray) -> None:
        self._fed[stream] += len(pcm)

    async def finish(self, stream: str) -> Recognised:
        if self.fails:
            raise HearingError("gone")
        return Recognised(text=str(self._fed.pop(stream)), words=(), confidence=1.0, alternatives=("other",))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None: ...


class Early(Counting):
    """One that also tells words before the end."""

    def partial(self, stream: str) -> str:
        return f"{self._fed[stream]} so far"
