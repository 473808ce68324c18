"""The mouth of one face over time: phoneme times where they are known, sound where not, and no jumps. Knows no picture.

Everything depends on the PCM and timing of one epoch and on the frames already made, never on how the PCM was cut.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from engine.api import SPEECH_RATE_HZ, Pcm, SpeechTiming
from engine.lipsync.mouth import REST, Mouth
from engine.lipsync.sound import WINDOW, SoundMouth
from engine.lipsync.timed import REACH_S, Span, mouth_at, spans_of

OPENING_PER_FRAME = 0.13  # of the mouth's width at 24 fps: a mouth is no flap
CLOSING_PER_FRAME = 0.16
SHAPING_PER_FRAME = 0.28  # of every other number
_LOUD_RMS = 0.13  # a vowel at an ordinary level
_FPS = 24


@dataclass(slots=True)
class MouthTrack:
    """Feed it an epoch's timing as it comes, then ask for frames in order."""

    fps: int = _FPS
    _spans: list[Span] = field(default_factory=list)
    _timed: list[tuple[int, int]] = field(default_factory=list)  # spoken samples whose phonemes are known
    _sound: SoundMouth = field(default_factory=SoundMouth)
    _recent: NDArray[np.float64] = field(default_factory=lambda: np.zeros(WINDOW))
    _last: Mouth = REST

    def learn(self, timing: SpeechTiming | None, start: int, end: int) -> None:
        """Spoken samples `start`..`end` have these phonemes. Raises nothing: None means nobody knows them."""
        if timing is not None and timing.phonemes:
            self._spans.extend(spans_of(timing.phonemes, start, end))
            self._timed.append((start, end))

    def forget(self) -> None:
        """A new epoch: positions start at 0 again. The mouth goes on from where it is."""
        self._spans.clear()
        self._timed.clear()

    def frames(self, sound: Pcm, spoken_from: int, spoken_to: int) -> list[Mouth]:
        """The mouths of a block: `sound` is its PCM at 24 kHz, whose first samples are spoken_from..spoken_to."""
        per_frame = SPEECH_RATE_HZ // self.fps
        heard = np.concatenate([self._recent, sound.astype(np.float64) / 32768.0])
        mouths = []
        for number in range(len(sound) // per_frame):
            middle = len(self._recent) + number * per_frame + per_frame // 2
            window = np.zeros(WINDOW)
            part = heard[max(0, middle - WINDOW // 2) : middle + WINDOW // 2]
            window[: len(part)] = part
            position = spoken_from + number * per_frame + per_frame // 2
            begin = len(self._recent) + number * per_frame
            wanted = self._wanted(window, heard[begin : begin + per_frame], position, position < spoken_to)
            self._last = _limited(self._last, wanted, 24 / self.fps)
            mouths.append(self._last)
        self._recent = heard[-WINDOW:]
        self._prune(spoken_to)
        return mouths

    def _wanted(
        self, window: NDArray[np.float64], samples: NDArray[np.float64], position: int, speaking: bool
    ) -> Mouth:
        from_sound = self._sound.step(window, samples)
        if not speaking:
            return REST
        if not any(start <= position < end for start, end in self._timed):
            return from_sound
        shape = mouth_at(self._spans, position / SPEECH_RATE_HZ)
        loud = math.sqrt(float((window**2).mean())) / _LOUD_RMS
        return shape._replace(open=shape.open * (0.5 + 0.6 * min(1.0, loud)))

    def _prune(self, position: int) -> None:
        past_s = position / SPEECH_RATE_HZ - 4 * REACH_S
        self._spans[:] = [span for span in self._spans if span.end_s > past_s]
        self._timed[:] = [(start, end) for start, end in self._timed if end > position]


def _limited(last: Mouth, wanted: Mouth, frames: float) -> Mouth:
    """`wanted`, but no number moves farther than a mouth can in one frame; closures may shut from half open."""
    opening, closing = OPENING_PER_FRAME * frames, CLOSING_PER_FRAME * frames
    if wanted.press > 0.6:
        closing *= 2.5
    step = SHAPING_PER_FRAME * frames
    rest = [min(max(new, old - step), old + step) for old, new in zip(last[1:], wanted[1:], strict=True)]
    return Mouth(min(max(wanted.open, last.open - closing), last.open + opening), *rest)
