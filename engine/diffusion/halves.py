"""The two halves of a stream's work: latents from sound, frames from latents. In one process they follow each other,
over several devices they run at the same time, one step apart. Know no plan and no session."""

# B batch · C channels · T frames · F latents · H height · W width

from __future__ import annotations

import torch
from torch import Tensor

from engine.api import Frames
from engine.diffusion.audio import AudioFeatures
from engine.diffusion.bundle import Bundle
from engine.diffusion.config import LATENT_CHANNELS, MOTION_LATENTS, Checkpoint
from engine.diffusion.denoiser import Denoiser
from engine.diffusion.drift import DriftMonitor
from engine.diffusion.frames import ToI420
from engine.diffusion.graphs import Runner
from engine.diffusion.lane import DecodeLane
from engine.diffusion.model.taehv import TinyDecoder
from engine.diffusion.model.vae import StreamState, WanVae
from engine.diffusion.model.wan import TextMemory
from engine.diffusion.plan import Planned


class LatentHalf:
    """Transformer, ring and sound of one stream. `ring` is the checkpoint as the ring sees it, where the transformer
    is one part of several (`parallel.Share.ring_of`)."""

    def __init__(
        self,
        bundle: Bundle,
        still_BCTHW: Tensor,
        *,
        seed: int,
        runner: Runner,
        attention: str = "auto",
        ring: Checkpoint | None = None,
    ) -> None:
        checkpoint = bundle.checkpoint
        self.bundle = bundle
        self.denoiser = Denoiser(bundle.trunk, ring or checkpoint, seed=seed, runner=runner, attention=attention)
        self.audio = AudioFeatures(bundle.sound, checkpoint) if bundle.sound is not None else None
        self.prompt: TextMemory | None = None
        self.remembered = True
        encode_weight = bundle.encoder_vae.conv1.weight
        if not checkpoint.begins_with_reference:  # it has seen the still for as long as it looks back
            still_BCTHW = still_BCTHW.expand(-1, -1, 1 + 4 * (MOTION_LATENTS - 1), -1, -1)
        self.reference_BCTHW = bundle.encoder_vae.encode(still_BCTHW.to(encode_weight.device, encode_weight.dtype))
        self.denoiser.set_reference(self.reference_BCTHW[:, :, 0], self.reference_BCTHW)
        self.drift = self._watched()

    def make(self, planned: Planned) -> Tensor:
        """The block's latents (1, 16, F, H, W), in a buffer that the block after it overwrites."""
        self.prepare(planned)
        latents_BCFHW = self.denoiser.denoise()
        self.finish(latents_BCFHW)
        return latents_BCFHW

    def prepare(self, planned: Planned) -> None:
        """All of a block that comes before its noise."""
        self.settle()
        prompt = self.bundle.listening if planned.listening else self.bundle.speaking
        if prompt is not self.prompt:
            self.denoiser.set_prompt(prompt)
            self.prompt = prompt
        if self.audio is not None:
            features = self.audio.of(planned.windows, planned.first_heard)
            self.denoiser.set_audio(self.bundle.trunk.hear(features.to(self.denoiser.dtype)))

    def finish(self, latents_BCFHW: Tensor) -> None:
        self.drift.correct(latents_BCFHW)
        self.drift.watch(latents_BCFHW)
        self.remembered = False

    def settle(self) -> None:
        """What a block leaves for those after it: done once its first frames have been handed on, or before the next
        block at the latest."""
        if not self.remembered:
            self.denoiser.remember()
            self.remembered = True

    def forget_after(self, latent: int) -> None:
        self.settle()
        self.denoiser.truncate(latent)

    def forget_all(self) -> None:
        """As it was opened, in place."""
        self.denoiser.forget_all()
        self.denoiser.set_reference(self.reference_BCTHW[:, :, 0], self.reference_BCTHW)
        self.drift = self._watched()
        self.prompt, self.remembered = None, True

    def _watched(self) -> DriftMonitor:
        return DriftMonitor(self.denoiser.reference_BCHW, strength=self.bundle.checkpoint.drift_correction)


class FrameHalf:
    """The decoder of one stream. The latent it reads lies in a buffer of its own."""

    def __init__(self, decoder: WanVae | TinyDecoder, checkpoint: Checkpoint, *, runner: Runner) -> None:
        weight = next(decoder.parameters())
        size = (1, LATENT_CHANNELS, 1, checkpoint.latent_height, checkpoint.latent_width)
        self.decoder, self.runner = decoder, runner
        self.state = StreamState()
        self.to_i420 = ToI420(weight.device)
        self.latent_BCTHW = torch.zeros(size, dtype=weight.dtype, device=weight.device)
        shape = (4, checkpoint.height_px * 3 // 2, checkpoint.width_px)
        self.frames = torch.zeros(shape, dtype=torch.uint8, device=weight.device)
        self.lane = DecodeLane(weight.device)
        self.shown_frames = torch.zeros(shape, dtype=torch.uint8, pin_memory=self.lane.apart)

    def forget_all(self) -> None:
        """As it was opened, in place."""
        self.state.reset()
        self.shown_frames.zero_()

    def see(self, latents_BCTHW: Tensor) -> None:
        """The still, whose frames nobody needs to see."""
        for number, latent_BCHW in enumerate(latents_BCTHW.unbind(2)):
            self.latent_BCTHW.copy_(latent_BCHW[:, :, None])
            self.decoder.decode(self.latent_BCTHW, self.state, first=number == 0)

    def decode(self, latent_BCTHW: Tensor) -> None:
        """Begin to decode; `hand_on` waits for the frames."""
        self.latent_BCTHW.copy_(latent_BCTHW)
        self.runner.run("decode", self.decode_static, lane="decode")
        self.shown_frames.copy_(self.frames, non_blocking=True)

    def decode_static(self) -> None:
        frames_BCTHW = self.decoder.decode(self.latent_BCTHW, self.state, first=False)
        self.frames.copy_(self.to_i420(frames_BCTHW))

    def hand_on(self) -> Frames:
        self.lane.wait()
        return self.shown_frames.numpy().copy()
