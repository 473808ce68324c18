"""Tokens beside the stream: Wan2.2-S2V's reference picture and packed motion, which every block of the stream sees.

They pass the transformer once, at t = 0 and among themselves, whenever still or prompt change. Their values stay in
front of each ring; their keys are kept unrotated, because the reference goes ahead of the stream: it stands at time 30
until the stream comes near, then a fixed distance ahead of the block. Packed motion stays before time 0, where it was.
Upstream draws that distance anew for each pass, 4 to 30 latents; here it is `reference_ahead_latents` of a checkpoint.
"""

# R rings · Y layers · B batch · C condition tokens, reference first · H heads · D head width · P rotary pairs

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from engine.diffusion.config import MOTION_PACKS, Checkpoint
from engine.diffusion.model.attention import attention
from engine.diffusion.rope import Rotary, rotate

REFERENCE_TIME = 30


class Condition:
    """The `Memory` of the pass that makes them, and their keys afterwards. Static; `values` is the ring's own front."""

    def __init__(self, checkpoint: Checkpoint, rotary: Rotary, values_RYBCHD: Tensor) -> None:
        self.ahead = checkpoint.reference_ahead_latents
        self.reference_tokens = checkpoint.tokens_per_latent
        self.rotary = rotary
        self.values_RYBCHD = values_RYBCHD
        self.keys_YBCHD = torch.zeros_like(values_RYBCHD[0])
        places_T3 = packed_places(checkpoint.latent_height, checkpoint.latent_width)
        dtype, device = values_RYBCHD.dtype, values_RYBCHD.device
        motion = rotary.at(places_T3.to(device), dtype)
        reference = (angle.flatten(0, 1) for angle in rotary.buffers(1, dtype))
        self.cos_CP, self.sin_CP = (torch.cat(pair) for pair in zip(reference, motion, strict=True))
        self.time = torch.zeros(1, dtype=torch.long, device=device)

    def place(self, first_position: Tensor) -> None:
        """Where the reference stands for a block whose first latent is at this position; writes in place."""
        self.time.copy_((first_position + self.ahead).clamp(min=REFERENCE_TIME))
        angles = (angle_CP[None, : self.reference_tokens] for angle_CP in (self.cos_CP, self.sin_CP))
        self.rotary.write(self.time, *angles)

    def place_alone(self) -> None:
        """For the pass that makes the tokens: the reference at its own time."""
        self.place(torch.zeros_like(self.time) - self.ahead)

    def attend(self, layer: int, q_BTHD: Tensor, k_BTHD: Tensor, v_BTHD: Tensor) -> Tensor:
        """The pass that makes the tokens: they see each other only, and are kept."""
        self.keys_YBCHD[layer].copy_(k_BTHD)
        self.values_RYBCHD[:, layer].copy_(v_BTHD)
        return attention(rotate(q_BTHD, self.cos_CP, self.sin_CP), self.keys(layer), v_BTHD)

    def keys(self, layer: int) -> Tensor:
        """Rotated to where the tokens stand now."""
        return rotate(self.keys_YBCHD[layer], self.cos_CP, self.sin_CP)


def packed_places(latent_height: int, latent_width: int) -> Tensor:
    """(tokens, 3): time, row and column of each token of packed motion. A pack begins as far before time 0 as the
    latents it and the packs nearer hold, and counts towards 0; whoever stands for several takes one of their places."""
    parts, begin = [], 0
    for _, latents, (time, height, width) in MOTION_PACKS:
        begin += latents
        times = -_spread(begin, begin - latents + 1, latents // time)
        rows = _spread(0, latent_height // 2 - 1, latent_height // height)
        columns = _spread(0, latent_width // 2 - 1, latent_width // width)
        grid = np.meshgrid(times, rows, columns, indexing="ij")
        parts.append(np.stack(grid, axis=-1).reshape(-1, 3))
    return torch.from_numpy(np.concatenate(parts))


def _spread(first: int, last: int, count: int) -> np.ndarray:
    """`count` whole numbers from first to last, evenly, rounded towards 0."""
    return np.linspace(first, last, count).astype(np.int64)
