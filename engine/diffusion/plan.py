"""What a stream does next, as bookkeeping: which latents are made with which sound, which one is shown, what is
forgotten. Knows no tensor and imports no torch, so it serves a stream in this process and one spread over others.

A diffusion block may hold several latents; they are decoded one by one as blocks are asked for, so that the
autoencoder never runs ahead of what was shown. When the sound that latents were planned with is no longer what the
stream will play (an interruption, a reply that began), those not yet shown are forgotten and made again: the ring is
truncated to the last latent shown, and the motion goes on from there.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

import numpy as np

from engine.api import AvBlock, Frames, Pcm, VideoFormat
from engine.diffusion.config import AudioAdapter, Checkpoint
from engine.diffusion.timeline import Timeline
from engine.diffusion.window import Window

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Planned:
    """A block of latents to be made."""

    first_heard: int  # the window of its first latent
    windows: tuple[Pcm, ...]  # what each latent hears; empty where the checkpoint hears nothing
    listening: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Rate:
    """How fast blocks were made, apart from waiting."""

    blocks: int  # generated
    held: int  # that repeat the last frame, because generating is slower than playing
    busy_s: float
    fps: int

    @property
    def frames_per_s(self) -> float:
        return 4 * self.blocks / self.busy_s if self.busy_s else 0.0


def log_rate(rate: Rate) -> None:
    """One line for each session that closes; constant sentence, fields beside it."""
    fields = {
        "frames_per_s": round(rate.frames_per_s, 1),
        "fps": rate.fps,
        "blocks": rate.blocks,
        "held": rate.held,
    }
    log.info("diffusion session closed", extra={"understudy_fields": fields})


def log_drift(worst: float) -> None:
    """Beside the rate where the latents are at hand: how far they went from the still's; NaN says that they broke."""
    log.info("diffusion session drifted", extra={"understudy_fields": {"drift": round(worst, 3)}})


class StreamPlan:
    """The counts of one stream, and its sound."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint
        self.video = VideoFormat(width=checkpoint.width_px, height=checkpoint.height_px, fps=checkpoint.fps)
        self.window = Window(checkpoint)
        self.start_over()

    def start_over(self) -> None:
        """Nothing has been said, planned or shown."""
        checkpoint = self.checkpoint
        start, end = self.window.samples(0)
        self.timeline = Timeline(end - start + checkpoint.block_latents * self.window.samples_per_latent)
        self.planned_sound = np.zeros(0, np.int16)
        self.made = 0  # latents, those not shown yet included
        self.pending = 0  # latents of the current block not shown yet
        self.shown = 0  # latents, the still's own included where it is latent 0
        self.rate = Rate(blocks=0, held=0, busy_s=0.0, fps=checkpoint.fps)
        self.behind_s = 0.0
        self.listening: bool | None = None

    def plan_block(self) -> Planned:
        """The next block of latents, with the sound as it stands now."""
        latents, per_latent = self.checkpoint.block_latents, self.window.samples_per_latent
        first = self._heard(self.made)
        start = (first - 1) * per_latent
        self.planned_sound = self.timeline.read(start, start + latents * per_latent)
        self.listening = not self.planned_sound.any() and not self.timeline.queued_samples
        hears = self.checkpoint.trunk.audio is not AudioAdapter.NONE
        spans = [self.window.samples(first + n) for n in range(latents if hears else 0)]
        self.made += latents
        self.pending = latents
        return Planned(
            first_heard=first,
            windows=tuple(self.timeline.read(*span) for span in spans),
            listening=self.listening,
        )

    def plan_stands(self) -> bool:
        """Whether the latents not yet shown were made with the sound they will be played with."""
        per_latent = self.window.samples_per_latent
        start = self.timeline.taken_samples
        now = self.timeline.read(start, start + self.pending * per_latent)
        return np.array_equal(now, self.planned_sound[-len(now) :])

    def drop_unshown(self) -> int:
        """Go back to the last latent shown; its number."""
        self.made, self.pending = self.shown, 0
        return self.shown - 1

    def show_next(self) -> int:
        """The next latent is shown now: its number in the current block."""
        number = self.checkpoint.block_latents - self.pending
        self.pending -= 1
        self.shown += 1
        return number

    def with_sound(self, frames: Frames) -> AvBlock:
        """The block that these frames become: its sound leaves the queue."""
        index = self.timeline.taken_samples // self.video.samples_per_block
        taken = self.timeline.take(self.video.samples_per_block)
        taken.pcm.flags.writeable = frames.flags.writeable = False
        return AvBlock(
            epoch=taken.epoch,
            index=index,
            frames=frames,
            sound=taken.pcm,
            spoken_from=taken.spoken_from,
            spoken_to=taken.spoken_to,
        )

    def note_held(self) -> None:
        self.rate = replace(self.rate, held=self.rate.held + 1)
        self.behind_s -= 4 / self.checkpoint.fps

    def note_made(self, busy_s: float) -> None:
        block_s = 4 / self.checkpoint.fps
        self.behind_s = max(self.behind_s + busy_s - block_s, -block_s)
        self.rate = replace(self.rate, blocks=self.rate.blocks + 1, busy_s=self.rate.busy_s + busy_s)

    def _heard(self, latent: int) -> int:
        """The window a latent hears, counted as if latent 0 were the still; held blocks have had their sound already.
        Where latent 0 is new, it hears the stream's first block."""
        return latent + self.rate.held + (not self.checkpoint.begins_with_reference)
