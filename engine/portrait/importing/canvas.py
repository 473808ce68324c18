"""The stage picture: the part of a user's picture that a meeting shall see, upright, 16:9. Knows where the head is.

The head takes half of the height where the picture has room for that. What lies beyond the picture's edge (a narrow
picture has too little at its sides) is filled from its background later, by the plate.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.portrait.importing.features import Features, moved
from engine.portrait.importing.picture import Picture
from engine.portrait.importing.quality import MOST_TILT_DEG

SMALL, LARGE = (1280, 720), (2560, 1440)
LARGE_FROM_PX = 1600  # width of the cut from which the large stage keeps more than the small one
HEAD_SHARE = 0.5  # of the stage's height
MOST_HEAD_SHARE = 0.68
HEAD_AT = 0.42  # the head's middle, from the top
STRAIGHT_RAD, MOST_TILT_RAD = math.radians(2), math.radians(MOST_TILT_DEG)
_BORDER_REPLICATE, _CONSTANT = 1, 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    bgr: NDArray[np.uint8]
    alpha: NDArray[np.uint8] | None
    known: NDArray[np.uint8]  # 255 where the user's picture is, 0 beyond its edges
    matrix: NDArray[np.float64]  # from the user's picture to here
    features: Features

    @property
    def enlarged(self) -> float:
        return float(np.hypot(self.matrix[0, 0], self.matrix[1, 0]))


def staged(picture: Picture, features: Features) -> Stage:
    """Cut, turn and scale."""
    import cv2

    height, width = picture.bgr.shape[:2]
    tilt = features.tilt_rad if STRAIGHT_RAD < abs(features.tilt_rad) < MOST_TILT_RAD else 0.0
    x, y, cut_width = _cut(features, width, height)
    size = LARGE if cut_width >= LARGE_FROM_PX else SMALL
    scale = size[0] / cut_width
    cx, cy = features.head[:2]
    turn = cv2.getRotationMatrix2D((cx, cy), math.degrees(tilt), 1.0)
    matrix = np.array([scale * turn[0], scale * turn[1]])
    matrix[:, 2] -= scale * np.array([x, y])
    source: NDArray[Any] = picture.bgr
    if scale < 0.8:  # smaller: without a blur first, fine patterns turn into false ones
        source = cv2.GaussianBlur(source, (0, 0), 0.45 / scale)
    method = cv2.INTER_LANCZOS4 if scale > 1 else cv2.INTER_CUBIC
    bgr = cv2.warpAffine(source, matrix, size, flags=method, borderMode=_BORDER_REPLICATE)
    whole = np.full((height, width), 255, np.uint8)
    known = cv2.warpAffine(whole, matrix, size, flags=cv2.INTER_NEAREST, borderMode=_CONSTANT)
    alpha = None
    if picture.alpha is not None:
        alpha = np.asarray(cv2.warpAffine(picture.alpha, matrix, size, flags=cv2.INTER_LINEAR), np.uint8)
    return Stage(
        bgr=np.asarray(bgr, np.uint8),
        alpha=alpha,
        known=np.asarray(known, np.uint8),
        matrix=matrix,
        features=moved(features, matrix),
    )


def sharpened(stage: Stage, matte: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """An enlarged figure a little crisper; not at its edge, where sharpening would leave a bright line behind it."""
    import cv2

    scale = stage.enlarged
    if scale < 1.3:
        return stage.bgr
    crisp = cv2.addWeighted(stage.bgr, 1.5, cv2.GaussianBlur(stage.bgr, (0, 0), 0.9 * scale), -0.5, 0)
    side = 2 * round(2.5 * scale) + 1
    inner = cv2.GaussianBlur(cv2.erode(matte, np.ones((side, side), np.uint8)), (0, 0), scale)
    share = inner[..., None].astype(np.float32) / 255
    return np.asarray(np.round(crisp * share + stage.bgr * (1 - share)), np.uint8)


def _cut(features: Features, width: int, height: int) -> tuple[float, float, float]:
    """x, y and width of the part to show, 16:9, in pixels of the picture, whose edges it may reach beyond."""
    cx, cy, _, ry = features.head
    head = 2 * ry
    wanted = min(head / HEAD_SHARE, float(height))
    if wanted * 16 / 9 > width:
        wanted = max(width * 9 / 16, min(wanted, head / MOST_HEAD_SHARE))
    wanted = max(wanted, _moving_px(features) * 9 / 16)
    cut_width = wanted * 16 / 9
    x = cx - cut_width / 2
    if cut_width <= width:
        x = min(max(x, 0.0), width - cut_width)
    y = min(cy - HEAD_AT * wanted, height - wanted)
    if y + wanted < cy + ry:  # never cut the chin
        y = cy + ry - wanted
    return x, max(y, min(0.0, cy - ry - 0.05 * head)), cut_width


def _moving_px(features: Features) -> float:
    """The width that mouth and eyes need: a car's face, say, is much wider than high."""
    parts = np.concatenate([features.outer_upper, *(eye.upper for eye in features.eyes)])
    return 2.3 * float(np.abs(parts[:, 0] - features.head[0]).max())
