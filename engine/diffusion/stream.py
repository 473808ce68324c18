"""One face as a stream of four-frame blocks: sound in, frames out, in order, in one thread. Knows no event loop.

A diffusion block may hold several latents; they are decoded one by one as blocks are asked for, so that the
autoencoder never runs ahead of what was shown. When the sound that latents were planned with is no longer what the
stream will play (an interruption, a reply that began), those not yet shown are forgotten and made again: the ring is
truncated to the last latent shown, and the motion goes on from there.

Where a block takes longer to make than to play, sound must not wait for it: a stream that keeps time hands out blocks
that hold the last frame, as many as it is behind, and makes the next frames for the sound that follows those.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from engine.api import AvBlock, Frames, VideoFormat
from engine.diffusion.audio import AudioFeatures, Window
from engine.diffusion.bundle import Bundle
from engine.diffusion.config import MOTION_LATENTS
from engine.diffusion.denoiser import Denoiser
from engine.diffusion.drift import DriftMonitor
from engine.diffusion.frames import ToI420
from engine.diffusion.graphs import Path, Runner
from engine.diffusion.lane import DecodeLane
from engine.diffusion.model.vae import StreamState
from engine.diffusion.model.wan import TextMemory
from engine.diffusion.timeline import Timeline


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


class FaceStream:
    """All state of one session. `next_block` is called again and again from one thread."""

    def __init__(
        self,
        bundle: Bundle,
        still_BCTHW: Tensor,
        *,
        seed: int,
        path: Path = Path.EAGER,
        runner: Runner | None = None,
        keep_time: bool = False,
        attention: str = "auto",
    ) -> None:
        checkpoint = bundle.checkpoint
        self.bundle, self.checkpoint = bundle, checkpoint
        self.video = VideoFormat(width=checkpoint.width_px, height=checkpoint.height_px, fps=checkpoint.fps)
        self.runner = runner or Runner(path, bundle.device)
        self.window = Window(checkpoint)
        start, end = self.window.samples(0)
        self.timeline = Timeline(end - start + checkpoint.block_latents * self.window.samples_per_latent)
        self.denoiser = Denoiser(bundle.trunk, checkpoint, seed=seed, runner=self.runner, attention=attention)
        self.audio = AudioFeatures(bundle.sound, checkpoint) if bundle.sound is not None else None
        self.decoder_state = StreamState()
        self.to_i420 = ToI420(bundle.device)
        encode_weight = bundle.encoder_vae.conv1.weight
        if not checkpoint.begins_with_reference:  # it has seen the still for as long as it looks back
            still_BCTHW = still_BCTHW.expand(-1, -1, 1 + 4 * (MOTION_LATENTS - 1), -1, -1)
        reference_BCTHW = bundle.encoder_vae.encode(still_BCTHW.to(encode_weight.device, encode_weight.dtype))
        self.denoiser.set_reference(reference_BCTHW[:, :, 0], reference_BCTHW)
        self.drift = DriftMonitor(self.denoiser.reference_BCHW, strength=checkpoint.drift_correction)
        decoded_in = bundle.vae.conv2.weight.dtype
        self.latent_BCTHW = torch.zeros_like(self.denoiser.latents_BCFHW[:, :, :1], dtype=decoded_in)  # of its own
        self.frames = torch.zeros(4, *self.video.frame_shape, dtype=torch.uint8, device=bundle.device)
        self.lane = DecodeLane(bundle.device)
        self.shown_frames = torch.zeros(self.frames.shape, dtype=torch.uint8, pin_memory=self.lane.apart)
        self.pending = 0  # latents of the current block not shown yet
        self.planned_sound = np.zeros(0, np.int16)
        self.remembered = True
        self.shown = 0  # latents, the still's own included where it is latent 0
        self.rate = Rate(blocks=0, held=0, busy_s=0.0, fps=checkpoint.fps)
        self.keep_time, self.behind_s = keep_time, 0.0
        self.listening: bool | None = None
        self.prompt: TextMemory | None = None
        self._begin(reference_BCTHW)

    # --- the stream ----------------------------------------------------------------------------------------------

    def next_block(self) -> AvBlock:
        """The next four frames with their sound."""
        if self.keep_time and not self.pending and self.behind_s > 0:
            return self._hold()
        began = time.perf_counter()
        if self.pending and not self._plan_stands():
            self.forget_unshown()
        if not self.pending:
            self._plan()
        self._decode()
        if self.lane.apart:
            self.settle()  # goes on behind the frames, which do not wait for it
        frames = self._hand_on()
        self._note(time.perf_counter() - began)
        return self._with_sound(frames)

    def _hold(self) -> AvBlock:
        self.rate = replace(self.rate, held=self.rate.held + 1)
        self.behind_s -= 4 / self.checkpoint.fps
        return self._with_sound(np.repeat(self.shown_frames[-1:].numpy(), 4, axis=0))

    def _note(self, busy_s: float) -> None:
        block_s = 4 / self.checkpoint.fps
        self.behind_s = max(self.behind_s + busy_s - block_s, -block_s)
        self.rate = replace(self.rate, blocks=self.rate.blocks + 1, busy_s=self.rate.busy_s + busy_s)

    def _with_sound(self, frames: Frames) -> AvBlock:
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

    def settle(self) -> None:
        """What a block leaves for those after it: done once its first frames have been handed on, or before the next
        block at the latest."""
        if not self.remembered:
            self.denoiser.remember()
            self.remembered = True

    def forget_unshown(self) -> None:
        """Go back to the last latent shown."""
        self.settle()
        self.denoiser.truncate(self.shown - 1)
        self.pending = 0

    # --- its parts -----------------------------------------------------------------------------------------------

    def _begin(self, reference_BCTHW: Tensor) -> None:
        """The decoder first sees the still, whose frames nobody needs to see: as latent 0 of the first block, or, for
        S2V, as the latents before the stream."""
        if self.checkpoint.begins_with_reference:
            self._plan()
            self._decode(first=True)
            self.settle()
        else:
            self.lane.latents_are_made()
            self.lane.run(lambda: self._see(reference_BCTHW))
        self.lane.wait()

    def _see(self, latents_BCTHW: Tensor) -> None:
        for number, latent_BCHW in enumerate(latents_BCTHW.unbind(2)):
            self.latent_BCTHW.copy_(latent_BCHW[:, :, None])
            self.bundle.decoder.decode(self.latent_BCTHW, self.decoder_state, first=number == 0)

    def _plan(self) -> None:
        self.settle()
        latents, per_latent = self.checkpoint.block_latents, self.window.samples_per_latent
        first_heard = self._heard(self.denoiser.next_latent)
        start = (first_heard - 1) * per_latent
        self.planned_sound = self.timeline.read(start, start + latents * per_latent)
        self._choose_prompt()
        if self.audio is not None:
            features = self.audio.read(first_heard, latents, self.timeline.read)
            self.denoiser.set_audio(self.bundle.trunk.hear(features.to(self.denoiser.dtype)))
        latents_BCFHW = self.denoiser.denoise()
        self.drift.correct(latents_BCFHW)
        self.drift.watch(latents_BCFHW)
        self.lane.latents_are_made()
        self.pending, self.remembered = latents, False

    def _heard(self, latent: int) -> int:
        """The window a latent hears, counted as if latent 0 were the still; held blocks have had their sound already.
        Where latent 0 is new, it hears the stream's first block."""
        return latent + self.rate.held + (not self.checkpoint.begins_with_reference)

    def _choose_prompt(self) -> None:
        listening = not self.planned_sound.any() and not self.timeline.queued_samples
        prompt = self.bundle.listening if listening else self.bundle.speaking
        if prompt is not self.prompt:
            self.denoiser.set_prompt(prompt)
        self.listening, self.prompt = listening, prompt

    def _plan_stands(self) -> bool:
        """Whether the latents not yet shown were made with the sound they will be played with."""
        per_latent = self.window.samples_per_latent
        start = self.timeline.taken_samples
        now = self.timeline.read(start, start + self.pending * per_latent)
        return np.array_equal(now, self.planned_sound[-len(now) :])

    def _decode(self, *, first: bool = False) -> None:
        """Begin to decode the next latent; `_hand_on` waits for its frames."""
        number = self.checkpoint.block_latents - self.pending
        self.lane.run(lambda: self._decode_first() if first else self._decode_steady(number))
        self.pending -= 1
        self.shown += 1

    def _decode_first(self) -> None:
        self.latent_BCTHW.copy_(self.denoiser.latents_BCFHW[:, :, :1])
        self.bundle.decoder.decode(self.latent_BCTHW, self.decoder_state, first=True)

    def _decode_steady(self, number: int) -> None:
        self.latent_BCTHW.copy_(self.denoiser.latents_BCFHW[:, :, number : number + 1])
        self.runner.run("decode", self._decode_static, lane="decode")
        self.shown_frames.copy_(self.frames, non_blocking=True)

    def _decode_static(self) -> None:
        frames_BCTHW = self.bundle.decoder.decode(self.latent_BCTHW, self.decoder_state, first=False)
        self.frames.copy_(self.to_i420(frames_BCTHW))

    def _hand_on(self) -> Frames:
        self.lane.wait()
        return self.shown_frames.numpy().copy()
