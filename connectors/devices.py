"""A bot's voice and picture on their way into a meeting: part of the connector's contract (`base.py`), which has the
rates and shapes.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Pcm = NDArray[np.int16]
Frame = NDArray[np.uint8]


class Microphone(Protocol):
    """The bot's voice into the meeting: one persistent stream, silence included. Called from the device thread."""

    def write(self, pcm: Pcm, *, epoch: int) -> None:
        """Hand over s16 mono 48 kHz sound; blocks until the device has room (it holds at most 60 ms). Sound of an
        epoch older than the last flush is replaced by silence of the same length, so positions keep counting.
        Raises DeviceFailed."""
        ...

    def flush(self, epoch: int) -> None:
        """From any thread: silence all sound older than `epoch` that has not left the device, with a short ramp."""
        ...

    def heard(self) -> tuple[int, int]:
        """From any thread: (epoch, sample) now leaving the device, `sample` counting everything ever written."""
        ...

    def neutral(self) -> None:
        """From any thread, even when the event loop hangs: silence from now on, whatever is written; final."""
        ...


class Camera(Protocol):
    """The bot's picture into the meeting. Called from the device thread."""

    @property
    def width(self) -> int: ...

    @property
    def height(self) -> int: ...

    @property
    def fps(self) -> int: ...

    def show(self, frame: Frame, *, epoch: int) -> None:
        """Present one I420 frame, shape (height * 3 // 2, width), at once. A frame of an epoch older than the last
        flush is not shown. Raises DeviceFailed."""
        ...

    def flush(self, epoch: int) -> None:
        """From any thread: no frame older than `epoch` is shown any more."""
        ...

    def set_neutral(self, frame: Frame) -> None:
        """The picture `neutral` shows; black until set."""
        ...

    def neutral(self) -> None:
        """From any thread: the neutral picture from now on, whatever is shown; final."""
        ...
