"""Shuts the mouth of a picture, keeps the teeth it showed, and measures how far this mouth may move.

A still that smiles is closed by stretching its columns: the lips meet at a seam, the chin follows. What showed between
them becomes a texture that hangs behind the lips when they part again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.portrait.importing.features import Features, Points

Colour = NDArray[np.uint8]
Field = NDArray[np.float64]

SHUT_GAP = 0.02  # of the mouth's width: less than this is a closed mouth
TEETH_GAP = 0.07  # from here on teeth may be seen
_FROM_ABOVE = 0.35  # of the gap is closed by the upper lip, the rest by the lower one
_CHIN_FOLLOWS = 0.5


@dataclass(frozen=True, kw_only=True, slots=True)
class Shut:
    """A picture whose mouth is shut. `map_xy` says where each of its pixels came from; `teeth` is BGRA in place."""

    bgr: Colour
    features: Features
    seam: Points
    teeth: Colour | None
    map_xy: tuple[NDArray[np.float32], NDArray[np.float32]] | None


def shut(bgr: Colour, features: Features) -> Shut:
    """Close what is open; a closed mouth comes back as it is."""
    left, right = features.inner_upper[0], features.inner_upper[-1]
    x = np.linspace(left[0], right[0], 41)
    upper = _heights(features.inner_upper, x)
    lower = np.maximum(_heights(features.inner_lower, x), upper)
    gap = lower - upper
    seam_y = upper + _FROM_ABOVE * gap
    outer = np.array([features.outer_upper[0], features.outer_upper[-1]])
    seam = np.concatenate([outer[:1], np.stack([x, seam_y], 1), outer[1:]])
    if features.gap < SHUT_GAP:
        middle = np.concatenate([outer[:1], np.stack([x, (upper + lower) / 2], 1), outer[1:]])
        return Shut(bgr=bgr, features=features, seam=middle, teeth=None, map_xy=None)
    teeth = _teeth(bgr, features) if features.gap > TEETH_GAP else None
    maps = _closing(bgr.shape[:2], features, x, upper, lower, seam_y)
    import cv2

    closed = np.asarray(cv2.remap(bgr, *maps, cv2.INTER_CUBIC), np.uint8)
    closed = _with_seam(_clean_corners(closed, seam, features.mouth_px), seam, features.mouth_px, depth=0.55)
    return Shut(bgr=closed, features=_after(features, x, gap), seam=seam, teeth=teeth, map_xy=maps)


def _heights(curve: Points, x: Field) -> Field:
    order = np.argsort(curve[:, 0], kind="stable")
    return np.asarray(np.interp(x, curve[order, 0], curve[order, 1]))


def _chin_share(features: Features, x: Field) -> Field:
    """How much of the chin's rise a column takes: all in the middle, none at the mouth's sides."""
    middle = features.outer_upper[:, 0].mean()
    return np.asarray(np.clip(1 - np.abs((x - middle) / (1.05 * features.mouth_px)) ** 2.2, 0, 1))


def _rise(features: Features, x: Field, gap: Field) -> Field:
    """How far the jaw's edge rises in each column when the lips meet."""
    return _CHIN_FOLLOWS * (1 - _FROM_ABOVE) * float(gap.max()) * _chin_share(features, x)


def _closing(
    shape: tuple[int, ...], features: Features, at: Field, upper: Field, lower: Field, seam_y: Field
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Maps for remap: each column's knots (nose, inner lips, jaw, below) are stretched evenly between."""
    height, width = shape
    map_x, map_y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    mouth_px, chin = features.mouth_px, float(features.jaw[:, 1].max())
    middle = features.outer_upper[:, 0].mean()
    first, last = int(max(0, middle - 1.05 * mouth_px)), int(min(width - 1, middle + 1.05 * mouth_px))
    rows = np.arange(height, dtype=np.float64)
    for column in range(first, last + 1):
        x = np.array([float(column)])
        if at[0] < column < at[-1]:
            u, low, s = (float(np.interp(column, at, curve)) for curve in (upper, lower, seam_y))
        else:  # beside the mouth only the chin's rise is felt
            u = low = s = float(seam_y[0] if column <= at[0] else seam_y[-1])
        jaw = max(float(_heights(features.jaw, x)[0]), low + 0.2 * mouth_px)
        rise = float(_rise(features, x, lower - upper)[0])
        bottom = max(jaw, chin) + 0.6 * mouth_px
        top = min(features.nose_base_y, u - 2)
        eps = 1e-3
        now = [0.0, top, s, s + eps, jaw - rise, bottom, height]
        was = [0.0, top, u, low, jaw, bottom, height]
        map_y[:, column] = np.interp(rows, np.maximum.accumulate(now), was)
    map_y[:, first : last + 1] = _smoothed_across(map_y[:, first : last + 1], seam_y, mouth_px)
    return map_x, map_y


def _smoothed_across(map_y: NDArray[np.float32], seam_y: Field, mouth_px: float) -> NDArray[np.float32]:
    """Chin and cheeks without steps between columns; the lips' own edge stays exact."""
    import cv2

    rows = np.arange(len(map_y), dtype=np.float32)[:, None]
    far = np.clip((rows - float(seam_y.max()) - 0.25 * mouth_px) / (0.2 * mouth_px), 0, 1)
    blurred = cv2.GaussianBlur(map_y, (0, 0), 0.06 * mouth_px)
    return np.asarray(map_y * (1 - far) + blurred * far, np.float32)


def _after(features: Features, x: Field, gap: Field) -> Features:
    """Where lips and jaw are once the mouth is shut."""

    def lifted(curve: Points, by: Field) -> Points:
        return np.stack([curve[:, 0], curve[:, 1] + by], 1)

    def gap_at(curve: Points) -> Field:
        return np.interp(curve[:, 0], x, gap, left=0, right=0)

    upper, lower, jaw = features.outer_upper, features.outer_lower, features.jaw
    below = (1 - _FROM_ABOVE) * gap_at(lower)
    return replace(
        features,
        outer_upper=lifted(upper, 0.75 * _FROM_ABOVE * gap_at(upper)),
        outer_lower=lifted(lower, -0.95 * below),
        jaw=lifted(jaw, -_rise(features, jaw[:, 0], gap)),
    )


def _with_seam(bgr: Colour, seam: Points, mouth_px: float, depth: float) -> Colour:
    """A soft dark line where the lips meet, thinner towards the corners."""
    height, width = bgr.shape[:2]
    x0, x1 = int(max(0, seam[0, 0])), int(min(width, seam[-1, 0] + 1))
    y0, y1 = int(max(0, seam[:, 1].min() - 0.1 * mouth_px)), int(min(height, seam[:, 1].max() + 0.1 * mouth_px))
    x, y = np.meshgrid(np.arange(x0, x1, dtype=np.float64), np.arange(y0, y1, dtype=np.float64))
    along = np.clip(1 - np.abs((x - (x0 + x1) / 2) / ((x1 - x0) / 2)) ** 4, 0, 1)
    thick = mouth_px * (0.006 + 0.008 * along)
    dark = depth * (0.2 + 0.8 * along) * np.exp(-(((y - _heights(seam, x)) / thick) ** 2))
    out = bgr.copy()
    window = out[y0:y1, x0:x1].astype(np.float64)
    keep = 1 - dark[..., None] * np.array([1.0, 1.0, 0.82])  # the line keeps some of the lips' red
    out[y0:y1, x0:x1] = np.clip(window * keep + 0.5, 0, 255)
    return out


def _clean_corners(bgr: Colour, seam: Points, mouth_px: float) -> Colour:
    """Without the dark wedges that an open mouth has at its corners: they stay behind when its middle is closed."""
    import cv2

    side = 2 * round(0.035 * mouth_px) + 1
    light = cv2.morphologyEx(bgr, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, 2 * side + 1)))
    light = cv2.GaussianBlur(light, (0, 0), 0.012 * mouth_px)
    share: NDArray[Any] = np.zeros(bgr.shape[:2], np.float32)
    for x, y in (seam[1], seam[-2]):
        axes = (round(0.17 * mouth_px), round(0.085 * mouth_px))
        cv2.ellipse(share, (round(x), round(y)), axes, 0, 0, 360, 0.85, -1)
    share = cv2.GaussianBlur(share, (0, 0), 0.025 * mouth_px)[..., None]
    return np.asarray(np.round(light * share + bgr * (1 - share)), np.uint8)


def with_drawn_mouth(bgr: Colour, seam: Points, mouth_px: float) -> Colour:
    """A mouth for what has none: a line where it will open."""
    return _with_seam(bgr, seam, 1.6 * mouth_px, depth=0.85)


def _teeth(bgr: Colour, features: Features) -> Colour | None:
    """What shows between open lips, spread a little beyond them, if most of it is bright enough to be teeth."""
    import cv2

    height, width = bgr.shape[:2]
    margin = 0.02 * features.mouth_px
    x = np.arange(width, dtype=np.float64)
    upper = _heights(features.inner_upper, x) + margin
    lower = _heights(features.inner_lower, x) - margin
    rows = np.arange(height, dtype=np.float64)[:, None]
    between = (rows > upper) & (rows < lower) & (x > features.inner_upper[0, 0]) & (x < features.inner_upper[-1, 0])
    if between.sum() < 60:
        return None
    luma = cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY)
    chroma = cv2.cvtColor(bgr, cv2.COLOR_BGR2HSV)[..., 1]
    bright = float(np.percentile(luma[between], 90))
    tooth = between & (luma > 0.55 * bright) & (chroma < 120)
    if tooth.sum() < 0.45 * between.sum() or bright < 90:
        return None
    # the lower edge is the teeth's own; above their upper one they go on behind the lip
    first = np.where(tooth.any(0), tooth.argmax(0), 0)
    lowest = np.where(tooth.any(0), height - 1 - tooth[::-1].argmax(0), 0)
    first = (first + 0.4 * np.maximum(0, lowest - first)).astype(np.intp)  # higher up the lip colours them
    nearest = np.clip(rows.astype(np.intp), first, np.maximum(lowest, first))
    spread = bgr[nearest, np.arange(width)[None]]
    above = cv2.GaussianBlur(spread, (0, 0), 0.03 * features.mouth_px)
    spread = np.where((rows < first)[..., None], above, spread)
    covered = (rows <= lowest + 0.5) & (rows > upper - 0.16 * features.mouth_px) & tooth.any(0)
    alpha = cv2.GaussianBlur(covered.astype(np.float32), (0, 0), max(0.8, 0.006 * features.mouth_px))
    return np.dstack([spread, alpha * 255]).astype(np.uint8)
