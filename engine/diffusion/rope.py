"""Rotary positions over time, height and width, computed for any latent index; knows no cache and no policy.

Angles are formed in float64 from integer positions (bfloat16 cannot tell 256 from 257), then stored as cos and sin
in the working precision. There is no table to run out of. Source: wan/modules/model.py, `rope_params`/`rope_apply`:
pairs (2i, 2i + 1), theta 10000, each axis with its own frequencies; a head of 128 has 22 + 21 + 21 pairs.
"""

# B batch · T tokens · H heads · D head width · P pairs, D / 2 · F latents · N tokens of one latent

from __future__ import annotations

import torch
from torch import Tensor

THETA = 10_000.0


def axis_widths(head_width: int) -> tuple[int, int, int]:
    """How many of a head's dimensions turn with time, height and width."""
    spatial = 2 * (head_width // 6)
    return head_width - 2 * spatial, spatial, spatial


class Rotary:
    """The angles of one picture size. `write` fills preallocated cos and sin; nothing else is computed per block."""

    def __init__(
        self,
        head_width: int,
        token_rows: int,
        token_columns: int,
        *,
        device: torch.device | str = "cpu",
        half: bool = False,
    ):
        """`half`: round cos and sin to float16, as LiveAvatar's own code does."""
        self.half = half
        widths = axis_widths(head_width)
        time, row, column = (
            THETA ** (-torch.arange(0, width, 2, dtype=torch.float64, device=device) / width) for width in widths
        )
        rows = torch.arange(token_rows, dtype=torch.float64, device=device)
        columns = torch.arange(token_columns, dtype=torch.float64, device=device)
        across = (token_rows, token_columns, -1)
        self.time, self.row, self.column = time, row, column
        self.spatial_NP = torch.cat(
            [
                torch.outer(rows, row)[:, None, :].expand(across),
                torch.outer(columns, column)[None, :, :].expand(across),
            ],
            dim=-1,
        ).flatten(0, 1)
        self.pairs = head_width // 2
        self.tokens = token_rows * token_columns

    def buffers(self, latents: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Cos and sin for `latents` latents, each (F, N, P); the spatial part is final."""
        spatial = self.spatial_NP.expand(latents, -1, -1)
        keep = torch.float64 if dtype == torch.float64 else torch.float32
        cos_FNP = torch.empty(latents, self.tokens, self.pairs, dtype=keep, device=self.time.device)
        sin_FNP = torch.empty_like(cos_FNP)
        cos_FNP[..., len(self.time) :] = self._rounded(spatial.cos())
        sin_FNP[..., len(self.time) :] = self._rounded(spatial.sin())
        return cos_FNP, sin_FNP

    def at(self, places_T3: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Cos and sin, each (T, P), of tokens that lie anywhere: time, row, column (integers, any sign)."""
        keep = torch.float64 if dtype == torch.float64 else torch.float32
        axes = zip(places_T3.to(self.time).unbind(-1), (self.time, self.row, self.column), strict=True)
        angles_TP = torch.cat([torch.outer(where, frequencies) for where, frequencies in axes], dim=-1)
        return self._rounded(angles_TP.cos()).to(keep), self._rounded(angles_TP.sin()).to(keep)

    def write(self, positions_F: Tensor, cos_FNP: Tensor, sin_FNP: Tensor) -> None:
        """Put the latents at these temporal positions (integers, any sign); writes in place, synchronises nothing."""
        angle_FP = positions_F.to(torch.float64)[:, None] * self.time
        cos_FNP[..., : len(self.time)] = self._rounded(angle_FP.cos())[:, None, :]
        sin_FNP[..., : len(self.time)] = self._rounded(angle_FP.sin())[:, None, :]

    def _rounded(self, x: Tensor) -> Tensor:
        return x.half().to(x.dtype) if self.half else x


def rotate(x_BTHD: Tensor, cos_TP: Tensor, sin_TP: Tensor) -> Tensor:
    """Turn each pair of a head by its angle; computed in the precision of the angles."""
    even, odd = x_BTHD.to(cos_TP.dtype).unflatten(-1, (-1, 2)).unbind(-1)
    cos, sin = cos_TP[:, None, :], sin_TP[:, None, :]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), dim=-1).flatten(-2).to(x_BTHD.dtype)
