"""Pictures in and out: a still to the model's canvas, the model's frames to I420. Knows no model."""

# B batch · C channels · T frames · H height · W width

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from engine.api import BadCharacter

# ITU-R BT.601, limited range: rows give Y, U, V of red, green, blue in 0 .. 1
YUV_OF_RGB = ((65.481, 128.553, 24.966), (-37.797, -74.203, 112.0), (112.0, -93.786, -18.214))
YUV_OFFSET = (16.0, 128.0, 128.0)


def read_still(path: Path, *, width: int, height: int) -> Tensor:
    """(1, 3, 1, height, width) in -1 .. 1: the aspect is kept, the rest is black. Raises BadCharacter."""
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR) if path.is_file() else None
    if picture is None:
        raise BadCharacter(f"the character's image {path.name} is missing or is no picture")
    scale = min(width / picture.shape[1], height / picture.shape[0])
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    resized = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    canvas = np.zeros((height, width, 3), np.uint8)
    top, left = (height - size[1]) // 2, (width - size[0]) // 2
    canvas[top : top + size[1], left : left + size[0]] = resized
    rgb_HWC = np.ascontiguousarray(canvas[..., ::-1])
    return torch.from_numpy(rgb_HWC).float().div(127.5).sub(1).permute(2, 0, 1)[None, :, None]


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
