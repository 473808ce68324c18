"""WebRTC's echo canceller (AEC3), out of the `livekit` package: of it only the audio processing module is used.

No room is opened and nothing is sent: the library is told which sound was played and which was heard, ten milliseconds
at a time, and works in place.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np

from bot.hearing.base import RATE_HZ, Pcm

FRAME_SAMPLES = RATE_HZ // 100


def installed() -> bool:
    return find_spec("livekit") is not None


def load() -> None:
    """Import the library (30 MB, a quarter of a second) and start it, so that the first echo does not wait for it."""
    WebRtcCanceller()


class WebRtcCanceller:
    """One stream's canceller. Satisfies `echo.Canceller`."""

    def __init__(self) -> None:
        from livekit.rtc import AudioFrame, AudioProcessingModule

        self._frame: Any = AudioFrame
        self._module = AudioProcessingModule(echo_cancellation=True)

    def process(self, heard: Pcm, played: Pcm) -> Pcm:
        """`heard` without the echo of `played`, which came before it by some milliseconds and is as long."""
        length = len(heard)
        missing = -length % FRAME_SAMPLES
        if missing:
            heard, played = np.pad(heard, (0, missing)), np.pad(played, (0, missing))
        cleaned = [
            self._ten_ms(heard[at : at + FRAME_SAMPLES], played[at : at + FRAME_SAMPLES])
            for at in range(0, len(heard), FRAME_SAMPLES)
        ]
        return np.concatenate(cleaned)[:length] if cleaned else heard

    def _ten_ms(self, heard: Pcm, played: Pcm) -> Pcm:
        self._module.process_reverse_stream(self._frame(bytearray(played.tobytes()), RATE_HZ, 1, FRAME_SAMPLES))
        frame = self._frame(bytearray(heard.tobytes()), RATE_HZ, 1, FRAME_SAMPLES)
        self._module.process_stream(frame)
        return np.frombuffer(frame.data, np.int16)
