"""Teeth behind the lips: those the still showed, or drawn ones, as a texture in YUV with alpha. Knows no time."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.portrait.record import Record, Style

TEXELS_PER_PX = 2.0
_WIDTHS = (0.088, 0.068, 0.070, 0.062, 0.060, 0.055)  # from the middle to one side, in mouth widths
_LENGTHS = (0.0, -0.011, -0.004, -0.010, -0.014, -0.018)  # how much longer than the middle ones, in mouth widths
_TALL = 0.30  # of the texture above the teeth's edge, in mouth widths
_LOOKS = {  # style: (depth of the lines between teeth, how round their edges are, darker towards the gums)
    Style.PHOTO: (0.13, 0.014, 0.16),
    Style.DRAWING: (0.05, 0.008, 0.05),
    Style.OBJECT: (0.0, 0.0, 0.0),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Teeth:
    """`yuva` (rows, columns, 4) float32, alpha 0..1. `x0`, `y0`: where its corner lies, in pixels of the luma frame;
    `y0` is below the edge of teeth that hang from it when `hang`, else fixed in the picture."""

    yuva: NDArray[np.float32]
    x0: float
    y0: float
    hang: bool


def teeth_of(record: Record, scale: float) -> Teeth:
    """`scale`: pixels of the frame per pixel of the still."""
    if record.mouth.teeth is not None:
        return _shown(record, scale)
    return _drawn(record, scale)


def _shown(record: Record, scale: float) -> Teeth:
    kept = record.mouth.teeth
    assert kept is not None
    factor = scale * TEXELS_PER_PX
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    picture = cv2.resize(kept.bgra, None, fx=factor, fy=factor, interpolation=method)
    pixels = np.asarray(picture, np.uint8)
    yuva = _yuva(pixels[..., :3], (pixels[..., 3] / 255).astype(np.float32))
    return Teeth(yuva=yuva, x0=kept.at[0] * scale, y0=kept.at[1] * scale, hang=False)


def _drawn(record: Record, scale: float) -> Teeth:
    seam = record.mouth.seam
    width = float(seam[-1, 0] - seam[0, 0]) * scale
    lines, roundness, darker = _LOOKS[record.style]
    x = (np.arange(round(width * 1.1 * TEXELS_PER_PX)) + 0.5) / (width * TEXELS_PER_PX) - 0.55
    y = (np.arange(round(width * (_TALL + 0.04) * TEXELS_PER_PX)) + 0.5) / (width * TEXELS_PER_PX) - _TALL
    edges = np.concatenate([[0.0], np.cumsum(_WIDTHS)])
    away = np.abs(x)
    tooth = np.clip(np.searchsorted(edges, away, side="right") - 1, 0, len(_WIDTHS) - 1)
    middle, half = (edges[tooth] + edges[tooth + 1]) / 2, np.array(_WIDTHS)[tooth] / 2
    off = np.clip(np.abs(away - middle) / half, 0, 1)
    length = np.array(_LENGTHS)[tooth] if lines else np.zeros_like(x)
    edge = length - roundness * off**3 - 0.11 * x**2
    soft = 1.0 / (width * 0.75)
    alpha = np.clip((edge[None] - y[:, None]) / (2 * soft) + 0.5, 0, 1) * (away < edges[-1])[None]
    light = 1 - lines * np.exp(-(((1 - off) * half / 0.006) ** 2))[None] * np.ones_like(y)[:, None]
    light *= 1 - darker * np.clip(-y[:, None] / 0.16, 0, 1)
    light *= 1 - 0.5 * darker * np.clip(1 - np.abs(y[:, None] - edge[None]) / 0.012, 0, 1)
    colour = np.array(record.mouth.teeth_rgb[::-1], np.float64)
    picture = np.clip(light[..., None] * colour, 0, 255).astype(np.uint8)
    seam_middle = (seam[0, 0] + seam[-1, 0]) / 2 * scale
    return Teeth(
        yuva=_yuva(picture, alpha.astype(np.float32)),
        x0=float(seam_middle - 0.55 * width),
        y0=-_TALL * width,
        hang=True,
    )


def _yuva(bgr: NDArray[np.uint8], alpha: NDArray[np.float32]) -> NDArray[np.float32]:
    """BT.601, limited range."""
    b, g, r = (bgr[..., channel].astype(np.float32) / 255 for channel in range(3))
    y = 0.299 * r + 0.587 * g + 0.114 * b
    planes = (16 + 219 * y, 128 + 224 * (b - y) / 1.772, 128 + 224 * (r - y) / 1.402, alpha)
    return np.ascontiguousarray(np.dstack(planes), np.float32)
