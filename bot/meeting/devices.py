"""The device thread: the one place where sound and picture leave for the meeting, paced by the microphone.

It writes ten milliseconds of sound at a time (the microphone blocks until there is room: that is the clock), then shows
the frame that belongs to what is being heard. The event loop only puts blocks in and reads the playback; when the loop
hangs, the thread goes on with silence, and the kill pipe still works: any byte on it silences the bot for good.
"""

from __future__ import annotations

import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bot.log import get_log
from bot.meeting.loudness import Loudness
from bot.meeting.own_voice import Sounded
from bot.meeting.playback import DEVICE_RATE_HZ, Playback, Run, audible_span
from connectors.base import Camera, DeviceFailed, Microphone

log = get_log(__name__)

STEP = DEVICE_RATE_HZ // 100  # 10 ms
LEAD = DEVICE_RATE_HZ * 12 // 100  # ask for the next block when less than 120 ms are left to write
# Within speech earlier: its next words are there, nobody waits longer for an answer, and a busy machine that takes a
# fifth of a second for a block tears no hole into a sentence.
SPEECH_LEAD = DEVICE_RATE_HZ * 28 // 100
_MOST_BLOCKS = 6
_FADE_STEPS = 3
_NICE = -11  # as the sound server has itself
_MOST_SOUNDED = 512  # pieces nobody takes while nothing is heard: 5 s


class Block(Protocol):
    """One block as the devices take it; `engine.output.PublishedBlock` is one. Frames carry the badge already."""

    @property
    def epoch(self) -> int: ...
    @property
    def index(self) -> int: ...
    @property
    def sound(self) -> NDArray[np.int16]: ...  # 48 kHz, the same length in every block
    @property
    def spoken_from(self) -> int: ...
    @property
    def spoken_to(self) -> int: ...


class Picture(Protocol):
    """What is to be on the camera now; `engine.sync.Shown` is one."""

    @property
    def frame(self) -> NDArray[np.uint8] | None: ...
    @property
    def epoch(self) -> int: ...
    @property
    def number(self) -> int | None: ...
    @property
    def waiting(self) -> bool: ...  # shown before its own sound is heard


class FrameClock(Protocol):
    """Which frame belongs to the sample being heard; `engine.sync.FrameSync` has the rule."""

    def append(self, block: Any, *, starts_at: int) -> None: ...
    def frame_at(self, heard: int) -> Picture: ...
    def flush(self, epoch: int) -> None: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Begun:
    """How one epoch's speech began at the device; `time.monotonic()` seconds."""

    taken_s: float | None = None  # the device was given its first sample
    leading_silence_s: float = 0.0  # in front of its first audible one
    first_frame_s: float | None = None  # the first frame that belongs to audible speech was on the camera


class Devices:
    """Owns the thread. `put`, `interrupt`, `duck` and the readers are safe from the event loop."""

    def __init__(
        self,
        microphone: Microphone,
        camera: Camera,
        clock: FrameClock,
        *,
        on_room: Callable[[], None],
        kill_fd: int,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._monotonic_s = monotonic_s
        self._loudness = Loudness(DEVICE_RATE_HZ)
        self._microphone, self._camera, self._clock, self._on_room = microphone, camera, clock, on_room
        self._kill_fd = kill_fd
        self._lock = threading.Lock()
        self._blocks: deque[Block] = deque()
        self._samples_per_frame = DEVICE_RATE_HZ // camera.fps
        self._number: int | None = None  # of the frame on the camera
        self._shown: NDArray[np.uint8] | None = None
        self._used = 0  # samples of the first block already written
        self._left = 0  # samples put and not yet written
        self._epoch = 0
        self._playback = Playback()
        self._sounded: deque[Sounded] = deque(maxlen=_MOST_SOUNDED)
        self._stop = threading.Event()
        self.running = True  # until the thread ends, for whatever reason
        self.killed = threading.Event()
        self.failure: DeviceFailed | None = None
        self._thread = threading.Thread(target=self._run, name="devices", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """End the thread; the devices themselves belong to the connector."""
        self._stop.set()
        self._thread.join(2.0)

    def has_room(self) -> bool:
        with self._lock:
            return self._wants_more() and len(self._blocks) < _MOST_BLOCKS

    def _wants_more(self) -> bool:
        speaks = bool(self._blocks) and self._blocks[-1].spoken_to > self._blocks[-1].spoken_from
        return self._left < (SPEECH_LEAD if speaks else LEAD)

    def put(self, block: Block) -> None:
        with self._lock:
            if block.epoch < self._epoch:
                return
            self._blocks.append(block)
            self._left += len(block.sound)

    def interrupt(self, epoch: int) -> None:
        """Nothing older than `epoch` is heard or seen after this returns, but what the device already holds fades."""
        self._microphone.flush(epoch)
        self._camera.flush(epoch)
        with self._lock:
            self._epoch = max(self._epoch, epoch)
            if self._blocks and self._blocks[0].epoch < epoch:
                self._used = 0
            kept = [block for block in self._blocks if block.epoch >= epoch]
            self._blocks = deque(kept)
            self._left = sum(len(block.sound) for block in kept) - self._used
            self._clock.flush(epoch)

    def duck(self, epoch: int, *, softer: bool) -> None:
        """The voice of `epoch` goes on softer, or as before. Face and words go on; another epoch is never softer."""
        with self._lock:
            self._loudness.duck(epoch, softer=softer)

    def silent_s(self, epoch: int) -> float | None:
        """When the last audible sample of a cut epoch left the device, its fade included; None while it has not."""
        with self._lock:
            return self._playback.silent_s(epoch)

    def spoken(self, epoch: int) -> tuple[int, float | None, float | None, float | None]:
        """(samples heard at 24 kHz, first audible at, last heard at, sound against picture in ms) of one epoch."""
        with self._lock:
            spoken = self._playback.of(epoch)
            return spoken.heard_to, spoken.first_audible_s, spoken.last_heard_s, spoken.offset_ms

    def begun(self, epoch: int) -> Begun:
        with self._lock:
            spoken = self._playback.of(epoch)
            return Begun(
                taken_s=spoken.taken_s,
                leading_silence_s=spoken.leading_silence_s,
                first_frame_s=spoken.first_frame_s,
            )

    def take_sounded(self) -> list[Sounded]:
        """What was written and is not silence, since the last call; also what is still to be heard."""
        with self._lock:
            taken = list(self._sounded)
            self._sounded.clear()
        return taken

    @property
    def shown(self) -> NDArray[np.uint8] | None:
        """The frame on the camera, not to be written to; None before the first one and after a kill."""
        return None if self.killed.is_set() else self._shown

    @property
    def filled_ms(self) -> float:
        """Silence written because no block was ready, in all."""
        with self._lock:
            return self._playback.filled / DEVICE_RATE_HZ * 1000.0

    def _run(self) -> None:
        # Ten milliseconds in time, whatever else computes; an ordinary user may not ask for it, and does without.
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
        try:
            while not self._stop.is_set():
                if self._kill_asked():
                    self._microphone.neutral()
                    self._camera.neutral()
                    self.killed.set()
                    self._on_room()
                    self._fade()
                    return
                self.step()
        except DeviceFailed as error:
            self.failure = error
        finally:
            self.running = False
            self._on_room()

    def _fade(self) -> None:
        """Time for the microphone to fade what it broke off: a stream that only stops ends with a click."""
        for _ in range(_FADE_STEPS):
            self._microphone.write(np.zeros(STEP, np.int16), epoch=self._epoch)

    def _kill_asked(self) -> bool:
        if self._kill_fd < 0:
            return False
        readable, _, _ = select.select([self._kill_fd], [], [], 0)
        # End of file means the parent is gone; that ends us by other ways and is no command to be silent.
        return bool(readable) and os.read(self._kill_fd, 64) != b""

    def step(self) -> None:
        """Ten milliseconds: the thread's one thing to do. Blocks until the microphone has room. Raises DeviceFailed."""
        sound, run = self._next()
        taken_s = self._monotonic_s()
        self._microphone.write(sound, epoch=run.epoch)
        now_s = self._monotonic_s()
        _, device_sample = self._microphone.heard()
        with self._lock:
            self._playback.wrote(run, taken_s=taken_s)
            self._playback.heard(device_sample, now_s)
            if sound.any():
                heard_s = now_s + (run.device_start - device_sample) / DEVICE_RATE_HZ
                self._sounded.append(Sounded(device_start=run.device_start, sound=sound, heard_s=heard_s))
            picture = self._clock.frame_at(device_sample)
            wants_more = self._wants_more()
        if picture.frame is not None and picture.number != self._number:
            self._show(picture, picture.frame, device_sample, now_s)
        if wants_more:
            self._on_room()

    def _show(self, picture: Picture, frame: NDArray[np.uint8], device_sample: int, now_s: float) -> None:
        self._camera.show(frame, epoch=picture.epoch)
        self._number, self._shown = picture.number, frame
        if picture.waiting or picture.number is None:
            return
        shown_s = self._monotonic_s()
        with self._lock:
            self._playback.showed(
                epoch=picture.epoch,
                media_sample=picture.number * self._samples_per_frame,
                device_sample=device_sample + int((shown_s - now_s) * DEVICE_RATE_HZ),
                now_s=shown_s,
            )

    def _next(self) -> tuple[NDArray[np.int16], Run]:
        """The next ten milliseconds: of the first block, or silence when there is none."""
        with self._lock:
            written = self._playback.written
            if not self._blocks:
                silence = np.zeros(STEP, np.int16)
                return silence, Run(
                    device_start=written, length=STEP, epoch=self._epoch, media_start=None, spoken_from=0, spoken_to=0
                )
            block, start = self._blocks[0], self._used
            if start == 0:
                self._clock.append(block, starts_at=written)
            sound = self._loudness.applied(block.sound[start : start + STEP], block.epoch)
            self._used += len(sound)
            self._left -= len(sound)
            if self._used >= len(block.sound):
                self._blocks.popleft()
                self._used = 0
            return sound, _run_of(block, start, sound, written)


def _run_of(block: Block, start: int, sound: NDArray[np.int16], written: int) -> Run:
    """Speech fills a block from its first sample on, two device samples for each spoken one."""
    total = block.spoken_to - block.spoken_from
    spoken_from = block.spoken_from + min(total, start // 2)
    spoken_to = block.spoken_from + min(total, (start + len(sound)) // 2)
    span = audible_span(sound) if spoken_to > spoken_from else None
    return Run(
        device_start=written,
        length=len(sound),
        epoch=block.epoch,
        media_start=block.index * len(block.sound) + start,
        spoken_from=spoken_from,
        spoken_to=spoken_to,
        audible_at=None if span is None else written + span[0],
        audible_to=None if span is None else written + span[1],
    )
