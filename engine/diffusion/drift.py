"""Does the picture drift? Statistics of the latents against the reference's, and an optional gentle way back.

Streams made from their own output slowly lose colour, sharpness and likeness. The monitor keeps an exponential mean of
each channel's mean and spread; `correct` moves a latent's channels part of the way to the reference's (AdaIN). Works
in place on static buffers and synchronises nothing; `worst` asks the device, so ask seldom: a session says it as it
closes.
"""

# B batch · C channels · F latents · H height · W width

from __future__ import annotations

import torch
from torch import Tensor


class DriftMonitor:
    """`memory` latents make up most of the mean. `strength` 0 only watches; 1 puts every latent on the reference."""

    def __init__(self, reference_BCHW: Tensor, *, memory: float = 50.0, strength: float = 0.0) -> None:
        self.share = 1 / memory
        self.strength = strength
        self.reference_mean, self.reference_spread = _statistics(reference_BCHW[:, :, None])
        self.mean, self.spread = self.reference_mean.clone(), self.reference_spread.clone()

    def watch(self, latents_BCFHW: Tensor) -> None:
        """Take a block into the means."""
        mean, spread = _statistics(latents_BCFHW)
        self.mean.lerp_(mean, self.share * latents_BCFHW.shape[2])
        self.spread.lerp_(spread, self.share * latents_BCFHW.shape[2])

    def correct(self, latents_BCFHW: Tensor) -> None:
        """Move each channel's running mean and spread towards the reference's by `strength`, in place. Corrects the
        drift, not the moment: a latent may differ from the mean as before."""
        if not self.strength:
            return
        wanted_spread = torch.lerp(self.spread, self.reference_spread, self.strength)
        wanted_mean = torch.lerp(self.mean, self.reference_mean, self.strength)
        scale = wanted_spread / self.spread.clamp(min=1e-6)
        latents_BCFHW.sub_(self.mean).mul_(scale).add_(wanted_mean)

    def worst(self) -> float:
        """The largest drift of a channel, in spreads of the reference: of its mean, or of the log of its spread."""
        of_mean = (self.mean - self.reference_mean).abs() / self.reference_spread.clamp(min=1e-6)
        of_spread = (self.spread / self.reference_spread.clamp(min=1e-6)).log().abs()
        return float(torch.maximum(of_mean, of_spread).max())


def _statistics(latents_BCFHW: Tensor) -> tuple[Tensor, Tensor]:
    spread, mean = torch.std_mean(latents_BCFHW.float(), dim=(2, 3, 4), keepdim=True)
    return mean.to(latents_BCFHW.dtype), spread.to(latents_BCFHW.dtype)
