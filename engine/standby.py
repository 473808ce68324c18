"""A face that goes on whatever happens to the engine that moves it: another engine, kept warm, takes over.

The first engine runs elsewhere and can be lost: its machine, its network, one of its processes. The second is the
portrait, on this machine. What had not been voiced when the first was lost is said by the second; when the first can be
had again, it takes the face back between two answers. The session keeps its size, its rate and its count of blocks.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Coroutine
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from engine.api import (
    FRAMES_PER_BLOCK,
    AvBlock,
    BadCharacter,
    BadFormat,
    CharacterAssets,
    ConsentMissing,
    Engine,
    EngineDied,
    EngineError,
    Frames,
    Pcm,
    Phoneme,
    Session,
    SessionClosed,
    SpeechTiming,
    VideoFormat,
    Word,
    require_consent,
)
from engine.blocks import Blocks
from engine.client import RemoteEngine, Server
from engine.refit import Refit

log = logging.getLogger(__name__)

PATIENCE_S = 0.7  # without a block, after which the first engine is held for lost: a face must not stand for a second
STANDBY_BLOCK_S = 10.0
RETRY_S = 2.0
LONGEST_RETRY_S = 30.0
REFUSED = (BadCharacter, BadFormat, ConsentMissing)  # no other engine makes these good; all else is a loss


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """Speech as it was given; `start` counts the samples of its epoch."""

    start: int
    pcm: Pcm
    timing: SpeechTiming | None

    @property
    def end(self) -> int:
        return self.start + len(self.pcm)

    def after(self, sample: int) -> Said:
        """What of it comes after that sample of the epoch."""
        cut = max(0, sample - self.start)
        return Said(start=self.start + cut, pcm=self.pcm[cut:], timing=_later(self.timing, cut) if cut else self.timing)


def _later(timing: SpeechTiming | None, cut: int) -> SpeechTiming | None:
    if timing is None:
        return None
    phonemes = tuple(
        Phoneme(start=max(0, p.start - cut), end=p.end - cut, symbol=p.symbol) for p in timing.phonemes if p.end > cut
    )
    words = tuple(Word(start=max(0, w.start - cut), end=w.end - cut, text=w.text) for w in timing.words if w.end > cut)
    return SpeechTiming(phonemes=phonemes, words=words)


class StandbyEngine:
    """Sessions of `first`, with `second` ready behind each. A session opens also where `first` cannot be had."""

    def __init__(
        self, first: Engine, second: Engine, *, patience_s: float = PATIENCE_S, retry_s: float = RETRY_S
    ) -> None:
        self.name = first.name
        self._first, self._second = first, second
        self._patience_s, self._retry_s = patience_s, retry_s

    async def open(self, character: CharacterAssets, video: VideoFormat) -> StandbySession:
        """Raises what `first` raises of character and format; where it cannot be had, what `second` raises."""
        require_consent(character)
        second = asyncio.create_task(self._second.open(character, video), name="open standby")
        face: Session | None = None
        try:
            face = await self._first.open(character, video)
        except REFUSED:
            await _closed(second)
            raise
        except EngineError as error:
            log.warning("the engine cannot be had: %s (%s)", error, error.code)
        except BaseException:
            await _closed(second)
            raise
        own = face.video if face is not None else (await second).video

        async def again() -> Session:
            return await self._first.open(character, video)

        return StandbySession(face, second, again, own, patience_s=self._patience_s, retry_s=self._retry_s)


class StandbySession:
    """See `engine.api.Session`. Made by `StandbyEngine.open`."""

    def __init__(
        self,
        face: Session | None,
        second: asyncio.Task[Session],
        again: Any,
        video: VideoFormat,
        *,
        patience_s: float,
        retry_s: float,
    ) -> None:
        self._video, self._second, self._again = video, second, again
        self._patience_s, self._retry_s = patience_s, retry_s
        self._face = face if face is not None else second.result()
        self._on_second = face is None
        self.losses = 0
        self._came_back: Session | None = None
        self._said: deque[Said] = deque()
        self._epoch = self._given = self._voiced = 0  # samples of the epoch
        self._told = 0  # of them, to the face that took over
        self._telling: asyncio.Task[None] | None = None
        self._offset = self._offset_epoch = 0  # of what the present face counts from 0
        self._index = 0
        self._last: Frames = np.zeros((FRAMES_PER_BLOCK, *video.frame_shape), np.uint8)
        self._closed = False
        self._taking = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._look_at(self._face)
        if self._on_second:
            self._begin(self._come_back())

    @property
    def video(self) -> VideoFormat:
        return self._video

    @property
    def on_standby(self) -> bool:
        """Whether the second engine moves the face now."""
        return self._on_second

    async def speak(self, pcm: Pcm, *, timing: SpeechTiming | None, epoch: int) -> None:
        if self._closed:
            raise SessionClosed(SessionClosed.__doc__)
        if epoch < self._epoch:
            return
        self.interrupt(epoch)
        if len(pcm):
            self._said.append(Said(start=self._given, pcm=np.array(pcm, copy=True), timing=timing))
            self._given += len(pcm)
        if self._telling is None or self._telling.done():
            await self._give(self._face, pcm, timing, epoch)
            return
        await asyncio.wait({self._telling})  # behind what the new face is still being told
        if self._closed:
            raise SessionClosed(SessionClosed.__doc__)

    def listen(self, pcm: Pcm, *, speaker_id: str | None = None, gaze_xy: tuple[float, float] | None = None) -> None:
        self._face.listen(pcm, speaker_id=speaker_id, gaze_xy=gaze_xy)

    def interrupt(self, epoch: int) -> None:
        if self._closed or epoch <= self._epoch:
            return
        self._epoch, self._given, self._voiced, self._told = epoch, 0, 0, 0
        self._said.clear()
        self._face.interrupt(epoch)

    def blocks(self) -> AsyncIterator[AvBlock]:
        return Blocks(self.next_block)

    async def next_block(self) -> AvBlock:
        """One block, whoever makes it. Raises EngineDied only where both engines are lost, StopAsyncIteration."""
        async with self._taking:
            while not self._closed:
                if (block := self._refit.pull()) is not None:
                    return self._handed(block)
                try:
                    async with asyncio.timeout(STANDBY_BLOCK_S if self._on_second else self._patience_s):
                        self._refit.push(await anext(self._stream))
                except (EngineDied, TimeoutError, StopAsyncIteration) as error:
                    if self._closed:
                        break
                    if (held := self._take_over(error)) is not None:
                        return self._handed(held)
                    await self._tell_what_was_said()
            raise StopAsyncIteration

    async def aclose(self) -> None:
        if self._closed:
            return
        self._closed = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(_closed(self._second), *(s.aclose() for s in (self._face, self._came_back) if s))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()

    # --- who moves the face ------------------------------------------------------------------------------------------

    def _look_at(self, face: Session) -> None:
        self._face, self._stream, self._refit = face, face.blocks(), Refit(face.video, self._video)
        self._offset, self._offset_epoch = self._voiced, self._epoch

    def _take_over(self, why: BaseException) -> AvBlock | None:
        """The second engine is the face from now on, or a block that holds the last frame until it can be. Raises
        EngineDied where it is the second that was lost."""
        if self._on_second or (self._second.done() and self._second.exception() is not None):
            raise EngineDied("the engine and the one behind it are lost") from why
        if not self._second.done():
            samples = self._video.samples_per_block
            held = np.repeat(self._last[-1:], FRAMES_PER_BLOCK, axis=0)
            silence = np.zeros(samples, np.int16)
            return AvBlock(epoch=self._epoch, index=0, frames=held, sound=silence, spoken_from=0, spoken_to=0)
        self.losses += 1
        log.error("the engine is lost, another moves the face: %s", why)
        self._begin(_end(self._face))
        self._look_at(self._second.result())
        self._on_second = True
        self._begin(self._come_back())
        return None

    async def _tell_what_was_said(self) -> None:
        """The new face says what the old one had not voiced. It takes no more than a minute at once, and the rest as
        its blocks are taken: that is not waited for here, where they are."""
        if self._epoch:
            self._face.interrupt(self._epoch)
        self._told = self._voiced
        if self._telling is None or self._telling.done():
            self._telling = self._begin(self._tell())
        await asyncio.sleep(0)  # what it takes now is in its next block

    async def _tell(self) -> None:
        """All that was said and is said meanwhile, in order, to whoever is the face."""
        while (said := next((one for one in self._said if one.end > self._told), None)) is not None:
            rest = said.after(self._told)
            self._told = said.end
            await self._give(self._face, rest.pcm, rest.timing, self._epoch)

    async def _come_back(self) -> None:
        """Until the first engine has a session for us again."""
        wait_s = self._retry_s
        while self._came_back is None:
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, LONGEST_RETRY_S)
            with suppress(EngineError):
                self._came_back = await self._again()

    def _return_if_quiet(self) -> None:
        """Between two answers: nobody sees one face become the other while it talks."""
        if self._came_back is not None and self._on_second and not self._said:
            face, self._came_back = self._came_back, None
            log.info("the engine moves the face again")
            self._on_second = False
            self._look_at(face)
            if self._epoch:
                face.interrupt(self._epoch)

    async def _give(self, face: Session, pcm: Pcm, timing: SpeechTiming | None, epoch: int) -> None:
        try:
            await face.speak(pcm, timing=timing, epoch=epoch)
        except (EngineDied, SessionClosed):
            if self._closed:
                raise SessionClosed(SessionClosed.__doc__) from None
            # the next block finds the face lost, and what was said is said again

    def _handed(self, block: AvBlock) -> AvBlock:
        offset = self._offset if block.epoch == self._offset_epoch else 0
        said = (block.spoken_from + offset, block.spoken_to + offset) if block.voiced else (0, 0)
        block = replace(block, index=self._index, spoken_from=said[0], spoken_to=said[1])
        self._index += 1
        self._last = block.frames.copy()
        if block.epoch == self._epoch and block.voiced:
            self._voiced = block.spoken_to
            while self._said and self._said[0].end <= self._voiced:
                self._said.popleft()
        self._return_if_quiet()
        return block

    def _begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


async def _end(session: Session) -> None:
    await session.aclose()


async def _closed(opening: asyncio.Task[Session]) -> None:
    """End a session that may still be opening, or may never have opened."""
    opening.cancel()
    with suppress(asyncio.CancelledError, EngineError):
        await (await opening).aclose()


def remote_engine(
    *, urls: tuple[str, ...], token: str, encoding: str = "i420", standby: str | None = "portrait"
) -> Engine:
    """Generated faces from engine servers; `standby` names the engine behind them, None: none."""
    from engine.api import open_engine

    first = RemoteEngine(tuple(Server(url=url, token=token) for url in urls), encoding=encoding)
    return StandbyEngine(first, open_engine(standby)) if standby else first
