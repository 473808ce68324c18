"""From features to a record's JSON: curves, lengths, colours, and how far this face may move. Knows no files."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.portrait.importing.features import Features, Points
from engine.portrait.importing.lids import lid_heights_px
from engine.portrait.importing.lips import Shut
from engine.portrait.record import VERSION, Style

_SHADES = {Style.PHOTO: 1.0, Style.DRAWING: 0.35, Style.OBJECT: 0.0}
_GAINS = {Style.PHOTO: 0.86, Style.DRAWING: 0.92, Style.OBJECT: 1.0}
_TOOTH, _CAVITY, _TONGUE = (240, 230, 214), (74, 30, 30), (172, 88, 86)  # RGB, in light of middle brightness
_MIDDLE_LIGHT = 185.0
_SMILE = 0.10  # corners above the seam's middle, in mouth widths, from which lips hardly pucker without pinching


def record_json(shut: Shut, style: Style) -> tuple[dict[str, Any], NDArray[np.uint8] | None]:
    """The record, and the teeth's texture where there is one."""
    features = shut.features
    height, width = shut.bgr.shape[:2]
    teeth, at = _cropped(shut.teeth)
    wide_gain, pucker_gain = _limits(shut)
    light = _light(shut)
    cx, cy, rx, ry = features.head
    chin = float(features.jaw[:, 1].max())
    left, right = shut.seam[0, 0], shut.seam[-1, 0]
    lips = np.concatenate([features.outer_upper, features.outer_lower])
    mouth_px = right - left
    box = (left - 0.05 * mouth_px, lips[:, 1].min() - 0.08 * mouth_px, 1.1 * mouth_px, 0.78 * mouth_px)
    told: dict[str, Any] = {
        "version": VERSION,
        "style": str(style),
        "shade": _SHADES[style],
        "plate": "plate.png",
        "size": [width, height],
        "mouth_box": [round(float(v) / n, 5) for v, n in zip(box, (width, height, width, height), strict=True)],
        "mouth": {
            "seam": _curve(shut.seam),
            "upper": _curve(_above(features.outer_upper, shut.seam)),
            "lower": _curve(_below(features.outer_lower, shut.seam)),
            "top_y": round(float(min(features.nose_base_y, lips[:, 1].min() - 4)), 2),
            "cavity_rgb": _lit(_CAVITY, light),
            "tongue_rgb": _lit(_TONGUE, light),
            "teeth_rgb": _lit(_TOOTH, 0.9 * light + 0.12 if style is Style.PHOTO else 0.25 * light + 0.75),
            "gain": round(_GAINS[style] * min(1.0, _room(features, shut.seam) / 0.45), 3),
            "wide_gain": wide_gain,
            "pucker_gain": pucker_gain,
            "open_share": 0.88 if style is Style.PHOTO else 1.0,
            "teeth_at": at,
        },
        "jaw": _curve(features.jaw),
        "eyes": [],
        "brows": [],
        "head": {"face": [round(v, 2) for v in (cx, cy, rx, ry)], "pivot": [round(cx, 2), round(chin + 0.11 * ry, 2)]},
    }
    for eye in features.eyes:
        lash, lid, skin = lid_heights_px(shut.bgr, eye, features, drawn=style is not Style.PHOTO)
        told["eyes"].append(
            {"upper": _curve(eye.upper), "lower": _curve(eye.lower), "lash_px": round(lash, 2),
             "lid_px": round(lid, 2), "skin_px": round(skin, 2), "iris": [round(v, 2) for v in eye.iris]}
        )  # fmt: skip
    for brow in features.brows:
        spread = 0.78 * float(np.ptp(brow[:, 0]))
        centre = [round(float(v), 2) for v in brow.mean(0)]
        told["brows"].append({"centre": centre, "reach": [round(spread, 2), round(0.42 * spread, 2)]})
    return told, teeth


def _curve(points: Points) -> list[list[float]]:
    """Left to right without a step back, as the renderer wants them."""
    ordered = points[np.argsort(points[:, 0], kind="stable")]
    return [[round(float(x), 2), round(float(y), 2)] for x, y in ordered]


def _above(curve: Points, seam: Points) -> Points:
    limit = np.interp(curve[:, 0], seam[:, 0], seam[:, 1])
    return np.stack([curve[:, 0], np.minimum(curve[:, 1], limit)], 1)


def _below(curve: Points, seam: Points) -> Points:
    limit = np.interp(curve[:, 0], seam[:, 0], seam[:, 1])
    return np.stack([curve[:, 0], np.maximum(curve[:, 1], limit)], 1)


def _cropped(teeth: NDArray[np.uint8] | None) -> tuple[NDArray[np.uint8] | None, list[float] | None]:
    if teeth is None:
        return None, None
    rows, columns = np.flatnonzero(teeth[..., 3].any(1)), np.flatnonzero(teeth[..., 3].any(0))
    y0, y1, x0, x1 = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    return np.ascontiguousarray(teeth[y0:y1, x0:x1]), [float(x0), float(y0)]


def _limits(shut: Shut) -> tuple[float, float]:
    """How far corners and lips may go: a smile has its corners far apart already, and pinches when it puckers."""
    seam = shut.seam
    corners = float(seam[0, 1] + seam[-1, 1]) / 2
    smile = (float(seam[len(seam) // 2, 1]) - corners) / float(seam[-1, 0] - seam[0, 0]) / _SMILE
    smile = float(np.clip(smile, 0.0, 1.0)) if shut.map_xy is not None else 0.4 * float(np.clip(smile, 0.0, 1.0))
    return round(1.0 - 0.3 * smile, 3), round(1.0 - 0.25 * smile, 3)


def _room(features: Features, seam: Points) -> float:
    """From the lower lip to the chin, in mouth widths: a mouth cannot open below its chin."""
    low = float(features.outer_lower[:, 1].max())
    return (float(features.jaw[:, 1].max()) - low) / float(seam[-1, 0] - seam[0, 0]) + 0.12


def _light(shut: Shut) -> float:
    """How bright the face is beside the nose, 1 = middle brightness."""
    features = shut.features
    cx, _, rx, _ = features.head
    y = int(np.clip(features.nose_base_y, 4, shut.bgr.shape[0] - 5))
    patches = []
    for side in (-1, 1):
        x = int(np.clip(cx + side * 0.45 * rx, 4, shut.bgr.shape[1] - 5))
        patches.append(shut.bgr[y - 4 : y + 5, x - 4 : x + 5].reshape(-1, 3).mean())
    return float(np.clip(np.mean(patches) / _MIDDLE_LIGHT, 0.35, 1.15))


def _lit(rgb: tuple[int, int, int], light: float) -> list[int]:
    return [int(np.clip(value * light, 0, 255)) for value in rgb]
