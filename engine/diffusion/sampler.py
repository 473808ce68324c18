"""Noise levels and the step from one to the next, for both families; knows no model.

RENOISE (Self-Forcing's DMD, LiveTalk): predict the clean latent, add fresh noise of the next level. Levels 1, 3/4,
1/2, 1/4 warped by the shift; the timestep the model is told is rounded to bfloat16 as released (1000, 936, 832, 624).
EULER (LiveAvatar): diffusers' FlowMatchEulerDiscreteScheduler, whose end point is shifted too: with shift 3 and 4
steps 1, .8577, .6022, .0089. The clean latent is formed in float64.
"""

# B batch · C channels · F latents · K steps

from __future__ import annotations

import struct
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.diffusion.config import SamplerKind, Schedule

TRAIN_STEPS = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class Level:
    """One denoising step."""

    timestep: float  # what the model is told, 0 .. 1000
    sigma: float  # how much of the latent is noise
    next_sigma: float  # after the step; 0 at the end


def warp(s: float, shift: float) -> float:
    return shift * s / (1 + (shift - 1) * s)


def levels(schedule: Schedule) -> tuple[Level, ...]:
    match schedule.kind:
        case SamplerKind.RENOISE:
            sigmas = [warp(1 - step / schedule.steps, schedule.shift) for step in range(schedule.steps)]
        case SamplerKind.EULER:
            end = warp(1 / TRAIN_STEPS, schedule.shift)
            stride = (1 - end) / max(1, schedule.steps - 1)
            sigmas = [warp(1 - step * stride, schedule.shift) for step in range(schedule.steps)]
    told = bfloat16 if schedule.round_timesteps else float
    return tuple(
        Level(timestep=told(TRAIN_STEPS * sigma), sigma=sigma, next_sigma=next_sigma)
        for sigma, next_sigma in zip(sigmas, [*sigmas[1:], 0.0], strict=True)
    )


def bfloat16(value: float) -> float:
    """The nearest bfloat16, ties to even."""
    (bits,) = struct.unpack("<I", struct.pack("<f", value))
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000
    return float(struct.unpack("<f", struct.pack("<I", rounded))[0])


def clean(x: Tensor, velocity: Tensor, sigma: float) -> Tensor:
    """The clean latent the model means, in float64."""
    return x.double() - sigma * velocity.double()


def step(kind: SamplerKind, x: Tensor, velocity: Tensor, level: Level, noise: Tensor) -> Tensor:
    """The latent at the next level, in the precision of `x`. `noise` is read by RENOISE only."""
    match kind:
        case SamplerKind.RENOISE:
            x0 = clean(x, velocity, level.sigma)
            return ((1 - level.next_sigma) * x0 + level.next_sigma * noise).to(x.dtype)
        case SamplerKind.EULER:
            return (x.double() + (level.next_sigma - level.sigma) * velocity.double()).to(x.dtype)


class NoiseSource:
    """Noise that depends on the seed and the latent alone: the same for any block size, again after a truncation, and
    fresh at every step. It is drawn into a buffer that captured graphs read, so it advances under replay."""

    def __init__(self, seed: int, device: torch.device | str = "cpu") -> None:
        self.seed = seed
        self.generator = torch.Generator(device)

    def fill(self, noise_FKBCHW: Tensor, first_latent: int) -> None:
        for offset, noise_KBCHW in enumerate(noise_FKBCHW):
            self.generator.manual_seed(_mix(self.seed, first_latent + offset))
            noise_KBCHW.normal_(generator=self.generator)


def _mix(seed: int, latent: int) -> int:
    """Neighbouring seeds and latents give unrelated streams (the finaliser of splitmix64)."""
    z = (seed * 0x9E3779B97F4A7C15 + latent * 0xD1B54A32D192ED03 + 0x632BE59BD9B4E019) & (2**64 - 1)
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & (2**64 - 1)
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & (2**64 - 1)
    return (z ^ (z >> 31)) >> 1
