"""One block of latents from noise, and what later blocks see of it: transformer, ring and sampler put together.

All state is preallocated and written in place; `denoise_static` and `remember_static` read and write those buffers
only, branch on nothing that changes in steady state, and are what a graph captures. Knows no audio encoder, no
autoencoder, no session.
"""

# B batch · C channels · F latents · K steps · E audio hidden · L text tokens

from __future__ import annotations

import torch
from torch import Tensor

from engine.diffusion.cache import RingCache, View
from engine.diffusion.config import LATENT_CHANNELS, MOTION_LATENTS, AudioAdapter, CachePolicy, Checkpoint
from engine.diffusion.graphs import Path, Runner
from engine.diffusion.model.attention import choose
from engine.diffusion.model.s2v import LOCAL_TOKENS, S2vWan
from engine.diffusion.model.wan import Audio, CausalWan, TextMemory
from engine.diffusion.sampler import NoiseSource, levels, step


class Denoiser:
    """The state of one session's diffusion. Latent 0 is the reference image and what is new begins at latent 1, except
    for S2V, which sees the still beside the stream: there latent 0 is new."""

    def __init__(
        self,
        trunk: CausalWan,
        checkpoint: Checkpoint,
        *,
        seed: int = 0,
        runner: Runner | None = None,
        attention: str = "auto",
    ) -> None:
        weight = trunk.patch_embedding.weight
        self.runner = runner or Runner(Path.EAGER, weight.device)
        self.trunk, self.checkpoint = trunk, checkpoint
        self.device, self.dtype = weight.device, weight.dtype
        self.levels = levels(checkpoint.schedule)
        self.cache = RingCache(checkpoint, dtype=self.dtype, device=self.device)
        self.attention, self.cache.attention = choose(attention, self.device, self.dtype)
        self.noise_source = NoiseSource(seed, self.device)
        block, shape = checkpoint.block_latents, checkpoint.trunk
        size = (checkpoint.latent_height, checkpoint.latent_width)
        keep = torch.float64 if self.dtype == torch.float64 else torch.float32

        def zeros(*dims: int, dtype: torch.dtype = self.dtype) -> Tensor:
            return torch.zeros(*dims, dtype=dtype, device=self.device)

        self.input_BCFHW = zeros(1, shape.in_channels, block, *size)
        self.noise_FKBCHW = zeros(block, len(self.levels), 1, LATENT_CHANNELS, *size, dtype=keep)
        self.latents_BCFHW = zeros(1, LATENT_CHANNELS, block, *size, dtype=keep)
        self.reference_BCHW = zeros(1, LATENT_CHANNELS, *size, dtype=keep)
        self.audio: Audio = None
        if shape.audio is AudioAdapter.PACK:
            self.audio = zeros(1, block, shape.audio_hidden)
        if shape.audio is AudioAdapter.S2V:
            width = trunk.shape.width
            self.audio = zeros(1, block, LOCAL_TOKENS, width), zeros(1, block, width)
            self.still_BCHW = zeros(1, LATENT_CHANNELS, *size)  # what the tokens beside the stream are made of
            self.motion_BCFHW = zeros(1, LATENT_CHANNELS, MOTION_LATENTS, *size)
            self.first_made_BCHW = zeros(1, LATENT_CHANNELS, *size)
        self.stale = self.cache.condition is not None  # the tokens beside the stream are to be made again
        self.adopted = False
        self.t_KBF = zeros(len(self.levels) + 1, 1, block, dtype=keep)  # the last row stays 0: the clean pass
        for row, level in zip(self.t_KBF, self.levels, strict=False):
            row.fill_(level.timestep)
        self.text = trunk.text_memory(zeros(1, shape.text_tokens, shape.text_width))

    # --- conditions: written in place, so that they take effect in captured graphs -------------------------------

    def set_prompt(self, prompt: TextMemory) -> None:
        """From `trunk.text_memory`, once for each prompt. Takes effect with the next pass."""
        for (keys, values), (new_keys, new_values) in zip(self.text, prompt, strict=True):
            keys.copy_(new_keys)
            values.copy_(new_values)
        self.stale = self.cache.condition is not None

    def set_reference(self, reference_BCHW: Tensor, motion_BCFHW: Tensor | None = None) -> None:
        """The normalised latent of the still, (1, 16, H, W); for S2V also the latents of the motion so far, (1, 16,
        19, H, W): without them the still's own, nineteen times."""
        self.reference_BCHW.copy_(reference_BCHW)
        if self.cache.condition is not None:
            self.still_BCHW.copy_(reference_BCHW)
            self.motion_BCFHW.copy_(reference_BCHW[:, :, None] if motion_BCFHW is None else motion_BCFHW)
            self.stale, self.adopted = True, False
        if self.checkpoint.trunk.reference_in_channels:
            self.input_BCFHW[:, LATENT_CHANNELS : 2 * LATENT_CHANNELS].copy_(reference_BCHW[:, :, None])

    def set_audio(self, audio: Audio) -> None:
        """What each latent of the next block hears, from `trunk.hear`."""
        match self.audio, audio:
            case Tensor(), Tensor():
                self.audio.copy_(audio)
            case (local_BFKW, global_BFW), (new_local_BFKW, new_global_BFW):
                local_BFKW.copy_(new_local_BFKW)
                global_BFW.copy_(new_global_BFW)

    # --- a block -------------------------------------------------------------------------------------------------

    @property
    def next_latent(self) -> int:
        return self.cache.book.count

    def denoise(self) -> Tensor:
        """The next block's latents (1, 16, F, H, W), in a buffer that the block after it overwrites. `remember` must
        follow before the next block, and may follow after these latents have been handed on."""
        beginning, view = self.next_latent == 0, self.cache.choose_view()
        first = beginning and self.checkpoint.begins_with_reference
        self.look_at_still()
        self.prepare(view)
        if beginning or view is View.PREFIX:  # shapes that come once in a session
            self.cache.place()
            self.denoise_static(first=first)
        else:
            self.runner.run(f"denoise {view}", self.place_and_denoise)
        if beginning and self.cache.condition is not None:
            self.first_made_BCHW.copy_(self.latents_BCFHW[:, :, 0])
        return self.latents_BCFHW

    def look_at_still(self) -> None:
        """S2V: make the tokens beside the stream where still or prompt have changed. After its first clip the still
        gives way to the first latent made, which is of the model's own kind. Between blocks, so never captured."""
        if self.cache.condition is None:
            return
        adopt_after = self.checkpoint.adopt_reference_after
        if adopt_after and self.next_latent >= adopt_after and not self.adopted:
            self.still_BCHW.copy_(self.first_made_BCHW)
            self.stale = self.adopted = True
        if self.stale:
            assert isinstance(self.trunk, S2vWan)
            self.cache.condition.place_alone()
            self.trunk.condition(self.still_BCHW, self.motion_BCFHW, self.text, self.cache.condition)
            self.stale = False

    def place_and_denoise(self) -> None:
        self.cache.place()
        self.denoise_static()

    def prepare(self, view: View) -> None:
        """The host's part of a block: fresh noise, the mask channel, the view. Nothing here is captured."""
        first_latent = self.next_latent
        self.noise_source.fill(self.noise_FKBCHW, first_latent)
        self.mark_reference(first_latent)
        self.cache.advance(view)

    def mark_reference(self, first_latent: int) -> None:
        """The mask channel is 0 where the reference itself stands, at latent 0 of the stream, and 1 elsewhere."""
        if self.checkpoint.trunk.reference_in_channels:
            self.input_BCFHW[:, -1].fill_(1)
            if first_latent == 0:
                self.input_BCFHW[:, -1, 0].zero_()

    def denoise_static(self, *, first: bool = False) -> None:
        if first and self.checkpoint.block_latents == 1 and self.checkpoint.cache is CachePolicy.CLEAN:
            self.latents_BCFHW.copy_(self.reference_BCHW[:, :, None])  # nothing to find: it is the reference
            return
        x_BCFHW = self.noise_FKBCHW[:, 0].permute(1, 2, 0, 3, 4)
        for number, level in enumerate(self.levels):
            x_BCFHW = self.with_reference(x_BCFHW) if first else x_BCFHW
            velocity_BCFHW = self.run(x_BCFHW, number, ring=number)
            noise_BCFHW = self.noise_FKBCHW[:, (number + 1) % len(self.levels)].permute(1, 2, 0, 3, 4)
            x_BCFHW = step(self.checkpoint.schedule.kind, x_BCFHW, velocity_BCFHW, level, noise_BCFHW)
        self.latents_BCFHW.copy_(self.with_reference(x_BCFHW) if first else x_BCFHW)

    def remember(self) -> None:
        """Leave in the ring what later blocks shall see: for CLEAN one pass at t = 0 over the finished latents."""
        if self.cache.view is View.PREFIX:
            self.remember_static()
        else:
            self.runner.run(f"remember {self.cache.view}", self.remember_static)
        if self.cache.must_rebuild:
            self.rebuild()

    def remember_static(self) -> None:
        if self.checkpoint.cache is CachePolicy.CLEAN:
            self.run(self.latents_BCFHW, len(self.levels), ring=0)

    def run(self, x_BCFHW: Tensor, step_number: int, *, ring: int) -> Tensor:
        """One pass of the transformer over the current block."""
        self.input_BCFHW[:, :LATENT_CHANNELS].copy_(x_BCFHW)
        return self.trunk(self.input_BCFHW, self.t_KBF[step_number], self.text, self.cache.use_ring(ring), self.audio)

    def with_reference(self, x_BCFHW: Tensor) -> Tensor:
        return torch.cat((self.reference_BCHW[:, :, None], x_BCFHW[:, :, 1:]), dim=2)

    # --- leaving the straight line -------------------------------------------------------------------------------

    def truncate(self, last_latent: int) -> None:
        """Forget the latents after the last one shown."""
        self.cache.truncate(last_latent)

    def forget_all(self) -> None:
        """Every latent. Conditions stay as they were set last."""
        self.cache.clear()
        self.adopted = False

    def rebuild(self) -> None:
        """RESET: run the last block again at its new positions, right behind the sink."""
        kept = self.checkpoint.block_latents
        self.cache.rebase(kept)
        self.cache.begin()
        self.mark_reference(self.next_latent - kept)
        if self.checkpoint.cache is CachePolicy.CLEAN:
            self.remember_static()
            return
        for number, level in enumerate(self.levels):
            noise_BCFHW = self.noise_FKBCHW[:, number].permute(1, 2, 0, 3, 4)
            self.run((1 - level.sigma) * self.latents_BCFHW + level.sigma * noise_BCFHW, number, ring=number)
