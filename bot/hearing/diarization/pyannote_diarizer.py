"""The diarizer on pyannote.audio: feeds a process of its own and passes on what that tells. It does the work in
`process.py`; this is its client, which bounds what waits and counts what was never looked at.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from bot.child import Child, ChildDied, ChildTimedOut
from bot.config import environment_with
from bot.hearing.base import RATE_HZ, HearingError, Pcm
from bot.hearing.diarization.base import DiarizationEvent
from bot.hearing.diarization.errors import PROBLEMS, DiarizerPackagesMissing
from bot.hearing.diarization.model_place import ModelPlace, model_place, packages_are_here
from bot.hearing.diarization.window import HOP
from bot.hearing.diarization.wire import from_json

LOAD_TIMEOUT_S = 300.0  # importing takes seconds, fetching a model from the hub more
HEAR_TIMEOUT_S = 30.0
MOST_WAITING_S = 10.0
MOST_UNREAD = 1024  # events; while nobody reads, sound waits and then is dropped
PROCESS = "bot.hearing.diarization.process"
NICENESS = 3  # names may come late; the conversation may not


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """What the diarizer has done so far. `windows_skipped`: left out because it was behind; their sound was still
    heard in later windows, all but `dropped_samples`."""

    windows: int = 0
    windows_skipped: int = 0
    embeddings: int = 0
    dropped_samples: int = 0


class PyannoteDiarizer:
    """`model`: Settings.diarization_model. `command` is for tests: another process that speaks the same."""

    def __init__(self, model: str, *, command: Sequence[str] = (PROCESS,)) -> None:
        self._model, self._command = model, list(command)
        self._child: Child | None = None
        self._sounds: deque[tuple[int, Pcm]] = deque()
        self._waiting = self._dropped = 0
        self._enough = asyncio.Event()
        self._told: asyncio.Queue[DiarizationEvent | HearingError | None] = asyncio.Queue(MOST_UNREAD)
        self._feeder: asyncio.Task[None] | None = None
        self.work = Work()

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child else None

    def feed(self, start_sample: int, pcm: Pcm) -> None:
        self._sounds.append((start_sample, pcm.astype(np.int16)))
        self._waiting += len(pcm)
        while self._waiting > MOST_WAITING_S * RATE_HZ:
            _, oldest = self._sounds.popleft()
            self._waiting -= len(oldest)
            self._dropped += len(oldest)
        if self._waiting >= HOP:
            self._enough.set()

    async def events(self) -> AsyncIterator[DiarizationEvent]:
        while (told := await self._told.get()) is not None:
            if isinstance(told, HearingError):
                raise told
            yield told

    async def __aenter__(self) -> Self:
        """Raises DiarizerMissing, HearingError."""
        place = model_place(self._model)
        if not packages_are_here():
            raise DiarizerPackagesMissing(DiarizerPackagesMissing.__doc__)
        self._child = Child(self._command, nice=NICENESS, environment=environment_with(_variables(place)))
        await self._child.start()
        try:
            answer = await self._ask({"do": "load", "source": place.source}, b"", LOAD_TIMEOUT_S)
            if "problem" in answer:
                raise PROBLEMS[answer["problem"]](answer["detail"])
        except (HearingError, asyncio.CancelledError):
            await self._child.aclose()
            raise
        self._feeder = asyncio.create_task(self._feed_child(), name="feed the diarizer")
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._feeder is not None:
            self._feeder.cancel()
            await asyncio.wait([self._feeder])
        if self._child is not None:
            await self._child.aclose()
        self._end(None)

    async def _feed_child(self) -> None:
        """Everything that waits goes in one request, so one that took long is followed by one that skips windows."""
        try:
            while True:
                await self._enough.wait()
                while self._waiting >= HOP:
                    start, pcm = self._take()
                    request = {"do": "hear", "start": start, "dropped": self._dropped}
                    self._dropped = 0
                    answer = await self._ask(request, pcm.astype("<i2").tobytes(), HEAR_TIMEOUT_S)
                    self.work = Work(**answer["counts"])
                    for row in answer["events"]:
                        await self._told.put(from_json(row))
                self._enough.clear()
        except (HearingError, KeyError, TypeError) as error:
            self._end(error if isinstance(error, HearingError) else HearingError(f"diarizer: {error!r}"))

    def _take(self) -> tuple[int, Pcm]:
        """All that waits up to the next gap."""
        first, pcm = self._sounds.popleft()
        pieces, end = [pcm], first + len(pcm)
        while self._sounds and self._sounds[0][0] == end:
            pieces.append(self._sounds.popleft()[1])
            end += len(pieces[-1])
        self._waiting -= sum(len(piece) for piece in pieces)
        return first, np.concatenate(pieces)

    async def _ask(self, header: dict[str, Any], body: bytes, timeout_s: float) -> dict[str, Any]:
        assert self._child is not None
        try:
            answer, _ = await self._child.ask(header, body, timeout_s=timeout_s)
        except (ChildDied, ChildTimedOut) as error:
            raise HearingError(f"diarizer: {error}") from error
        return answer

    def _end(self, last: HearingError | None) -> None:
        if self._told.full():
            self._told.get_nowait()
        self._told.put_nowait(last)


def _variables(place: ModelPlace) -> dict[str, str]:
    """Set before pyannote.audio is imported. A folder is read without asking anyone for anything."""
    quiet = {
        "PYANNOTE_METRICS_ENABLED": "0",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "OTEL_SDK_DISABLED": "true",
        "OMP_NUM_THREADS": "1",
        "MPLBACKEND": "Agg",
    }
    return quiet | ({"HF_HUB_OFFLINE": "1"} if place.is_folder else {})
