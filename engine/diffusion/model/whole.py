"""Self-attention over a whole clip at once, with or without a block-causal mask: what the streaming path must equal."""

# B batch · T tokens · H heads · D head width · F latents

from __future__ import annotations

import torch
from torch import Tensor

from engine.diffusion.model.attention import attention
from engine.diffusion.rope import Rotary, rotate


class WholeSequence:
    """A `Memory` that keeps nothing: every token of the clip sees every other, or what `mask_TT` allows."""

    def __init__(self, rotary: Rotary, positions_F: Tensor, dtype: torch.dtype, mask_TT: Tensor | None = None) -> None:
        cos, sin = rotary.buffers(len(positions_F), dtype)
        rotary.write(positions_F, cos, sin)
        self.cos_TP, self.sin_TP = cos.flatten(0, 1), sin.flatten(0, 1)
        self.mask_TT = mask_TT

    def attend(self, layer: int, q_BTHD: Tensor, k_BTHD: Tensor, v_BTHD: Tensor) -> Tensor:
        q, k = rotate(q_BTHD, self.cos_TP, self.sin_TP), rotate(k_BTHD, self.cos_TP, self.sin_TP)
        return attention(q, k, v_BTHD, self.mask_TT)


def visible_latents(latents: int, block: int, window: int, sink: int) -> Tensor:
    """(F, F) bool: row sees column. A latent sees its own block, the sink, and what the window still holds when the
    block's last latent has been written."""
    row = torch.arange(latents)[:, None]
    column = torch.arange(latents)[None, :]
    last_of_block = torch.clamp((row // block + 1) * block - 1, max=latents - 1)
    recent = column > last_of_block - (window - sink)
    return (column <= last_of_block) & (recent | (column < sink))
