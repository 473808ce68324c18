"""The diffusion engine behind the engine contract: one worker thread for each session, so the event loop never waits.

A checkpoint has its own size and rate: `Session.video` says which. What the others say does not reach the picture: no
open checkpoint has been trained to listen; while nothing is said the same loop runs on silence, with the listening
prompt where the checkpoint has one.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AsyncExitStack
from pathlib import Path as FilePath
from threading import Lock
from typing import TYPE_CHECKING, Any, Self

from engine.api import (
    SPEECH_RATE_HZ,
    AvBlock,
    BadFormat,
    CharacterAssets,
    EngineDied,
    Pcm,
    SessionClosed,
    SpeechTiming,
    VideoFormat,
    require_consent,
)
from engine.blocks import Blocks
from engine.diffusion.devices import best_device, require_device
from engine.diffusion.errors import NotEnoughMemory, PartMissing
from engine.diffusion.plan import log_drift, log_rate

if TYPE_CHECKING:
    from engine.diffusion.bundle import Bundle
    from engine.diffusion.plan import Rate
    from engine.diffusion.stream import FaceStream

MOST_QUEUED_S = 60
SMALLEST_PX = 16
SLOWEST_FPS = 8


class DiffusionSession:
    """One live face. The worker thread owns the stream; the loop only queues sound and awaits blocks. Its rate is in
    the log when it closes."""

    def __init__(self, stream: FaceStream, worker: ThreadPoolExecutor) -> None:
        self._stream: FaceStream | None = stream
        self._worker = worker
        self._video, self._timeline, self._rate = stream.video, stream.timeline, stream.rate
        self._asked: Future[AvBlock] | None = None  # the block being made
        self._closed = False
        self._failure = ""
        self._room = asyncio.Event()

    @property
    def video(self) -> VideoFormat:
        return self._video

    @property
    def rate(self) -> Rate:
        """How fast blocks have been made so far."""
        return self._stream.rate if self._stream is not None else self._rate

    async def speak(self, pcm: Pcm, *, timing: SpeechTiming | None, epoch: int) -> None:
        timeline = self._timeline
        self._check_open()
        while timeline.queued_samples >= MOST_QUEUED_S * SPEECH_RATE_HZ:
            if epoch != timeline.epoch:
                break  # older: dropped; newer: drops the rest
            self._room.clear()
            await self._room.wait()
            self._check_open()
        timeline.speak(pcm, epoch)

    def _check_open(self) -> None:
        if self._closed:
            raise SessionClosed
        if self._failure:
            raise EngineDied(self._failure)

    def listen(self, pcm: Pcm, *, speaker_id: str | None = None, gaze_xy: tuple[float, float] | None = None) -> None:
        """Taken and dropped: see the module."""

    def interrupt(self, epoch: int) -> None:
        self._timeline.interrupt(epoch)
        self._room.set()

    def blocks(self) -> AsyncIterator[AvBlock]:
        return Blocks(self.next_block)

    async def next_block(self) -> AvBlock:
        """One block; a call that was cancelled is answered by the next one. Raises EngineDied, StopAsyncIteration."""
        if self._closed:
            raise StopAsyncIteration
        if self._failure:
            raise EngineDied(self._failure)
        self._asked = self._asked or self._worker.submit(self._make)
        made = asyncio.wrap_future(self._asked)
        await asyncio.wait({made})
        error = made.exception()
        if self._closed:
            raise StopAsyncIteration
        self._room.set()
        if error is not None:
            self._failure = f"the diffusion engine failed: {error}"
            raise EngineDied(self._failure) from error
        self._asked = self._worker.submit(self._make)
        return made.result()

    def _make(self) -> AvBlock:
        import torch

        stream = self._stream
        assert stream is not None
        with torch.inference_mode():
            stream.settle()
            return stream.next_block()

    async def aclose(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._room.set()
        drift = await asyncio.to_thread(self._end)
        self._rate, self._stream, self._asked = self.rate, None, None  # ring, graphs and decoder go, whoever keeps this
        log_rate(self._rate)
        log_drift(drift)

    def _end(self) -> float:
        """The block in the making is finished, not torn. How far the latents have gone from the still's."""
        self._worker.shutdown()
        assert self._stream is not None
        try:
            return self._stream.latents.drift.worst()
        except RuntimeError:  # the device has failed, which whoever asked for a block was told
            return math.nan

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()


class DiffusionEngine:
    """Sessions of one checkpoint; the weights are loaded once, with the first session."""

    def __init__(
        self,
        *,
        name: str,
        load: Callable[[], Bundle],
        path: str = "eager",
        keep_time: bool = True,
        attention: str = "auto",
    ) -> None:
        """`keep_time`: hold the last frame where generating is slower than playing, so that sound never waits. Without
        it the same sound gives the same frames on any machine, however slow. `attention`: see `model.attention`."""
        self.name = name
        self._load, self._path, self._keep_time, self._attention = load, path, keep_time, attention
        self._bundle: Bundle | None = None
        self._loading = Lock()

    async def open(self, character: CharacterAssets, video: VideoFormat) -> DiffusionSession:
        require_consent(character)
        if min(video.width, video.height) < SMALLEST_PX or video.fps < SLOWEST_FPS:
            raise BadFormat(f"{video.width}x{video.height} at {video.fps} is less than this engine can be asked for")
        async with AsyncExitStack() as stack:
            worker = ThreadPoolExecutor(1, thread_name_prefix=self.name)
            stack.callback(worker.shutdown, wait=False)
            stream = await asyncio.wrap_future(worker.submit(self._opened, character))
            stack.pop_all()  # from here on the session owns the worker
        return DiffusionSession(stream, worker)

    def _opened(self, character: CharacterAssets) -> FaceStream:
        """Raises what the contract says, whatever torch reports."""
        import torch

        try:
            return self._open(character)
        except (torch.OutOfMemoryError, MemoryError) as error:
            raise NotEnoughMemory(f"no room for one more session: {error}") from error
        except RuntimeError as error:
            raise EngineDied(f"the diffusion engine could not begin: {error}") from error

    def _open(self, character: CharacterAssets) -> FaceStream:
        import torch

        from engine.diffusion.frames import read_still
        from engine.diffusion.graphs import Path, compile_blocks
        from engine.diffusion.stream import FaceStream

        path = Path(self._path)
        with self._loading:
            if self._bundle is None:
                self._bundle = self._load()
                if path.compiled:
                    compile_blocks(self._bundle.trunk)
            bundle = self._bundle
        checkpoint = bundle.checkpoint
        if bundle.device.type == "cuda":
            torch.cuda.set_device(bundle.device)  # of this thread, which makes all of the session's blocks
        with torch.inference_mode():
            still = read_still(character.image, width=checkpoint.width_px, height=checkpoint.height_px)
            return FaceStream(
                bundle,
                still,
                seed=character.seed,
                path=path,
                keep_time=self._keep_time,
                attention=self._attention,
            )


def tiny_engine(*, preset: str = "tiny", seed: int = 0, **options: Any) -> DiffusionEngine:
    """A tiny random model on the CPU: the whole path runs, the picture is noise."""
    _require_torch()

    def load() -> Bundle:
        import torch

        from engine.diffusion.bundle import random_bundle
        from engine.diffusion.config import PRESETS

        torch.set_num_threads(1)
        return random_bundle(PRESETS[preset], seed=seed)

    return DiffusionEngine(name="diffusion-tiny", load=load, **options)


def checkpoint_engine(
    *, checkpoint: str | FilePath, device: str | None = None, path: str | None = None, **options: Any
) -> DiffusionEngine:
    """The weights in a folder: bfloat16 from captured graphs on a GPU, float32 as written on a CPU. Raises PartMissing
    where there is no such device; opening raises BadCheckpoint and NotEnoughMemory."""
    _require_torch()
    import torch

    where = device or best_device()
    require_device(where)
    on_gpu = where.startswith("cuda")

    def load() -> Bundle:
        from engine.diffusion.weights import find, load

        return load(find(FilePath(checkpoint)), device=where, dtype=torch.bfloat16 if on_gpu else torch.float32)

    return DiffusionEngine(name="diffusion", load=load, path=path or ("graph" if on_gpu else "eager"), **options)


def _require_torch() -> None:
    """Finds out without the seconds an import takes."""
    import importlib.util

    if importlib.util.find_spec("torch") is None:
        raise PartMissing
