"""Teeth behind the lips: those the still showed, or drawn ones, as a texture in YUV with alpha. Knows no time."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.portrait.record import Record, Style

TEXELS_PER_PX = 2.0
_WIDTHS = (0.092, 0.072, 0.076, 0.066, 0.058, 0.050, 0.042)  # from the middle to one side, in mouth widths
_LENGTHS = (0.0, -0.008, -0.003, -0.008, -0.012, -0.016, -0.02)  # how much longer than the middle ones, in mouth widths
_TALL = 0.30  # of the texture above the teeth's edge, in mouth widths
_ARC = 0.055  # how much higher the edge is at the last tooth, in mouth widths
_FOLLOWS = 0.85  # of the seam's own curve that the edge follows: a smile's teeth rise with its corners
_AROUND = 0.52  # half the dental arch, in mouth widths: it turns away from the viewer towards that
_MOST_ASIDE = 0.14  # light from one side of the face, at most


@dataclass(frozen=True, kw_only=True, slots=True)
class _Look:
    line: float  # depth of the lines between teeth
    round_edge: float
    gums: float  # darker towards them
    turned: float  # darker where the arch turns away
    bulge: float  # lighter in the middle of each tooth


_LOOKS = {
    Style.PHOTO: _Look(line=0.16, round_edge=0.012, gums=0.2, turned=0.5, bulge=0.07),
    Style.DRAWING: _Look(line=0.07, round_edge=0.008, gums=0.08, turned=0.34, bulge=0.03),
    Style.OBJECT: _Look(line=0.0, round_edge=0.0, gums=0.0, turned=0.16, bulge=0.0),
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
    pixels = np.asarray(picture, np.float32)
    pixels[..., 3] /= 255
    return Teeth(yuva=yuva_of_bgra(pixels), x0=kept.at[0] * scale, y0=kept.at[1] * scale, hang=False)


def _drawn(record: Record, scale: float) -> Teeth:
    seam, look = record.mouth.seam * scale, _LOOKS[record.style]
    width, middle = float(seam[-1, 0] - seam[0, 0]), float(seam[0, 0] + seam[-1, 0]) / 2
    x = (np.arange(round(width * 1.1 * TEXELS_PER_PX)) + 0.5) / (width * TEXELS_PER_PX) - 0.55
    y = (np.arange(round(width * (_TALL + 0.14) * TEXELS_PER_PX)) + 0.5) / (width * TEXELS_PER_PX) - _TALL
    edges = np.concatenate([[0.0], np.cumsum(_WIDTHS)])
    away = np.abs(x)
    tooth = np.clip(np.searchsorted(edges, away, side="right") - 1, 0, len(_WIDTHS) - 1)
    centre, half = (edges[tooth] + edges[tooth + 1]) / 2, np.array(_WIDTHS)[tooth] / 2
    off = np.clip((away - centre) / half, -1, 1)
    lengths = np.array(_LENGTHS)[tooth] if look.line else np.zeros_like(x)
    lip = np.interp(middle + x * width, seam[:, 0], seam[:, 1]) - np.interp(middle, seam[:, 0], seam[:, 1])
    edge = lengths - look.round_edge * np.abs(off) ** 3 - _ARC * (away / edges[-1]) ** 2 + _FOLLOWS * lip / width
    above = (edge[None] - y[:, None]) * width  # pixels of the frame above the teeth's edge
    alpha = np.clip(above / 1.5 + 0.5, 0, 1) * np.clip((edges[-1] - away) / 0.06, 0, 1)[None]
    light = 1 - look.turned * (1 - np.sqrt(np.clip(1 - (away / _AROUND) ** 2, 0, 1)))
    light += look.bulge * (1 - off**2) - look.line * np.exp(-(((1 - np.abs(off)) * half / 0.006) ** 2))
    light *= 1 + _light_aside(record) * x / 0.45
    shade = light[None] * (1 - look.gums * np.clip(above / width / 0.16, 0, 1))
    shade *= 1 - 0.6 * look.gums * np.clip(1 - above / width / 0.014, 0, 1)  # thin edges let the dark through
    colour = np.array([*record.mouth.teeth_rgb[::-1]], np.float64)
    picture = np.dstack([np.clip(shade[..., None] * colour, 0, 255), alpha]).astype(np.float32)
    return Teeth(yuva=yuva_of_bgra(picture), x0=middle - 0.55 * width, y0=-_TALL * width, hang=True)


def _light_aside(record: Record) -> float:
    """How much lighter the face is at its right side than at its left, in the picture; 0 where all is even."""
    x, y, rx, ry = record.head.face
    rows = slice(max(0, int(y)), int(y + 0.5 * ry))
    sides = [slice(max(0, int(x + a * rx)), int(x + b * rx)) for a, b in ((-0.7, -0.3), (0.3, 0.7))]
    left, right = (float(record.still[rows, side].mean() or 1.0) for side in sides)
    return float(np.clip((right - left) / (right + left), -_MOST_ASIDE, _MOST_ASIDE)) if left + right > 0 else 0.0


def yuva_of_bgra(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """(..., 4): BGR 0..255 and alpha to BT.601, limited range, and alpha."""
    b, g, r = (pixels[..., channel] / 255 for channel in range(3))
    y = 0.299 * r + 0.587 * g + 0.114 * b
    planes = (16 + 219 * y, 128 + 224 * (b - y) / 1.772, 128 + 224 * (r - y) / 1.402, pixels[..., 3])
    return np.ascontiguousarray(np.stack(planes, -1), np.float32)
