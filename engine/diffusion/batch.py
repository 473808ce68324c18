"""Blocks of several sessions in one run of the transformer for each step.

The products over tokens are shared; each session keeps its own ring, noise and sound, and its attention sees nothing of
the others. So whoever joins or leaves moves nobody else's state.
"""

# B batch, the sessions · C channels · F latents · T tokens · H heads · D head width

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from engine.diffusion.cache import RingCache
from engine.diffusion.denoiser import Denoiser
from engine.diffusion.halves import LatentHalf
from engine.diffusion.model.wan import Audio, Memory, TextMemory
from engine.diffusion.plan import Planned
from engine.diffusion.sampler import step


class Together:
    """The `Memory` of a batch: each row asks its own ring."""

    def __init__(self, rings: Sequence[RingCache]) -> None:
        self._rings = rings

    def attend(self, layer: int, q_BTHD: Tensor, k_BTHD: Tensor, v_BTHD: Tensor) -> Tensor:
        rows = zip(self._rings, q_BTHD.split(1), k_BTHD.split(1), v_BTHD.split(1), strict=True)
        return torch.cat([ring.attend(layer, *row) for ring, *row in rows])


def make_together(work: Sequence[tuple[LatentHalf, Planned]]) -> list[Tensor]:
    """The latents of each, in the order given. Alone, exactly as alone."""
    if len(work) == 1:
        ((half, planned),) = work
        return [half.make(planned)]
    for half, planned in work:
        half.prepare(planned)
    _denoise([half.denoiser for half, _ in work])
    for half, _ in work:
        half.finish(half.denoiser.latents_BCFHW)
    return [half.denoiser.latents_BCFHW for half, _ in work]


def _denoise(denoisers: Sequence[Denoiser]) -> None:
    alone = [one for one in denoisers if one.next_latent == 0]  # a first block has its own rules, and comes once
    for denoiser in alone:
        denoiser.denoise()
    rest = [one for one in denoisers if not any(one is other for other in alone)]
    if not rest:
        return
    for denoiser in rest:
        denoiser.look_at_still()
        denoiser.prepare(denoiser.cache.choose_view())
        denoiser.cache.place()
    text, audio = _texts([one.text for one in rest]), _audios([one.audio for one in rest])
    x_BCFHW = torch.cat([one.noise_FKBCHW[:, 0].permute(1, 2, 0, 3, 4) for one in rest])
    first, kind = rest[0], rest[0].checkpoint.schedule.kind
    for number, level in enumerate(first.levels):
        velocity_BCFHW = _run(rest, x_BCFHW, number, text, audio)
        later = (number + 1) % len(first.levels)
        noise_BCFHW = torch.cat([one.noise_FKBCHW[:, later].permute(1, 2, 0, 3, 4) for one in rest])
        x_BCFHW = step(kind, x_BCFHW, velocity_BCFHW, level, noise_BCFHW)
    for denoiser, latents_BCFHW in zip(rest, x_BCFHW.split(1), strict=True):
        denoiser.latents_BCFHW.copy_(latents_BCFHW)


def _run(rest: Sequence[Denoiser], x_BCFHW: Tensor, number: int, text: TextMemory, audio: Audio) -> Tensor:
    for denoiser, mine_BCFHW in zip(rest, x_BCFHW.split(1), strict=True):
        denoiser.input_BCFHW[:, : mine_BCFHW.shape[1]].copy_(mine_BCFHW)
    memory: Memory = Together([denoiser.cache.use_ring(number) for denoiser in rest])
    inputs_BCFHW = torch.cat([denoiser.input_BCFHW for denoiser in rest])
    t_BF = torch.cat([denoiser.t_KBF[number] for denoiser in rest])
    return rest[0].trunk(inputs_BCFHW, t_BF, text, memory, audio)


def _texts(texts: Sequence[TextMemory]) -> TextMemory:
    layers = zip(*texts, strict=True)
    return [(torch.cat([keys for keys, _ in layer]), torch.cat([values for _, values in layer])) for layer in layers]


def _audios(audios: Sequence[Audio]) -> Audio:
    first = audios[0]
    if first is None:
        return None
    if isinstance(first, Tensor):
        return torch.cat([audio for audio in audios if isinstance(audio, Tensor)])
    pairs = [audio for audio in audios if isinstance(audio, tuple)]
    return torch.cat([local for local, _ in pairs]), torch.cat([everywhere for _, everywhere in pairs])
