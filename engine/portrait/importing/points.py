"""A points file: where eyes and mouth are, for what no detector finds. JSON, pixels of the picture.

{"mouth": {"left": [x, y], "right": [x, y], "top": [x, y], "bottom": [x, y]},
 "eyes": [{"left": [x, y], "right": [x, y], "top": [x, y], "bottom": [x, y]}, ...],
 "chin": [x, y], "crown": [x, y], "outline": [[x, y], ...], "draw": ["mouth", "eyes"]}

Only the mouth's two corners are needed. `top` and `bottom` are the lips' outer edges, or the lids' edges at the eye's
middle; `outline` goes round the whole figure; `draw` asks for features that the picture lacks to be drawn on it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.portrait.importing.errors import BadPoints
from engine.portrait.importing.features import EyePoints, Features, Points

DRAWABLE = ("mouth", "eyes")
MAX_OUTLINE = 2000
_KEYS = frozenset({"mouth", "eyes", "chin", "crown", "outline", "draw"})
_PART_KEYS = frozenset({"left", "right", "top", "bottom"})
_IRIS = 0.42  # of the eye's height, where nobody says


@dataclass(frozen=True, kw_only=True, slots=True)
class MarkedFace:
    features: Features
    draw: tuple[str, ...]


def read_points(text: str, size: tuple[int, int]) -> MarkedFace:
    """`size` is the picture's width and height. Raises BadPoints."""
    try:
        told = json.loads(text.removeprefix("\ufeff"))  # which some editors write before all text
    except (ValueError, RecursionError) as error:
        raise BadPoints(f"the points file is not JSON: {error}") from error
    if not isinstance(told, dict) or not isinstance(told.get("mouth"), dict):
        raise BadPoints('the points file needs "mouth" with "left" and "right"')
    if strange := sorted(told.keys() - _KEYS):
        raise BadPoints(f"the points file has entries nobody knows: {', '.join(strange)}")
    draw = told.get("draw", [])
    if not isinstance(draw, list) or any(name not in DRAWABLE for name in draw):
        raise BadPoints(f'"draw" is a list of: {", ".join(DRAWABLE)}')
    eyes = told.get("eyes", [])
    if not isinstance(eyes, list) or len(eyes) > 2 or not all(isinstance(eye, dict) for eye in eyes):
        raise BadPoints('"eyes" is a list of at most two')
    if "eyes" in draw and not eyes:
        raise BadPoints('"draw" asks for eyes, and "eyes" does not say where')
    for name, part in (("mouth", told["mouth"]), *((f"eye {number}", eye) for number, eye in enumerate(eyes, 1))):
        if strange := sorted(part.keys() - _PART_KEYS):
            raise BadPoints(f"{name} has entries nobody knows: {', '.join(strange)}")
    reader = _Reader(size)
    return MarkedFace(features=_features(told, eyes, reader), draw=tuple(draw))


@dataclass(frozen=True, slots=True)
class _Reader:
    size: tuple[int, int]

    def point(self, told: Mapping[str, Any], key: str, name: str, default: tuple[float, float] | None) -> Points:
        value = told.get(key, default)
        if not isinstance(value, (list, tuple)) or [at for at in value if not _is_number(at)] or len(value) != 2:
            raise BadPoints(f"{name} must be two numbers, [x, y]")
        point = np.array([float(at) for at in value])
        if not (np.isfinite(point).all() and (point >= 0).all() and (point <= self.size).all()):
            raise BadPoints(f"{name} lies outside the picture of {self.size[0]}x{self.size[1]} pixels")
        return point


def _is_number(value: object) -> bool:
    """One that a picture's place can be, for all we know: JSON's may have any number of digits."""
    return isinstance(value, float) or (isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1e9)


def _features(told: Mapping[str, Any], eyes: list[Any], reader: _Reader) -> Features:
    mouth = told["mouth"]
    left, right = (reader.point(mouth, key, f"mouth {key}", None) for key in ("left", "right"))
    width = float(right[0] - left[0])
    if width < 8:
        raise BadPoints("the mouth's left corner must lie left of its right one, 8 pixels at least")
    middle = (left + right) / 2
    top = reader.point(mouth, "top", "mouth top", (middle[0], middle[1] - 0.07 * width))
    bottom = reader.point(mouth, "bottom", "mouth bottom", (middle[0], middle[1] + 0.09 * width))
    seam_y = 0.55 * top[1] + 0.45 * bottom[1]
    seam = _arc(left, right, seam_y)
    chin = reader.point(told, "chin", "chin", _inside(reader.size, middle[0], middle[1] + 0.9 * width))
    found = tuple(sorted((_eye(eye, n, reader) for n, eye in enumerate(eyes, 1)), key=lambda eye: eye.iris[0]))
    highest = min((eye.upper[:, 1].min() for eye in found), default=middle[1] - 1.2 * width)
    crown = reader.point(told, "crown", "crown", _inside(reader.size, middle[0], highest - 0.9 * width))
    if not crown[1] < top[1] < bottom[1] < chin[1]:
        raise BadPoints("from top to bottom there must be: crown, mouth top, mouth bottom, chin")
    half_height = (chin[1] - crown[1]) / 2
    reach = max((abs(eye.upper[:, 0] - middle[0]).max() for eye in found), default=0.0)
    half_width = max(1.15 * width, 1.25 * float(reach), 0.7 * half_height)
    head = (float(middle[0]), float(crown[1] + half_height), float(half_width), float(half_height))
    return Features(
        inner_upper=seam,
        inner_lower=seam.copy(),
        outer_upper=_arc(left, right, float(top[1])),
        outer_lower=_arc(left, right, float(bottom[1])),
        jaw=_jaw(middle, float(chin[1]), half_width),
        eyes=found,
        brows=(),
        oval=_ellipse(head),
        head=head,
        nose_base_y=float(top[1] - 0.2 * width),
        outline=_outline(told.get("outline"), reader),
        marked=True,
    )


def _inside(size: tuple[int, int], x: float, y: float) -> tuple[float, float]:
    return min(max(x, 0.0), size[0]), min(max(y, 0.0), size[1])


def _arc(left: Points, right: Points, middle_y: float, count: int = 17) -> Points:
    """From corner to corner through `middle_y`, as a parabola."""
    t = np.linspace(-1, 1, count)
    chord = (left[None] * (1 - t[:, None]) + right[None] * (1 + t[:, None])) / 2
    rise = middle_y - (left[1] + right[1]) / 2
    return np.stack([chord[:, 0], chord[:, 1] + rise * (1 - t**2)], 1)


def _jaw(middle: Points, chin_y: float, half_width: float) -> Points:
    t = np.linspace(-1, 1, 17)
    height = chin_y - middle[1]
    return np.stack([middle[0] + t * half_width, chin_y - height * (1 - np.sqrt(1 - 0.98 * t**2))], 1)


def _ellipse(head: tuple[float, float, float, float]) -> Points:
    angle = np.linspace(0, 2 * np.pi, 36, endpoint=False)
    cx, cy, rx, ry = head
    return np.stack([cx + rx * np.sin(angle), cy - ry * np.cos(angle)], 1)


def _eye(told: Mapping[str, Any], number: int, reader: _Reader) -> EyePoints:
    name = f"eye {number}"
    left, right = (reader.point(told, key, f"{name} {key}", None) for key in ("left", "right"))
    width = float(right[0] - left[0])
    if width < 4:
        raise BadPoints(f"the left corner of {name} must lie left of its right one")
    middle = (left + right) / 2
    top = reader.point(told, "top", f"{name} top", (middle[0], middle[1] - 0.3 * width))
    bottom = reader.point(told, "bottom", f"{name} bottom", (middle[0], middle[1] + 0.25 * width))
    if bottom[1] - top[1] < 2:
        raise BadPoints(f"the top of {name} must lie above its bottom")
    radius = _IRIS * float(bottom[1] - top[1])
    return EyePoints(
        upper=_arc(left, right, float(top[1])),
        lower=_arc(left, right, float(bottom[1])),
        iris=(float(middle[0]), float(top[1] + bottom[1]) / 2, radius),
    )


def _outline(told: Any, reader: _Reader) -> Points | None:
    if told is None:
        return None
    if not isinstance(told, list) or not 3 <= len(told) <= MAX_OUTLINE:
        raise BadPoints(f'"outline" is a list of 3 to {MAX_OUTLINE} points')
    return np.array([reader.point({"at": point}, "at", f"outline point {n}", None) for n, point in enumerate(told, 1)])
