"""A character's record: the curves, the matte and the plate that go with its still. Knows no size of output.

A record is a folder: `record.json` (curves and lengths in pixels of the still), `matte.png` (grey, how much of each
pixel is the figure), `plate.jpg` or `plate.png` (the place without the figure, any size of the still's shape) and,
where the still's mouth showed teeth before it was shut, `teeth.png` (BGRA, its place in record.json).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.api import BadCharacter

VERSION = 2
MAX_SIDE_PX = 4096

Curve = NDArray[np.float64]  # (points, 2), x rising
Picture = NDArray[np.uint8]


class Style(StrEnum):
    """What the still is: how its teeth are drawn and how much light plays on it."""

    PHOTO = "photo"
    DRAWING = "drawing"
    OBJECT = "object"


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownTeeth:
    bgra: Picture
    at: tuple[float, float]  # its upper left corner in the still


@dataclass(frozen=True, kw_only=True, slots=True)
class Mouth:
    """The closed mouth: where the lips meet, their outer edges, and what shows when they part."""

    seam: Curve
    upper: Curve
    lower: Curve
    top_y: float  # nothing above this line moves with the lips
    cavity_rgb: tuple[int, int, int]
    tongue_rgb: tuple[int, int, int]
    teeth_rgb: tuple[int, int, int]
    gain: float  # of opening: below 1 for mouths that look torn when fully open
    wide_gain: float = 1.0  # of corners apart or together
    pucker_gain: float = 1.0  # of lips pushed forward: low for a smile, which cannot be puckered without pinching
    open_share: float = 1.0  # of the lips' width that parts when the mouth opens
    upper_gain: float = 1.0  # of how upper lip and corners follow the jaw: low where a moustache lies on them
    teeth: ShownTeeth | None = None  # None: drawn ones


@dataclass(frozen=True, kw_only=True, slots=True)
class Eye:
    """The open eye: the lower edge of the upper lashes, the lower lid, and the iris."""

    upper: Curve
    lower: Curve
    lash_px: float  # height of the lash line above `upper`, moved rigidly with the lid
    lid_px: float  # height above `upper` where the lid's skin begins, below the brow
    skin_px: float  # height above `upper` where its even part ends, above the crease
    iris: tuple[float, float, float]  # x, y, radius


@dataclass(frozen=True, kw_only=True, slots=True)
class Brow:
    centre: tuple[float, float]
    reach: tuple[float, float]  # half width and half height of the skin that moves along


@dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    face: tuple[float, float, float, float]  # centre x, y and half axes of the face's ellipse
    pivot: tuple[float, float]  # on the neck: what the head turns about


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """The still with its record. Pictures are BGR, (height, width, 3); the matte is (height, width), 255 = figure."""

    still: Picture
    matte: Picture
    plate: Picture
    mouth: Mouth
    jaw: Curve  # the lower edge of the face, ear to ear
    eyes: tuple[Eye, ...]
    brows: tuple[Brow, ...]
    head: Head
    style: Style = Style.DRAWING
    shade: float = 0.4  # 0..1, how much light plays on the face as the mouth moves


def load_record(image: Path, folder: Path | None) -> Record:
    """Read and check a character's picture and record. Raises BadCharacter saying what is wrong."""
    if folder is None:
        raise BadCharacter(f"{image.name} has no record: the portrait engine needs one beside the picture")
    try:
        facts = json.loads((folder / "record.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadCharacter(f"record.json cannot be read: {error}") from error
    try:
        return _parsed(facts, image, folder)
    except (KeyError, TypeError, ValueError) as error:
        raise BadCharacter(f"record.json lacks or misstates something: {error!r}") from error


def _parsed(facts: dict[str, Any], image: Path, folder: Path) -> Record:
    if facts["version"] != VERSION:
        raise BadCharacter(f"record version {facts['version']} is not {VERSION}: import the picture again")
    still = _picture(image, colour=True)
    height, width = still.shape[:2]
    if [width, height] != list(facts["size"]):
        raise BadCharacter(f"the picture is {width}x{height}, its record was made for {facts['size']}")
    if max(width, height) > MAX_SIDE_PX:
        raise BadCharacter(f"the picture is larger than {MAX_SIDE_PX} pixels")
    matte = _picture(folder / "matte.png", colour=False)
    if matte.shape != (height, width):
        raise BadCharacter("matte.png has not the picture's size")
    if matte.max() <= 127:
        raise BadCharacter("matte.png shows no figure")
    mouth, head = facts["mouth"], facts["head"]
    return Record(
        still=still,
        matte=matte,
        plate=_picture(folder / str(facts["plate"]), colour=True),
        mouth=Mouth(
            seam=_curve(mouth["seam"]),
            upper=_curve(mouth["upper"]),
            lower=_curve(mouth["lower"]),
            top_y=float(mouth["top_y"]),
            cavity_rgb=_numbers(mouth["cavity_rgb"], 3, int),
            tongue_rgb=_numbers(mouth["tongue_rgb"], 3, int),
            teeth_rgb=_numbers(mouth["teeth_rgb"], 3, int),
            gain=float(mouth["gain"]),
            wide_gain=float(mouth["wide_gain"]),
            pucker_gain=float(mouth["pucker_gain"]),
            open_share=float(mouth["open_share"]),
            upper_gain=float(mouth.get("upper_gain", 1.0)),
            teeth=_teeth(mouth["teeth_at"], folder),
        ),
        jaw=_curve(facts["jaw"]),
        eyes=tuple(_eye(eye, width, height) for eye in facts["eyes"]),
        brows=tuple(
            Brow(centre=_numbers(brow["centre"], 2, float), reach=_numbers(brow["reach"], 2, float))
            for brow in facts["brows"]
        ),
        head=Head(face=_numbers(head["face"], 4, float), pivot=_numbers(head["pivot"], 2, float)),
        style=Style(facts["style"]),
        shade=float(facts["shade"]),
    )


def _teeth(at: list[float] | None, folder: Path) -> ShownTeeth | None:
    import cv2

    if at is None:
        return None
    found = cv2.imread(str(folder / "teeth.png"), cv2.IMREAD_UNCHANGED)
    if found is None or found.ndim != 3 or found.shape[2] != 4:
        raise BadCharacter("teeth.png is missing or not a picture with transparency")
    return ShownTeeth(bgra=np.asarray(found, np.uint8), at=_numbers(at, 2, float))


def _eye(facts: dict[str, Any], width: int, height: int) -> Eye:
    upper, lower = _curve(facts["upper"]), _curve(facts["lower"])
    low, high = np.vstack([upper, lower]).min(0), np.vstack([upper, lower]).max(0)
    if (high <= 0).any() or (low >= (width, height)).any():
        raise ValueError("an eye lies beyond the picture")
    return Eye(
        upper=upper,
        lower=lower,
        lash_px=float(facts["lash_px"]),
        lid_px=float(facts["lid_px"]),
        skin_px=float(facts["skin_px"]),
        iris=_numbers(facts["iris"], 3, float),
    )


def _curve(points: Any) -> Curve:
    curve = np.asarray(points, np.float64)
    if curve.ndim != 2 or curve.shape[1] != 2 or len(curve) < 3 or not np.isfinite(curve).all():
        raise ValueError("a curve needs three points or more")
    if (np.diff(curve[:, 0]) < 0).any():
        raise ValueError("a curve's points go left to right")
    return curve


def _numbers(values: Any, count: int, kind: type) -> Any:
    if len(values) != count:
        raise ValueError(f"{count} numbers are needed, not {values!r}")
    return tuple(kind(value) for value in values)


def _picture(path: Path, *, colour: bool) -> Picture:
    import cv2

    found = cv2.imread(str(path), cv2.IMREAD_COLOR if colour else cv2.IMREAD_GRAYSCALE)
    if found is None:
        raise BadCharacter(f"{path.name} is missing or not a picture")
    return np.asarray(found, np.uint8)
