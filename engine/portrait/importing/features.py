"""Where a face's parts are in a picture: from a detector's landmarks. Knows no pixels.

Curves run left to right in the picture. Everything is pixels of one picture; `moved` takes it to another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]  # (n, 2)

# Landmark numbers of the face mesh, each list left to right in the picture.
_INNER_UPPER = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
_INNER_LOWER = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
_OUTER_UPPER = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291)
_OUTER_LOWER = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291)
_JAW = (58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288)
_OVAL = (10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
         152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109)  # fmt: skip
_EYES = (
    ((33, 246, 161, 160, 159, 158, 157, 173, 133), (33, 7, 163, 144, 145, 153, 154, 155, 133), 468),
    ((362, 398, 384, 385, 386, 387, 388, 466, 263), (362, 382, 381, 380, 374, 373, 390, 249, 263), 473),
)
_BROWS = ((70, 63, 105, 66, 107, 46, 53, 52, 65, 55), (300, 293, 334, 296, 336, 276, 283, 282, 295, 285))
_FOREHEAD, _CHIN, _NOSE_BASE, _NOSE_TIP = 10, 152, 2, 1
_LEFT_CHEEK, _RIGHT_CHEEK = 234, 454
_SKULL = 0.2  # of the face's height: how far the head goes on above the hairline


@dataclass(frozen=True, kw_only=True, slots=True)
class EyePoints:
    upper: Points
    lower: Points
    iris: tuple[float, float, float]  # x, y, radius


@dataclass(frozen=True, kw_only=True, slots=True)
class Features:
    """The parts of one face. `inner_*` are the edges of the lips that meet when the mouth is shut."""

    inner_upper: Points
    inner_lower: Points
    outer_upper: Points
    outer_lower: Points
    jaw: Points
    eyes: tuple[EyePoints, ...]
    brows: tuple[Points, ...]
    oval: Points  # around the face, closed
    head: tuple[float, float, float, float]  # centre and half axes, hair or crown included
    nose_base_y: float
    outline: Points | None = None  # around the whole figure, where somebody drew it
    marked: bool = False  # by hand: there may be no lips, lids or brows in the picture

    @property
    def mouth_px(self) -> float:
        return float(self.outer_upper[-1, 0] - self.outer_upper[0, 0])

    @property
    def gap(self) -> float:
        """How far the mouth is open, as a share of its width."""
        return float((self.inner_lower[:, 1] - self.inner_upper[:, 1]).max()) / self.mouth_px

    @property
    def height_px(self) -> float:
        return float(np.ptp(self.oval[:, 1]))

    @property
    def tilt_rad(self) -> float:
        """How far the head leans: the line between the eyes, or the mouth where there are no two eyes."""
        if len(self.eyes) == 2:
            (x0, y0, _), (x1, y1, _) = self.eyes[0].iris, self.eyes[1].iris
        else:
            (x0, y0), (x1, y1) = self.outer_upper[0], self.outer_upper[-1]
        return float(np.arctan2(y1 - y0, x1 - x0))


def from_landmarks(mesh: NDArray[np.float64]) -> Features:
    """Features of a face mesh, (478, 3)."""
    at = mesh[:, :2].astype(np.float64)

    def curve(numbers: Sequence[int]) -> Points:
        return at[list(numbers)]

    eyes = []
    for upper, lower, iris in _EYES:
        rim = np.linalg.norm(at[iris + 1 : iris + 5] - at[iris], axis=1).mean()
        x, y = at[iris]
        eyes.append(EyePoints(upper=curve(upper), lower=curve(lower), iris=(float(x), float(y), float(rim))))
    top, chin = at[_FOREHEAD, 1], at[_CHIN, 1]
    top -= _SKULL * (chin - top)
    half_width = 0.515 * abs(at[_RIGHT_CHEEK, 0] - at[_LEFT_CHEEK, 0])
    middle = float(at[[_LEFT_CHEEK, _RIGHT_CHEEK, _CHIN, _FOREHEAD], 0].mean())
    return Features(
        inner_upper=curve(_INNER_UPPER),
        inner_lower=curve(_INNER_LOWER),
        outer_upper=curve(_OUTER_UPPER),
        outer_lower=curve(_OUTER_LOWER),
        jaw=curve(_JAW),
        eyes=tuple(eyes),
        brows=tuple(curve(brow) for brow in _BROWS),
        oval=curve(_OVAL),
        head=(middle, float(top + chin) / 2, float(half_width), float(chin - top) / 2),
        nose_base_y=float(at[_NOSE_BASE, 1]),
    )


def turned_share(mesh: NDArray[np.float64]) -> float:
    """How far the head is turned aside: 0 looks at the camera, 1 shows a profile."""
    left = abs(mesh[_NOSE_TIP, 0] - mesh[_LEFT_CHEEK, 0])
    right = abs(mesh[_RIGHT_CHEEK, 0] - mesh[_NOSE_TIP, 0])
    return float(abs(left - right) / (left + right))


def moved(features: Features, matrix: NDArray[np.float64]) -> Features:
    """The same face in a picture made by the affine `matrix`, (2, 3), a rotation with one scale."""
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))

    def to(points: Points) -> Points:
        return points @ matrix[:, :2].T + matrix[:, 2]

    def centre(x: float, y: float) -> tuple[float, float]:
        there = to(np.array([[x, y]]))[0]
        return float(there[0]), float(there[1])

    cx, cy, rx, ry = features.head
    return replace(
        features,
        inner_upper=to(features.inner_upper),
        inner_lower=to(features.inner_lower),
        outer_upper=to(features.outer_upper),
        outer_lower=to(features.outer_lower),
        jaw=to(features.jaw),
        eyes=tuple(
            EyePoints(upper=to(e.upper), lower=to(e.lower), iris=(*centre(*e.iris[:2]), e.iris[2] * scale))
            for e in features.eyes
        ),
        brows=tuple(to(brow) for brow in features.brows),
        oval=to(features.oval),
        head=(*centre(cx, cy), rx * scale, ry * scale),
        nose_base_y=centre(cx, features.nose_base_y)[1],
        outline=None if features.outline is None else to(features.outline),
    )
