"""Eyes: the outline of drawn ones found by colour, what the lids need to know, and eyes for what has none.

A detector trained on people finds the lids of drawn eyes too small: drawn eyes are larger than human ones, and a blink
would leave white. In a drawing the eye is what differs from the skin around it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from engine.portrait.importing.features import EyePoints, Features, Points

Colour = NDArray[np.uint8]

_UNLIKE_SKIN = 26.0  # distance in Lab from which a pixel is not skin
_MOST_GROWTH = 1.7  # an outline wider than that took something else along


def fitted(bgr: Colour, features: Features) -> Features:
    """The same face with the eyes' outlines as drawn, where they are found."""
    return replace(features, eyes=tuple(_outlined(bgr, eye, features) for eye in features.eyes))


def _outlined(bgr: Colour, eye: EyePoints, features: Features) -> EyePoints:
    import cv2

    width = float(eye.upper[-1, 0] - eye.upper[0, 0])
    x, y, radius = eye.iris
    x0, x1 = int(x - 0.95 * width), int(x + 0.95 * width)
    y0, y1 = int(y - 0.75 * width), int(y + 0.6 * width)
    if x0 < 0 or y0 < 0 or x1 >= bgr.shape[1] or y1 >= bgr.shape[0] or width < 12:
        return eye
    lab = cv2.cvtColor(bgr[y0:y1, x0:x1].astype(np.float32) / 255, cv2.COLOR_BGR2LAB)
    skin = np.median(lab[int(0.86 * (y1 - y0)) :].reshape(-1, 3), axis=0)  # just below the eye
    unlike = (np.linalg.norm(lab - skin, axis=2) > _UNLIKE_SKIN).astype(np.uint8)
    for brow in features.brows:  # a brow that touches the lashes is no eye
        low = int(brow[:, 1].max() + 0.06 * width) - y0
        if 0 < low < y - y0 - 0.2 * width and abs(brow[:, 0].mean() - x) < width:
            unlike[:low] = 0
    _, labels = cv2.connectedComponents(unlike)
    inside = labels[
        int(y - y0 - radius) : int(y - y0 + radius) + 1, int(x - x0 - radius) : int(x - x0 + radius) + 1
    ].ravel()
    inside = inside[inside > 0]
    if not len(inside):
        return eye
    mask = labels == np.bincount(inside).argmax()
    columns = np.flatnonzero(mask.sum(0) > 0)
    if not 0.8 * width < np.ptp(columns) < _MOST_GROWTH * width:
        return eye
    top = mask[:, columns].argmax(0) + y0
    low = mask.shape[0] - 1 - mask[::-1, columns].argmax(0) + y0
    if (low - top).max() > 1.3 * width:
        return eye
    return _of_columns(eye, (columns + x0).astype(np.float64), top.astype(np.float64), low.astype(np.float64))


def _of_columns(eye: EyePoints, x: Points, top: Points, low: Points) -> EyePoints:
    at = np.linspace(x[0], x[-1], 17)
    kernel = np.ones(3) / 3

    def smooth(values: Points) -> Points:
        curve = np.interp(at, x, values)
        return np.concatenate([curve[:1], np.convolve(curve, kernel, "valid"), curve[-1:]])

    return EyePoints(upper=np.stack([at, smooth(top)], 1), lower=np.stack([at, smooth(low)], 1), iris=eye.iris)


def lid_heights_px(bgr: Colour, eye: EyePoints, features: Features, *, drawn: bool) -> tuple[float, float, float]:
    """Heights above the lid's edge: of the lashes, of where the lid begins (below the brow), and of where its even
    skin ends (above the crease and its shadow)."""
    height = float((eye.lower[:, 1] - eye.upper[:, 1]).max())
    edge = float(eye.upper[:, 1].min())
    width = float(eye.upper[-1, 0] - eye.upper[0, 0])
    above = [_lower_edge(brow, eye.iris[0]) for brow in features.brows if abs(brow[:, 0].mean() - eye.iris[0]) < width]
    room = edge - max(above) if above else 1.2 * height
    if drawn:
        lash = 0.1 * height
        return lash, max(lash + 2.0, min(0.95 * height, 0.7 * room)), lash
    lash = 0.16 * height
    lid = max(lash + 3.0, min(1.3 * height, 0.8 * room))
    return lash, lid, _even_from(bgr, eye, lash, lid)


def _lower_edge(brow: Points, x: float) -> float:
    """Where the brow ends above `x`: its second half of points are its lower edge."""
    edge = brow[len(brow) // 2 :]
    order = np.argsort(edge[:, 0])
    return float(np.interp(x, edge[order, 0], edge[order, 1]))


def _even_from(bgr: Colour, eye: EyePoints, lash: float, lid: float) -> float:
    """Going up from the lashes, the height from which the skin is nearly as bright as it gets."""
    import cv2

    luma = cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY).astype(np.float32)
    x = np.linspace(eye.upper[0, 0], eye.upper[-1, 0], 24)[6:-6]
    y = np.interp(x, eye.upper[:, 0], eye.upper[:, 1])
    heights = np.linspace(lash, lid, 24)
    maps = (np.tile(x, (24, 1)).astype(np.float32), (y[None] - heights[:, None]).astype(np.float32))
    profile = cv2.remap(luma, *maps, cv2.INTER_LINEAR).mean(1)
    bright = np.flatnonzero(profile > profile.min() + 0.6 * (profile.max() - profile.min()))
    return float(min(heights[bright[0]], lid - 2.0))


def with_drawn_eyes(bgr: Colour, features: Features) -> Colour:
    """Plain eyes on what has none."""
    import cv2

    out, four = bgr.copy(), 4  # OpenCV's fixed-point bits: sub-pixel edges

    def fixed(points: Points) -> NDArray[np.int32]:
        return np.asarray(np.round(points * 2**four), np.int32)

    for eye in features.eyes:
        shape = np.concatenate([eye.upper, eye.lower[::-1]])
        cv2.fillPoly(out, [fixed(shape)], (244, 248, 250), cv2.LINE_AA, four)
        x, y, radius = eye.iris
        iris = out.copy()
        for share, colour in ((1.0, (72, 52, 40)), (0.55, (22, 18, 16))):
            centre = fixed(np.array([[x, y]]))[0]
            cv2.circle(iris, tuple(map(int, centre)), round(share * radius * 2**four), colour, -1, cv2.LINE_AA, four)
        light = fixed(np.array([[x - 0.3 * radius, y - 0.35 * radius]]))[0]
        cv2.circle(iris, tuple(map(int, light)), round(0.24 * radius * 2**four), (255, 255, 255), -1, cv2.LINE_AA, four)
        mask = np.zeros(out.shape[:2], np.uint8)
        cv2.fillPoly(mask, [fixed(shape)], 255, cv2.LINE_AA, four)
        covered = mask[..., None] / 255
        out = np.round(iris * covered + out * (1 - covered)).astype(np.uint8)
        thick = max(1, round(0.09 * float(np.ptp(shape[:, 1]))))
        cv2.polylines(out, [fixed(eye.upper)], False, (38, 30, 28), 2 * thick, cv2.LINE_AA, four)
        cv2.polylines(out, [fixed(eye.lower)], False, (60, 52, 48), thick, cv2.LINE_AA, four)
    return out
