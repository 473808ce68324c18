"""Pictures in and out: a still as a tensor, the model's frames to I420. Knows no model."""

# B batch · C channels · T frames · H height · W width

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from engine.diffusion.still import still_of

# ITU-R BT.601, limited range: rows give Y, U, V of red, green, blue in 0 .. 1
YUV_OF_RGB = ((65.481, 128.553, 24.966), (-37.797, -74.203, 112.0), (112.0, -93.786, -18.214))
YUV_OFFSET = (16.0, 128.0, 128.0)


def read_still(path: Path, *, width: int, height: int) -> Tensor:
    """(1, 3, 1, height, width) in -1 .. 1. Raises BadCharacter."""
    return torch.from_numpy(still_of(path, width=width, height=height))


class ToI420:
    """RGB in -1 .. 1 to stacked planes; chroma is the mean of each 2x2."""

    def __init__(self, device: torch.device | str) -> None:
        self.weights = torch.tensor(YUV_OF_RGB, dtype=torch.float32, device=device)
        self.offset = torch.tensor(YUV_OFFSET, dtype=torch.float32, device=device)[:, None, None]

    def __call__(self, rgb_BCTHW: Tensor) -> Tensor:
        """(1, 3, T, H, W) to (T, H * 3 / 2, W) uint8; H a multiple of 4, W even."""
        rgb_TCHW = (rgb_BCTHW[0].float().transpose(0, 1) + 1) / 2
        yuv_TCHW = torch.einsum("yc,tchw->tyhw", self.weights, rgb_TCHW) + self.offset
        chroma_TCHW = torch.nn.functional.avg_pool2d(yuv_TCHW[:, 1:], 2)
        frames, _, height, width = yuv_TCHW.shape
        planes = (yuv_TCHW[:, 0], chroma_TCHW.reshape(frames, height // 2, width))
        return torch.cat(planes, dim=1).round().clamp(0, 255).to(torch.uint8)
