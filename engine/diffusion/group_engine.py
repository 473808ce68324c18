"""The engine contract over a group of processes: diffusion on some, decoding on another, one step apart.

When a block is asked for, its latents go to the decoder and the next ones are begun, with the sound as it stands. If
that sound turns out otherwise (a reply, an interruption), what was begun is finished by all ranks, forgotten, and made
again behind the last latent shown. So the period is the longer of both stages, and a frame's own way is their sum.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from engine.api import (
    FRAMES_PER_BLOCK,
    SPEECH_RATE_HZ,
    AvBlock,
    BadFormat,
    CharacterAssets,
    EngineDied,
    Frames,
    Pcm,
    SessionClosed,
    SpeechTiming,
    VideoFormat,
    require_consent,
)
from engine.blocks import Blocks
from engine.diffusion import orders
from engine.diffusion.config import Checkpoint
from engine.diffusion.group import Group, GroupOptions
from engine.diffusion.plan import Rate, StreamPlan, log_rate
from engine.diffusion.still import still_of
from engine.diffusion.timeline import Timeline

log = logging.getLogger(__name__)

MOST_QUEUED_S = 60
SMALLEST_PX = 16
SLOWEST_FPS = 8
WARM_BLOCKS = 3


class GroupSession:
    """One live face of a group. See `engine.api.Session`."""

    def __init__(self, group: Group, number: int, *, keep_time: bool) -> None:
        self._group, self._number, self._keep_time = group, number, keep_time
        self._plan = StreamPlan(group.checkpoint)
        self._block = 0  # of latents, asked for so far
        self._latents: asyncio.Future[orders.Done] | None = None  # the newest block's
        self._last: Frames = np.zeros((FRAMES_PER_BLOCK, *self._plan.video.frame_shape), np.uint8)
        self._asked: asyncio.Task[AvBlock] | None = None
        self._room = asyncio.Event()
        self._closed = False

    @property
    def video(self) -> VideoFormat:
        return self._plan.video

    @property
    def rate(self) -> Rate:
        return self._plan.rate

    @property
    def timeline(self) -> Timeline:
        return self._plan.timeline

    async def begin(self) -> None:
        """The decoder sees the still where it is latent 0 of the stream, and the first block is begun."""
        plan = self._plan
        if plan.checkpoint.begins_with_reference:
            await self._begin_block(None)
            await self._group.decode(
                orders.Decode(session=self._number, block=self._block, number=plan.show_next(), first=True)
            )

    async def speak(self, pcm: Pcm, *, timing: SpeechTiming | None, epoch: int) -> None:
        timeline = self._plan.timeline
        while not self._closed and timeline.queued_samples >= MOST_QUEUED_S * SPEECH_RATE_HZ:
            self._check_alive()
            if epoch != timeline.epoch:
                break  # older: dropped; newer: drops the rest
            self._room.clear()
            await self._room.wait()
        if self._closed:
            raise SessionClosed(SessionClosed.__doc__)
        self._check_alive()
        timeline.speak(pcm, epoch)

    def listen(self, pcm: Pcm, *, speaker_id: str | None = None, gaze_xy: tuple[float, float] | None = None) -> None:
        """Taken and dropped: no open checkpoint has been trained to listen."""

    def interrupt(self, epoch: int) -> None:
        self._plan.timeline.interrupt(epoch)
        self._room.set()

    def blocks(self) -> AsyncIterator[AvBlock]:
        return Blocks(self.next_block)

    async def next_block(self) -> AvBlock:
        """One block; a call that was cancelled is answered by the next one. Raises EngineDied, StopAsyncIteration."""
        if self._closed:
            raise StopAsyncIteration
        if self._asked is None:
            self._asked = asyncio.create_task(self._make(), name="group block")
        asked = self._asked
        try:
            block = await asyncio.shield(asked)
        except EngineDied:
            if self._closed:
                raise StopAsyncIteration from None
            raise
        finally:
            self._room.set()
        self._asked = None
        return block

    async def aclose(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._room.set()
        if self._asked is not None:
            with suppress(EngineDied):
                await self._asked
        self._group.close(self._number)
        log_rate(self.rate)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()

    # --- a block -----------------------------------------------------------------------------------------------------

    async def _make(self) -> AvBlock:
        plan, asked_s = self._plan, time.monotonic()
        if self._keep_time and not plan.pending and plan.behind_s > 0:
            plan.note_held()
            block = plan.with_sound(np.repeat(self._last[-1:], FRAMES_PER_BLOCK, axis=0))
            self._begin_block(None)
            return block
        await self._latents_that_stand()
        number = plan.show_next()
        decoded = self._group.decode(orders.Decode(session=self._number, block=self._block, number=number))
        block = plan.with_sound(self._last)  # the sound of this block is settled now, so that the next can be begun
        late = plan.behind_s > 0 or time.monotonic() - asked_s > FRAMES_PER_BLOCK / plan.video.fps
        if not plan.pending and not (self._keep_time and late):
            self._begin_block(None)
        frames = (await decoded).frames
        assert frames is not None
        frames.flags.writeable = False
        self._last = frames
        plan.note_made(time.monotonic() - asked_s)
        return replace(block, frames=frames)

    async def _latents_that_stand(self) -> None:
        """Latents to show, made with the sound they will be shown with. A word more while they are made does not make
        them a second time; an interruption does, whenever it comes."""
        plan, again = self._plan, False
        while True:
            if not plan.pending:
                self._begin_block(None)
            epoch = plan.timeline.epoch
            assert self._latents is not None
            if not plan.plan_stands() and not again:
                again = True
                self._begin_block(plan.drop_unshown())
            await self._latents
            if plan.timeline.epoch == epoch and (again or plan.plan_stands()):
                return
            again = again and plan.timeline.epoch == epoch

    def _begin_block(self, forget_after: int | None) -> asyncio.Future[orders.Done]:
        self._block += 1
        order = orders.Denoise(
            session=self._number, block=self._block, planned=self._plan.plan_block(), forget_after=forget_after
        )
        self._latents = self._group.denoise(order)
        return self._latents

    def _check_alive(self) -> None:
        if self._group.died is not None:
            raise self._group.died


class GroupEngine:
    """Sessions of one group of processes. A group that died is started again by the next `open` or `ready`."""

    def __init__(
        self, options: GroupOptions, *, name: str = "diffusion", keep_time: bool = True, most_measured: int = 0
    ) -> None:
        """`most_measured`: how many sessions at most are tried when the group has started, to find `capacity`."""
        self.name, self.capacity, self._most_measured = name, options.most_together, most_measured
        self.options, self._keep_time = options, keep_time
        self._group: Group | None = None
        self._starting = asyncio.Lock()

    @property
    def group(self) -> Group | None:
        """The group that is alive, if one is."""
        return self._group if self._group is not None and self._group.died is None else None

    @property
    def checkpoint(self) -> Checkpoint | None:
        return self._group.checkpoint if self._group else None

    async def ready(self) -> Group:
        """A group that is alive and has made its first blocks. Raises EngineDied, BadCheckpoint and their like."""
        async with self._starting:
            if (alive := self.group) is not None:
                return alive
            if self._group is not None:
                await self._group.aclose()
            group = self._group = Group(self.options)
            await group.start()
            await self._warm_up(group)
            if self._most_measured:
                self.capacity = await self._measured(group)
            return group

    async def open(self, character: CharacterAssets, video: VideoFormat) -> GroupSession:
        require_consent(character)
        if min(video.width, video.height) < SMALLEST_PX or video.fps < SLOWEST_FPS:
            raise BadFormat(f"{video.width}x{video.height} at {video.fps} is less than this engine can be asked for")
        group = await self.ready()
        checkpoint = group.checkpoint
        still = await asyncio.to_thread(
            still_of, character.image, width=checkpoint.width_px, height=checkpoint.height_px
        )
        return await self._open(group, still, character.seed)

    async def warm_up(self) -> None:
        """For a server. Raises what `ready` raises."""
        await self.ready()

    async def until_down(self) -> None:
        """Returns when the group that was ready has died."""
        if self._group is not None:
            await self._group.ended.wait()

    def figures(self) -> dict[str, float]:
        """Median milliseconds of each stage on each rank, for metrics."""
        return self._group.figures() if self._group is not None else {}

    async def aclose(self) -> None:
        if self._group is not None:
            await self._group.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()

    async def _open(self, group: Group, still: NDArray[np.float32], seed: int) -> GroupSession:
        session = GroupSession(group, await group.open(still, seed), keep_time=self._keep_time)
        await session.begin()
        return session

    async def _measured(self, group: Group) -> int:
        from engine.diffusion.capacity import capacity, measure

        loads = await measure(group, self._most_measured)
        log.info("%d sessions keep up", capacity(loads))
        return capacity(loads)

    async def _warm_up(self, group: Group) -> None:
        """Until the ring has turned: what is compiled or captured comes before the first session."""
        checkpoint = group.checkpoint
        still = np.zeros((1, 3, 1, checkpoint.height_px, checkpoint.width_px), np.float32)
        blocks = WARM_BLOCKS if self.options.path == "eager" else checkpoint.window_latents + WARM_BLOCKS
        async with await self._open(group, still, 0) as session:
            for _ in range(blocks):
                await session.next_block()
