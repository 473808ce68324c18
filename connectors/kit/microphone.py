"""The virtual microphone: one persistent stream into the bot's own sound server, silence included.

Sound goes out in slices of 10 ms and the server holds 50 ms, so a flush need not take anything back: from the next
slice on the old sound fades to silence, which is heard about 80 ms later, positions keep counting and nothing clicks.
(Taking back what the server holds saves 50 ms and cuts the wave at a place the server does not tell.)
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np

from connectors.base import MICROPHONE_RATE_HZ
from connectors.kit.pulse import Pcm, Playback

SLICE = MICROPHONE_RATE_HZ // 100
RAMP = MICROPHONE_RATE_HZ // 50
LOUD = 300  # peak from which a slice counts as voice, of 32767
# Of which the server holds 50 ms. A busy machine keeps a thread waiting for 30 now and then: a hole in a sentence.
TARGET_S = 0.08
LOCK_S = 0.5  # a device that does not take sound for so long is not waited for


class Device(Protocol):
    """Where the samples go: `kit.pulse.Playback`, or a model of it."""

    def write(self, pcm: Pcm) -> None: ...

    def delay_s(self) -> float: ...

    def close(self) -> None: ...


class VirtualMicrophone:
    """Implements `connectors.base.Microphone`. After a flush, positions that fall silent count to the new epoch."""

    def __init__(self, device: Device, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._device, self._monotonic_s = device, monotonic_s
        self._lock = threading.Lock()
        self._floor = 0  # sound of an older epoch is silence
        self._muted = False
        self._written = self._loud = 0
        self._runs: deque[tuple[int, int]] = deque([(0, 0)])  # (first sample, epoch), ascending
        self._last: Pcm = np.zeros(RAMP, np.int16)  # the newest sound written
        self._tail: Pcm = np.zeros(0, np.int16)  # what is left of the fade of flushed sound
        self._noted = (0.0, 0.0)  # (when, samples that had left the device by then)
        self._heard = 0

    def write(self, pcm: Pcm, *, epoch: int) -> None:
        for start in range(0, len(pcm), SLICE):
            with self._lock:
                piece = np.asarray(pcm[start : start + SLICE], np.int16)
                silent = self._muted or epoch < self._floor
                self._put(np.zeros_like(piece) if silent else piece, max(epoch, self._floor))

    def flush(self, epoch: int) -> None:
        if epoch > self._floor:
            self._floor = epoch
            self._fade()

    def neutral(self) -> None:
        if not self._muted:
            self._muted = True
            self._fade()

    @property
    def spoken_s(self) -> float:
        """From any thread: how many seconds of what went to the device were not silent."""
        return self._loud / MICROPHONE_RATE_HZ

    def heard(self) -> tuple[int, int]:
        noted_s, left = self._noted
        now = left + (self._monotonic_s() - noted_s) * MICROPHONE_RATE_HZ
        self._heard = max(self._heard, min(self._written, int(now)))
        heard = self._heard
        epoch = next((run_epoch for first, run_epoch in reversed(tuple(self._runs)) if first <= heard), 0)
        return epoch, heard

    def close(self) -> None:
        """End the stream; whoever still writes gets DeviceFailed."""
        if self._lock.acquire(timeout=LOCK_S):
            try:
                self._device.close()
            finally:
                self._lock.release()

    def _put(self, pcm: Pcm, epoch: int) -> None:
        if epoch != self._runs[-1][1]:
            self._runs.append((self._written, epoch))
        sound = pcm.copy()
        fading = min(len(self._tail), len(sound))
        sound[:fading] = np.clip(sound[:fading].astype(np.int32) + self._tail[:fading], -32768, 32767)
        self._tail = self._tail[fading:]
        self._device.write(sound)
        self._last = np.concatenate([self._last, sound])[-RAMP:]
        self._written += len(sound)
        self._loud += len(sound) if np.abs(sound.astype(np.int32)).max(initial=0) > LOUD else 0
        self._note()

    def _note(self) -> None:
        left = max(0.0, self._written - self._device.delay_s() * MICROPHONE_RATE_HZ)
        self._noted = (self._monotonic_s(), left)
        while len(self._runs) > 1 and self._runs[1][0] <= self._heard:
            self._runs.popleft()

    def _fade(self) -> None:
        # A device that hangs is not waited for: what it holds is all that still sounds.
        if self._lock.acquire(timeout=LOCK_S):
            try:
                self._tail = fade_of(self._last)
            finally:
                self._lock.release()


def fade_of(last: Pcm) -> Pcm:
    """An end for sound that stops: its last stretch played backwards, which starts where it stopped, and falling."""
    return (last[::-1] * np.linspace(1.0, 0.0, len(last), dtype=np.float32)).astype(np.int16)


def open_microphone(address: str, sink: str) -> VirtualMicrophone:
    """A microphone on a running sound server. Blocks for milliseconds. Raises DeviceFailed."""
    return VirtualMicrophone(Playback(address, sink, rate_hz=MICROPHONE_RATE_HZ, target_s=TARGET_S))


def microphone_script() -> str:
    """The page part, for a context's init scripts: the browser leaves our sound as it is."""
    return f"({(Path(__file__).parent / 'microphone.js').read_text('utf-8')})()"
