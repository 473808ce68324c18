"""A character's picture on the model's canvas, as an array: the aspect is kept, the rest is black. Imports no torch."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.api import BadCharacter


def still_of(path: Path, *, width: int, height: int) -> NDArray[np.float32]:
    """(1, 3, 1, height, width) in -1 .. 1. Raises BadCharacter."""
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR) if path.is_file() else None
    if picture is None:
        raise BadCharacter(f"the character's image {path.name} is missing or is no picture")
    scale = min(width / picture.shape[1], height / picture.shape[0])
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    resized = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    canvas = np.zeros((height, width, 3), np.uint8)
    top, left = (height - size[1]) // 2, (width - size[0]) // 2
    canvas[top : top + size[1], left : left + size[0]] = resized
    rgb_HWC = np.ascontiguousarray(canvas[..., ::-1]).astype(np.float32) / np.float32(127.5) - np.float32(1)
    return np.ascontiguousarray(rgb_HWC.transpose(2, 0, 1))[None, :, None]
