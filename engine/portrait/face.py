"""One live face: speech and listening in, blocks out. Synchronous and deterministic; knows no process and no clock.

The same record, seed and input give the same blocks, however the speech was cut into pieces before it was needed.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from engine.api import FRAMES_PER_BLOCK, Frames, Pcm, SpeechTiming
from engine.lipsync.track import MouthTrack
from engine.portrait.expression import Look
from engine.portrait.heard import Heard, rms
from engine.portrait.motion import Motion
from engine.portrait.render import Renderer


@dataclass(frozen=True, kw_only=True, slots=True)
class Made:
    """What a block holds besides its frames."""

    epoch: int
    spoken_from: int
    spoken_to: int
    sound: Pcm


class SpeechQueue:
    """The PCM of one epoch, in order. An older epoch's is refused, a newer one's replaces what is left."""

    def __init__(self) -> None:
        self.epoch = 0
        self.given = 0  # samples of this epoch taken in
        self._taken = 0
        self._pieces: deque[Pcm] = deque()

    @property
    def queued(self) -> int:
        return self.given - self._taken

    def start(self, epoch: int) -> bool:
        """Go to `epoch`; False if it is the current one or older."""
        if epoch <= self.epoch:
            return False
        self.epoch, self.given, self._taken = epoch, 0, 0
        self._pieces.clear()
        return True

    def put(self, pcm: Pcm) -> None:
        self._pieces.append(pcm)
        self.given += len(pcm)

    def take(self, count: int) -> Made:
        """The next `count` samples, filled up with silence."""
        sound = np.zeros(count, np.int16)
        start, filled = self._taken, 0
        while self._pieces and filled < count:
            piece = self._pieces.popleft()
            used = piece[: count - filled]
            sound[filled : filled + len(used)] = used
            filled += len(used)
            if len(used) < len(piece):
                self._pieces.appendleft(piece[len(used) :])
        self._taken += filled
        return Made(epoch=self.epoch, spoken_from=start, spoken_to=self._taken, sound=sound)


class Face:
    """Everything of a session but its process."""

    def __init__(self, renderer: Renderer, seed: int) -> None:
        self._renderer = renderer
        self._video = renderer.video
        self._queue = SpeechQueue()
        self._mouths = MouthTrack(fps=self._video.fps)
        self._motion = Motion(seed, self._video.fps)
        self._heard = Heard(self._video.fps)

    @property
    def background(self) -> Frames:
        """What a frame must hold before it is painted the first time."""
        return self._renderer.background

    @property
    def queued(self) -> int:
        """Samples of speech that wait for their block."""
        return self._queue.queued

    def speak(self, pcm: Pcm, timing: SpeechTiming | None, epoch: int) -> None:
        self.interrupt(epoch)
        if epoch < self._queue.epoch:
            return
        start = self._queue.given
        self._queue.put(pcm)
        self._mouths.learn(timing, start, start + len(pcm))

    def interrupt(self, epoch: int) -> None:
        if self._queue.start(epoch):
            self._mouths.forget()

    def listen(self, pcm: Pcm, gaze_xy: tuple[float, float] | None, speaker_id: str | None = None) -> None:
        self._heard.put(pcm, speaker_id, gaze_xy)

    def make(self, frames: Frames) -> Made:
        """Make the next block: paint its frames in place, (4, height * 3 // 2, width); return the rest of it."""
        made = self._queue.take(self._video.samples_per_block)
        mouths = self._mouths.frames(made.sound, made.spoken_from, made.spoken_to)
        sounds = made.sound.reshape(FRAMES_PER_BLOCK, -1)
        for frame, mouth, sound in zip(frames, mouths, sounds, strict=True):
            heard = self._heard.level()
            pose = self._motion.step(speech_level=rms(sound), heard_level=heard, gaze_xy=self._heard.gaze_xy)
            look = Look(
                mouth=mouth,
                blink=pose.blink,
                brow=pose.brow,
                gaze_xy=pose.gaze_xy,
                turn_rad=pose.turn_rad,
                breath=pose.breath,
            )
            self._renderer.paint_into(frame, look)
        return made
