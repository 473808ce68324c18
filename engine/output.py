"""From a session's own rate and size to the published ones. Knows no device and keeps no block.

Sound goes from 24 to 48 kHz with exactly two samples for each; frames are cropped to the published shape, scaled, and
repeated or dropped by their number alone, so that the published frame `n` always shows the moment n / fps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.api import FRAMES_PER_BLOCK, SPEECH_RATE_HZ, AvBlock, Frames, Pcm, VideoFormat

PUBLISHED_RATE_HZ = 48_000
_HALF_TAPS = 24  # of the odd phase, on each side
DELAY_SAMPLES = 2 * _HALF_TAPS  # at 48 kHz: 1 ms, the same for every sample


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishedBlock:
    """A block at the published rates. `sound` is at 48 kHz; `first_frame` numbers the published frames from 0."""

    epoch: int
    index: int
    first_frame: int
    frames: Frames  # (count, height * 3 // 2, width) uint8 I420; count may differ from block to block
    sound: Pcm
    spoken_from: int
    spoken_to: int


class Doubler:
    """24 kHz to 48 kHz as a stream: a half-band filter, so every second sample is the input itself, DELAY_SAMPLES late.

    Images above 12 kHz are down by more than 60 dB from 13.5 kHz on. Cutting the stream into pieces changes nothing.
    """

    def __init__(self) -> None:
        taps = np.arange(-_HALF_TAPS, _HALF_TAPS) + 0.5
        kernel = np.sinc(taps) * np.kaiser(2 * _HALF_TAPS, 6.0)
        self._kernel = kernel / kernel.sum()
        self._past = np.zeros(2 * _HALF_TAPS)

    def push(self, pcm: Pcm) -> Pcm:
        """`pcm` at 24 kHz, any length; returns twice as many samples at 48 kHz."""
        heard = np.concatenate([self._past, pcm.astype(np.float64)])
        between = np.convolve(heard, self._kernel, mode="valid")[1:]
        doubled = np.empty(2 * len(pcm))
        doubled[0::2] = heard[_HALF_TAPS : _HALF_TAPS + len(pcm)]
        doubled[1::2] = between[: len(pcm)]
        self._past = heard[len(pcm) :]
        return np.clip(np.rint(doubled), -32768, 32767).astype(np.int16)

    def forget(self) -> None:
        """Start from silence, as after an interruption."""
        self._past[:] = 0.0


class Output:
    """Converts one session's blocks in order. `session` and `published` may be equal: then frames are passed on."""

    def __init__(self, session: VideoFormat, published: VideoFormat) -> None:
        self._session, self._published = session, published
        self._doubler = Doubler()
        self._epoch = 0
        self._crop = _crop_to(session, published)

    def convert(self, block: AvBlock) -> PublishedBlock:
        """The arrays are the block's own where nothing had to change: they live as long as the block's."""
        if block.epoch != self._epoch:
            self._epoch = block.epoch
            self._doubler.forget()
        first, chosen = self._chosen(block.index)
        return PublishedBlock(
            epoch=block.epoch,
            index=block.index,
            first_frame=first,
            frames=self._scaled(block.frames, chosen),
            sound=self._doubler.push(block.sound),
            spoken_from=block.spoken_from,
            spoken_to=block.spoken_to,
        )

    def picture(self, frame: Frames) -> Frames:
        """One frame at the published size."""
        return frame if self._session.frame_shape == self._published.frame_shape else self._scaled_one(frame)

    def _chosen(self, index: int) -> tuple[int, list[int]]:
        """The first published frame of a block, and which of the block's frames each published one shows."""
        ours, theirs = self._session.fps, self._published.fps
        start = index * FRAMES_PER_BLOCK
        first = -(-start * theirs // ours)
        end = -(-(start + FRAMES_PER_BLOCK) * theirs // ours)
        return first, [n * ours // theirs - start for n in range(first, end)]

    def _scaled(self, frames: Frames, chosen: list[int]) -> Frames:
        same_size = self._session.frame_shape == self._published.frame_shape
        if same_size:
            return frames if chosen == list(range(len(frames))) else frames[chosen]
        scaled = {n: self._scaled_one(frames[n]) for n in set(chosen)}
        empty = np.empty((0, *self._published.frame_shape), np.uint8)
        return np.stack([scaled[n] for n in chosen]) if chosen else empty

    def _scaled_one(self, frame: Frames) -> Frames:
        import cv2

        to, whole = self._published, self._session
        x, y, width, height = self._crop
        half = whole.height // 2, whole.width // 2
        chroma = frame[whole.height :].reshape(2, *half)
        method = cv2.INTER_AREA if to.width < width else cv2.INTER_LINEAR
        luma = cv2.resize(frame[y : y + height, x : x + width], (to.width, to.height), interpolation=method)
        u, v = (
            cv2.resize(
                plane[y // 2 : (y + height) // 2, x // 2 : (x + width) // 2],
                (to.width // 2, to.height // 2),
                interpolation=method,
            )
            for plane in chroma
        )
        return np.concatenate([luma.ravel(), u.ravel(), v.ravel()]).reshape(to.frame_shape).astype(np.uint8)


def _crop_to(source: VideoFormat, target: VideoFormat) -> tuple[int, int, int, int]:
    """The middle of the source with the target's shape: x, y, width, height, all even."""
    width = min(source.width, source.height * target.width // target.height) // 2 * 2
    height = min(source.height, source.width * target.height // target.width) // 2 * 2
    return (source.width - width) // 4 * 2, (source.height - height) // 4 * 2, width, height


assert PUBLISHED_RATE_HZ == 2 * SPEECH_RATE_HZ
