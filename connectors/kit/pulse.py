"""PulseAudio's simple API by ctypes: play, record, ask for the delay. Knows no server of its own.

Every call may block; ctypes frees the interpreter meanwhile. Structures and constants are those of pulse/simple.h and
pulse/def.h (PulseAudio 16). Sound is s16 little-endian.
"""

from __future__ import annotations

import ctypes
import functools
import threading
import time

import numpy as np
from numpy.typing import NDArray

from connectors.base import DeviceFailed
from connectors.kit.fill import Fill

SAMPLE_S16LE = 3
PLAYBACK, RECORD = 1, 2
SERVER_CHOOSES = 0xFFFFFFFF
BYTES = 2
REQUEST_S = 0.01  # of sound the server asks for at a time

Pcm = NDArray[np.int16]


class _Format(ctypes.Structure):
    _fields_ = (("format", ctypes.c_int), ("rate", ctypes.c_uint32), ("channels", ctypes.c_uint8))


class _Buffer(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_uint32) for name in ("maxlength", "tlength", "prebuf", "minreq", "fragsize"))


@functools.cache
def _library() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL("libpulse-simple.so.0")
    except OSError as error:
        raise DeviceFailed("the library libpulse-simple is not installed (Debian: libpulse0)") from error
    error_p = ctypes.POINTER(ctypes.c_int)
    text = ctypes.c_char_p
    library.pa_simple_new.restype = ctypes.c_void_p
    library.pa_simple_new.argtypes = [
        text, text, ctypes.c_int, text, text, ctypes.POINTER(_Format), ctypes.c_void_p, ctypes.POINTER(_Buffer), error_p
    ]  # fmt: skip
    for verb in ("write", "read"):
        getattr(library, f"pa_simple_{verb}").argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, error_p]
    library.pa_simple_get_latency.restype = ctypes.c_uint64
    for verb in ("get_latency", "flush", "drain"):
        getattr(library, f"pa_simple_{verb}").argtypes = [ctypes.c_void_p, error_p]
    library.pa_simple_free.argtypes = [ctypes.c_void_p]
    library.pa_simple_free.restype = None
    return library


class _Stream:
    def __init__(self, server: str, device: str, direction: int, rate_hz: int, channels: int, buffer: _Buffer) -> None:
        self.rate_hz, self.channels = rate_hz, channels
        self._library = _library()
        self._error = ctypes.c_int()
        self._closing = threading.Lock()
        self._handle: int | None = self._library.pa_simple_new(
            server.encode(),
            b"understudy",
            direction,
            device.encode(),
            b"bot",
            ctypes.byref(_Format(SAMPLE_S16LE, rate_hz, channels)),
            None,
            ctypes.byref(buffer),
            ctypes.byref(self._error),
        )
        if not self._handle:
            raise DeviceFailed(f"the sound server does not open {device} (PulseAudio error {self._error.value})")

    def close(self) -> None:
        """Safe twice; nobody may be inside another call."""
        with self._closing:
            if self._handle:
                self._library.pa_simple_free(self._handle)
                self._handle = None

    def _call(self, verb: str, *arguments: object) -> int:
        if not self._handle:
            raise DeviceFailed("the sound stream is closed")
        self._error.value = 0
        result = int(getattr(self._library, f"pa_simple_{verb}")(self._handle, *arguments, ctypes.byref(self._error)))
        if self._error.value:
            raise DeviceFailed(f"the sound server failed in {verb} (PulseAudio error {self._error.value})")
        return result


class Playback(_Stream):
    """Sound into a sink. Of `target_s` the server leaves a part to the sink (`held_of`), and a sink without a device
    gives what it has at once; after a pause it starts again with 10 ms of sound."""

    def __init__(
        self, server: str, sink: str, *, rate_hz: int = 48_000, channels: int = 1, target_s: float = 0.04
    ) -> None:
        second = rate_hz * channels * BYTES
        target = _whole(second * target_s, channels)
        start = _whole(min(second * REQUEST_S, target), channels)
        buffer = _Buffer(target, target, start, _whole(second * REQUEST_S, channels), SERVER_CHOOSES)
        self._fill, self._samples_per_s = Fill(held_of(target_s)), rate_hz * channels
        super().__init__(server, sink, PLAYBACK, rate_hz, channels, buffer)

    def write(self, pcm: Pcm) -> None:
        """Blocks until the server has room. Raises DeviceFailed."""
        sound = np.ascontiguousarray(pcm, np.int16)
        began_s = time.monotonic()
        self._call("write", sound.ctypes.data, sound.nbytes)
        self._fill.wrote(len(sound) / self._samples_per_s, began_s=began_s, now_s=time.monotonic())

    def delay_s(self) -> float:
        """Until a sample written now leaves the device."""
        return self._fill.held_s(time.monotonic())

    def flush(self) -> None:
        """Forget what the server holds and has not rendered yet."""
        self._call("flush")
        self._fill.emptied()

    def drain(self) -> None:
        """Wait until all that was written has left the device."""
        self._call("drain")


class Record(_Stream):
    """Sound from a source, in pieces of `piece_s`."""

    def __init__(
        self, server: str, source: str, *, rate_hz: int = 48_000, channels: int = 1, piece_s: float = 0.02
    ) -> None:
        piece = _whole(rate_hz * channels * BYTES * piece_s, channels)
        buffer = _Buffer(SERVER_CHOOSES, SERVER_CHOOSES, SERVER_CHOOSES, SERVER_CHOOSES, piece)
        super().__init__(server, source, RECORD, rate_hz, channels, buffer)

    def read(self, frames: int) -> Pcm:
        """Blocks until `frames` are there; shape (frames * channels,), channels interleaved. Raises DeviceFailed."""
        sound = np.empty(frames * self.channels, np.int16)
        self._call("read", sound.ctypes.data, sound.nbytes)
        return sound

    def delay_s(self) -> float:
        """The age of the next sample read."""
        return int(self._call("get_latency")) / 1e6


def held_of(target_s: float) -> float:
    """What the server itself keeps of a stream's target: the sink is asked for half of what is over two requests
    (PulseAudio 16, protocol-native.c, fix_playback_buffer_attr, with ADJUST_LATENCY, which the simple API sets)."""
    return target_s - max(0.0, target_s - 2 * REQUEST_S) / 2


def _whole(size: float, channels: int) -> int:
    frame = channels * BYTES
    return max(frame, int(size) // frame * frame)
