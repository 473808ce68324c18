"""What the drawings of shipped characters share: curves, the browser that renders them, and how a record is written.

A character's `draw.py` holds its curves and paths; run it by hand after a change: python -m bot.library.NAME.draw
(needs Chromium). Coordinates are units of a 1280x720 picture; files are made at `SCALE` times that size.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.portrait.record import VERSION

WIDTH, HEIGHT, SCALE = 1280, 720, 2
MIDDLE_X = 640.0

Point = tuple[float, float]
Curve = list[Point]  # one or more cubic Béziers end to end: 1 + 3 n points
Rgb = tuple[int, int, int]

BLURS = "".join(
    f'<filter id="blur{n}" x="-50%" y="-50%" width="200%" height="200%"><feGaussianBlur stdDeviation="{n}"/></filter>'
    for n in (2, 3, 6, 12, 22)
)


def mirrored(curve: Curve) -> Curve:
    """The same curve on the other side, still left to right."""
    return [(2 * MIDDLE_X - x, y) for x, y in curve][::-1]


def arc(left: Point, right: Point, rise: float, fullness: float = 0.55) -> Curve:
    """From `left` to `right`, its middle `rise` above the line between them (below, when negative)."""
    (x0, y0), (x1, y1) = left, right
    lift, dx = rise / 0.75, (x1 - x0) * (1 - fullness) / 2
    return [left, (x0 + dx, y0 - lift), (x1 - dx, y1 - lift), right]


def sampled(curve: Curve, per_piece: int = 16) -> NDArray[np.float64]:
    """Points along the curve, (n, 2)."""
    points = []
    for start in range(0, len(curve) - 1, 3):
        p0, p1, p2, p3 = (np.array(p, np.float64) for p in curve[start : start + 4])
        t = np.linspace(0, 1, per_piece + 1)[:, None]
        piece = (1 - t) ** 3 * p0 + 3 * (1 - t) ** 2 * t * p1 + 3 * (1 - t) * t**2 * p2 + t**3 * p3
        points.append(piece if start == 0 else piece[1:])
    return np.concatenate(points)


def path(curve: Curve, *more: Curve, close: bool = True) -> str:
    """SVG path data; `more` curves are drawn on without lifting the pen."""
    data = ""
    for number, part in enumerate((curve, *more)):
        data += f"{'L' if number else 'M'} {part[0][0]:.2f} {part[0][1]:.2f} "
        for at in range(1, len(part), 3):
            data += "C " + " ".join(f"{x:.2f} {y:.2f}" for x, y in part[at : at + 3]) + " "
    return data + ("Z" if close else "")


@dataclass(frozen=True, kw_only=True, slots=True)
class DrawnEye:
    upper: Curve
    lower: Curve
    iris: Point
    radius: float
    lash: float  # height of the line along the upper lid
    lid: float  # from the upper edge up to where the lid's own colour begins


@dataclass(frozen=True, kw_only=True, slots=True)
class DrawnFace:
    """What a record needs to know of a drawing, in units of 1280x720."""

    seam: Curve
    lip_upper: Curve
    lip_lower: Curve
    nose_base_y: float
    jaw: Curve
    eyes: Sequence[DrawnEye]
    brows: Sequence[tuple[Point, Point]]  # centre, reach of the skin that moves along
    head: tuple[float, float, float, float]  # centre and half axes
    pivot_y: float
    cavity: Rgb = (82, 26, 30)
    tongue: Rgb = (190, 88, 88)
    teeth: Rgb = (252, 243, 228)
    gain: float = 0.92
    wide_gain: float = 1.0
    upper_gain: float = 1.0
    style: str = "drawing"
    shade: float = 0.35


def eye_svg(eye: DrawnEye, name: str, inner: str, *, white: str, lash: str, edge: str) -> str:
    """An open eye: `inner` (iris and lights, drawn at the origin) is cut by the lids."""
    shape = path(eye.upper, eye.lower[::-1])
    thick = [(x, y - eye.lash * rise) for (x, y), rise in zip(eye.upper, (0.25, 1.1, 1.1, 0.25), strict=True)]
    return (
        f'<clipPath id="{name}"><path d="{shape}"/></clipPath><path d="{shape}" fill="{white}"/>'
        f'<g clip-path="url(#{name})"><g transform="translate({eye.iris[0]} {eye.iris[1]})">{inner}</g>'
        f'<path d="{path(eye.upper, close=False)}" fill="none" stroke="{lash}" stroke-width="9" opacity=".28" '
        f'filter="url(#blur3)"/></g>'
        f'<path d="{path(eye.lower, close=False)}" fill="none" stroke="{edge}" stroke-width="1.6" opacity=".8"/>'
        f'<path d="{path(thick, eye.upper[::-1])}" fill="{lash}"/>'
    )


def rendered(inner: str, definitions: str) -> NDArray[np.uint8]:
    """The drawing's pixels, BGRA, straight alpha, by Chromium."""
    from playwright.sync_api import sync_playwright

    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH * SCALE}" height="{HEIGHT * SCALE}" '
        f'viewBox="0 0 {WIDTH} {HEIGHT}"><defs>{BLURS}{definitions}</defs>{inner}</svg>'
    )
    with sync_playwright() as tools:
        browser = tools.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH * SCALE, "height": HEIGHT * SCALE})
        page.set_content(f'<body style="margin:0;background:transparent">{svg}</body>')
        shot = page.screenshot(omit_background=True)
        browser.close()
    return np.asarray(cv2.imdecode(np.frombuffer(shot, np.uint8), cv2.IMREAD_UNCHANGED), np.uint8)


def write(folder: Path, face: DrawnFace, *, figure: str, background: str, definitions: str) -> None:
    """portrait.jpg, and record/ with matte, plate and record.json."""
    (folder / "record").mkdir(exist_ok=True)
    front, back = rendered(figure, definitions), rendered(background, definitions)[..., :3]
    alpha = front[..., 3:].astype(np.float32) / 255
    still = np.round(front[..., :3] * alpha + back * (1 - alpha)).astype(np.uint8)
    plate = cv2.resize(back, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(folder / "portrait.jpg"), still, [cv2.IMWRITE_JPEG_QUALITY, 95])
    cv2.imwrite(str(folder / "record" / "matte.png"), front[..., 3], [cv2.IMWRITE_PNG_COMPRESSION, 9])
    cv2.imwrite(str(folder / "record" / "plate.jpg"), plate, [cv2.IMWRITE_JPEG_QUALITY, 92])
    (folder / "record" / "record.json").write_text(json.dumps(record(face), indent=1) + "\n", encoding="utf-8")


def record(face: DrawnFace) -> dict[str, Any]:
    """Lengths and points are pixels of the still."""
    lips = np.concatenate([sampled(face.lip_upper), sampled(face.lip_lower)])
    (left, top), width = lips.min(0), float(np.ptp(lips[:, 0]))
    box = (left - 4, top - 6, width + 8, 0.78 * width)
    return {
        "version": VERSION,
        "style": face.style,
        "shade": face.shade,
        "plate": "plate.jpg",
        "size": [WIDTH * SCALE, HEIGHT * SCALE],
        "mouth_box": [round(float(v) / n, 5) for v, n in zip(box, (WIDTH, HEIGHT) * 2, strict=True)],
        "mouth": {
            "seam": _points(face.seam),
            "upper": _points(face.lip_upper),
            "lower": _points(face.lip_lower),
            "top_y": face.nose_base_y * SCALE,
            "cavity_rgb": list(face.cavity),
            "tongue_rgb": list(face.tongue),
            "teeth_rgb": list(face.teeth),
            "gain": face.gain,
            "wide_gain": face.wide_gain,
            "pucker_gain": 1.0,
            "open_share": 1.0,
            "upper_gain": face.upper_gain,
            "teeth_at": None,
        },
        "jaw": _points(face.jaw),
        "eyes": [
            {
                "upper": _points(eye.upper),
                "lower": _points(eye.lower),
                "lash_px": eye.lash * SCALE,
                "lid_px": eye.lid * SCALE,
                "skin_px": eye.lash * SCALE,
                "iris": [eye.iris[0] * SCALE, eye.iris[1] * SCALE, eye.radius * SCALE],
            }
            for eye in face.eyes
        ],
        "brows": [
            {"centre": [v * SCALE for v in centre], "reach": [v * SCALE for v in reach]} for centre, reach in face.brows
        ],
        "head": {"face": [v * SCALE for v in face.head], "pivot": [MIDDLE_X * SCALE, face.pivot_y * SCALE]},
    }


def _points(curve: Curve) -> list[list[float]]:
    found = sampled(curve) * SCALE
    return [[round(float(x), 2), round(float(y), 2)] for x, y in found[np.argsort(found[:, 0], kind="stable")]]
