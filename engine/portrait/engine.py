"""The portrait engine: sessions whose frames are painted by a process of their own. Knows the process, no picture.

Painters are forked from one process that has loaded what all of them need, so a further face costs little more than
its textures. A session holds a socket to its process and a ring of blocks in shared memory without a name (memfd), so
nothing is left in /dev/shm whichever side dies. Blocks are made when asked for, none ahead: speech and interruptions
show in the very next block.
"""

from __future__ import annotations

import asyncio
import mmap
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Self

import numpy as np

from engine.api import (
    FRAMES_PER_BLOCK,
    SPEECH_RATE_HZ,
    AvBlock,
    BadCharacter,
    BadFormat,
    CharacterAssets,
    EngineDied,
    Frames,
    Pcm,
    Session,
    SessionClosed,
    SpeechTiming,
    VideoFormat,
    require_consent,
)
from engine.blocks import Blocks
from engine.pieces import pieces_of
from engine.portrait import wire
from engine.portrait.nursery import GOES_ON

FORMATS = (VideoFormat(width=1280, height=720, fps=24), VideoFormat(width=640, height=360, fps=24))
STEP_TIMEOUT_S = 120.0  # of loading and compiling, which may take longer in all on a busy machine
OPEN_TIMEOUT_S = 120.0
BLOCK_TIMEOUT_S = 10.0
END_TIMEOUT_S = 2.0
MAX_QUEUED_S = 60
MAX_UNSENT_BYTES = 256 * 1024  # of listening; beyond it the process is behind and the sound is dropped
_ROOT = Path(__file__).resolve().parents[2]


class PortraitEngine:
    """One still and its record to a talking head. `cache_dir` keeps compiled code between runs; without it, beside
    the source."""

    name = "portrait"
    formats = FORMATS

    def __init__(self, *, cache_dir: Path | None = None) -> None:
        self._nursery = Nursery(cache_dir)

    async def open(self, character: CharacterAssets, video: VideoFormat) -> Session:
        """Starts the process; a second or two, several where nothing is compiled yet. Raises BadFormat, BadCharacter,
        ConsentMissing, EngineDied."""
        require_consent(character)
        if video not in FORMATS:
            shown = ", ".join(f"{f.width}x{f.height} at {f.fps}" for f in FORMATS)
            raise BadFormat(f"the portrait engine makes {shown}, not {video.width}x{video.height} at {video.fps}")
        session = PortraitSession(video, self._nursery)
        try:
            await session.start(character)
        except BaseException:
            await session.aclose()
            raise
        return session


class Nursery:
    """The process painters are forked from; it is there while any session is. See `engine.portrait.nursery`."""

    def __init__(self, cache_dir: Path | None) -> None:
        self._cache_dir = cache_dir
        self._users = 0
        self._changing = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None
        self._control: socket.socket | None = None

    async def enter(self) -> None:
        """Raises EngineDied."""
        self._users += 1
        async with self._changing:
            if self._process is not None and self._process.returncode is not None:
                await self._end()  # it died, and its painters with it
            if self._process is None:
                await self._begin()

    def fork(self, socket_fd: int, memory_fd: int) -> None:
        """Raises EngineDied."""
        assert self._control is not None
        try:
            socket.send_fds(self._control, [b"f"], [socket_fd, memory_fd])
        except OSError as error:
            raise EngineDied("the portrait process ended") from error

    async def leave(self) -> None:
        self._users -= 1
        async with self._changing:
            if not self._users:
                await self._end()

    async def _begin(self) -> None:
        ours, theirs = socket.socketpair()
        self._control = ours
        ours.setblocking(False)
        arguments = (str(theirs.fileno()), str(os.getpid()), str(self._cache_dir or ""))
        try:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "engine.portrait.nursery", *arguments,
                pass_fds=(theirs.fileno(),), stdin=asyncio.subprocess.DEVNULL, cwd=_ROOT,
            )  # fmt: skip
        finally:
            theirs.close()
        await loaded(ours, step_timeout_s=STEP_TIMEOUT_S)

    async def _end(self) -> None:
        control, process = self._control, self._process
        self._control = self._process = None
        if control is not None:
            control.close()
        if process is None:
            return
        try:
            async with asyncio.timeout(END_TIMEOUT_S):
                await process.wait()
        except TimeoutError:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


class PortraitSession:
    """See `engine.api.Session`. Made by `PortraitEngine.open`."""

    def __init__(self, video: VideoFormat, nursery: Nursery) -> None:
        self._video = video
        self._nursery = nursery
        self._shape = (wire.SLOTS, FRAMES_PER_BLOCK, *video.frame_shape)
        self._entered = False
        self._painter: int | None = None  # a descriptor of its process
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._ring: Frames = np.zeros(0, np.uint8)
        self._closed = False
        self._epoch = 0
        self._queued = 0
        self._dead = False
        self._room = asyncio.Event()  # set whenever there may be room for more speech
        self._index = 0
        self._asked: asyncio.Task[AvBlock] | None = None

    @property
    def video(self) -> VideoFormat:
        return self._video

    async def start(self, character: CharacterAssets) -> None:
        self._entered = True
        await self._nursery.enter()
        memory_fd = os.memfd_create("portrait-frames")
        ours, theirs = socket.socketpair()
        try:
            size = int(np.prod(self._shape))
            os.ftruncate(memory_fd, size)
            self._ring = np.frombuffer(mmap.mmap(memory_fd, size), np.uint8).reshape(self._shape)
            self._nursery.fork(theirs.fileno(), memory_fd)
        except BaseException:
            ours.close()
            raise
        finally:
            os.close(memory_fd)
            theirs.close()
        self._reader, self._writer = await asyncio.open_unix_connection(sock=ours)
        opening = {
            "video": asdict(self._video),
            "image": str(character.image),
            "record": str(character.record) if character.record else None,
            "seed": character.seed,
        }
        self._writer.write(wire.packed(opening))
        answer, _ = await self._receive(OPEN_TIMEOUT_S)
        if "refused" in answer:
            raise BadCharacter(answer["refused"])
        try:
            self._painter = os.pidfd_open(answer["ready"])
        except ProcessLookupError as error:
            raise self._died("the portrait process ended") from error

    async def speak(self, pcm: Pcm, *, timing: SpeechTiming | None, epoch: int) -> None:
        self._check_open()
        if epoch < self._epoch:
            return
        self.interrupt(epoch)
        while not (self._closed or self._dead or self._takes_more(epoch)):
            self._room.clear()
            await self._room.wait()
        self._check_open()
        if epoch < self._epoch or not len(pcm):
            return
        self._queued += len(pcm)
        for piece, theirs in pieces_of(pcm, timing, most=wire.MAX_SAMPLES):
            self._send({"do": "speak", "epoch": epoch, "phonemes": wire.timing_to_wire(theirs)}, piece)

    def _takes_more(self, epoch: int) -> bool:
        return self._queued < MAX_QUEUED_S * SPEECH_RATE_HZ or epoch < self._epoch

    def listen(self, pcm: Pcm, *, speaker_id: str | None = None, gaze_xy: tuple[float, float] | None = None) -> None:
        writer = self._writer
        if self._closed or writer is None or writer.transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
            return
        self._send({"do": "listen", "gaze_xy": gaze_xy, "speaker_id": speaker_id}, pcm)

    def interrupt(self, epoch: int) -> None:
        if self._closed or epoch <= self._epoch:
            return
        self._epoch, self._queued = epoch, 0
        self._room.set()
        self._send({"do": "interrupt", "epoch": epoch})

    def blocks(self) -> AsyncIterator[AvBlock]:
        return Blocks(self.next_block)

    async def next_block(self) -> AvBlock:
        """One block; a call that was cancelled is answered by the next one. Raises EngineDied, StopAsyncIteration."""
        if self._closed:
            raise StopAsyncIteration
        if self._asked is None:
            self._asked = asyncio.create_task(self._make(), name="portrait block")
        asked = self._asked
        try:
            block = await asyncio.shield(asked)
        except EngineDied:
            if self._closed:
                raise StopAsyncIteration from None
            raise
        self._asked = None
        return block

    async def aclose(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._room.set()
        if self._writer is not None:
            self._writer.close()
            with suppress(OSError):
                await self._writer.wait_closed()
        if self._painter is not None:
            await _ended(self._painter)
        if self._entered:
            await self._nursery.leave()
        if self._asked is not None:
            with suppress(EngineDied):
                await self._asked

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()

    async def _make(self) -> AvBlock:
        index = self._index
        slot = index % wire.SLOTS
        self._send({"do": "make", "slot": slot})
        made, sound = await self._receive(BLOCK_TIMEOUT_S)
        self._index += 1
        if made["epoch"] == self._epoch:
            self._queued -= made["to"] - made["from"]
        self._room.set()
        frames = self._ring[slot].view()
        frames.setflags(write=False)
        sound.setflags(write=False)
        return AvBlock(
            epoch=made["epoch"],
            index=index,
            frames=frames,
            sound=sound,
            spoken_from=made["from"],
            spoken_to=made["to"],
        )

    def _send(self, message: wire.Message, pcm: Pcm | None = None) -> None:
        if self._writer is not None and not self._dead:
            self._writer.write(wire.packed(message, pcm))

    async def _receive(self, timeout_s: float) -> tuple[wire.Message, Pcm]:
        assert self._reader is not None
        try:
            async with asyncio.timeout(timeout_s):
                head, tail = wire.sizes(await self._reader.readexactly(wire.HEADER.size))
                return wire.unpacked(await self._reader.readexactly(head), await self._reader.readexactly(tail))
        except TimeoutError as error:
            raise self._died(f"the portrait process gave no answer in {timeout_s:.0f} s") from error
        except (asyncio.IncompleteReadError, OSError) as error:
            raise self._died("the portrait process ended") from error

    def _died(self, how: str) -> EngineDied:
        self._dead = True
        self._room.set()
        return EngineDied(how)

    def _check_open(self) -> None:
        if self._closed:
            raise SessionClosed(SessionClosed.__doc__)
        if self._dead:
            raise EngineDied("the portrait process ended")


async def loaded(control: socket.socket, *, step_timeout_s: float) -> None:
    """When the nursery has loaded and compiled everything, however long that takes it while it goes on. Raises
    EngineDied."""
    said = GOES_ON
    try:
        while said.endswith(GOES_ON):
            async with asyncio.timeout(step_timeout_s):
                said = await asyncio.get_running_loop().sock_recv(control, 4096)
    except (TimeoutError, OSError) as error:
        raise EngineDied(f"the portrait process got no further in {step_timeout_s:.0f} s of loading") from error
    if not said:
        raise EngineDied("the portrait process ended while it loaded")


async def _exited(pidfd: int) -> None:
    """When the process is gone; a process descriptor can be read from then on."""
    loop, gone = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(pidfd, gone.set)
    try:
        await gone.wait()
    finally:
        loop.remove_reader(pidfd)


async def _ended(pidfd: int) -> None:
    """The process ends by itself when its socket closes; it is killed where it does not."""
    try:
        async with asyncio.timeout(END_TIMEOUT_S):
            await _exited(pidfd)
    except TimeoutError:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        await _exited(pidfd)
    finally:
        os.close(pidfd)
