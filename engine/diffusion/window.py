"""Where the sound a latent hears lies in the stream. Arithmetic only; imports no torch. `audio` says what is heard."""

from __future__ import annotations

from engine.api import SPEECH_RATE_HZ
from engine.diffusion.config import FRAMES_PER_LATENT, Checkpoint

GRID_HZ = 50
S2V_HZ = 30  # S2V takes features at this rate, and of those the nearest to each frame
GRID_SAMPLES = SPEECH_RATE_HZ // GRID_HZ


class Window:
    """Where a latent's window lies. It begins on the encoder's own grid of 20 ms, counted from the stream's start, so
    that neighbouring windows and the whole stream sample the same moments."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.fps = checkpoint.fps
        self.samples_per_latent = FRAMES_PER_LATENT * SPEECH_RATE_HZ // checkpoint.fps
        self.ahead = checkpoint.sound.look_ahead_latents
        wanted = checkpoint.sound.window_s * checkpoint.fps / FRAMES_PER_LATENT
        self.latents = max(self.ahead + 2, round(wanted))
        self.frames = self.latents * FRAMES_PER_LATENT

    @property
    def look_ahead_s(self) -> float:
        """How far behind its own sound a latent's features can be at the earliest."""
        return self.ahead * self.samples_per_latent / SPEECH_RATE_HZ

    def samples(self, latent: int) -> tuple[int, int]:
        """Start and end in the stream; the start is before 0 while the stream is young. Never past the look-ahead."""
        nominal = (latent + self.ahead - self.latents) * self.samples_per_latent
        start = -(-nominal // GRID_SAMPLES) * GRID_SAMPLES
        return start, start + self.latents * self.samples_per_latent - GRID_SAMPLES

    def moments(self, latent: int) -> list[float]:
        """Where on the window's grid each of its frames begins."""
        return [GRID_HZ * frame / self.fps - self._start(latent) for frame in self._frames(latent)]

    def s2v_moments(self, latent: int) -> list[float]:
        """The same, at the nearest of 30 moments a second."""
        nearest = (round(S2V_HZ * frame / self.fps) for frame in self._frames(latent))
        return [GRID_HZ * number / S2V_HZ - self._start(latent) for number in nearest]

    def _start(self, latent: int) -> int:
        return self.samples(latent)[0] // GRID_SAMPLES

    def _frames(self, latent: int) -> range:
        first = (latent + self.ahead - self.latents) * FRAMES_PER_LATENT
        return range(first, first + self.frames)

    def own_frames(self) -> slice:
        """Where the latent's own four frames are in its window."""
        end = self.frames - self.ahead * FRAMES_PER_LATENT
        return slice(end - FRAMES_PER_LATENT, end)
