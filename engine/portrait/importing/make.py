"""One picture becomes a record: find the face, set the stage, cut out the figure, shut the mouth, write it all.

What it writes is a folder: portrait.png (the stage), record/ (see `engine.portrait.record`), report.json and the
picture as it was given (original.png or .jpg), which points and a further import refer to. It appears whole or not at
all.
"""

from __future__ import annotations

import ctypes
import errno
import json
import math
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.portrait.importing import lids, lips, matte, quality
from engine.portrait.importing.canvas import Stage, sharpened, staged
from engine.portrait.importing.environment import Analyser, Found
from engine.portrait.importing.errors import FaceCutOff, FaceNotUpright, MouthOutsideFigure, NoFace, SeveralFaces
from engine.portrait.importing.features import Features, from_landmarks, turned_share
from engine.portrait.importing.picture import Picture, open_picture, suffix_of
from engine.portrait.importing.points import MarkedFace, read_points
from engine.portrait.importing.recording import record_json
from engine.portrait.record import Style

ANALYSED_SIDE_PX = 1600  # a larger picture is made smaller for finding the face; the stage is looked at again
SECOND_FACE = 0.45  # of the largest face's size: from there on nobody can say whose picture it is
_FOREHEAD, _CHIN = 10, 152  # of the landmarks
_LIES_DEG = 60  # from upright: beyond, what is a head's width and height is no longer told apart
_EDGE = 0.02  # of the face's size that must be free around it
_LIBC, _AT_FDCWD, _RENAME_EXCHANGE = ctypes.CDLL(None), -100, 2  # linux/fs.h
_FLAT = 0.42  # share of the head without any texture, from which a picture is a drawing


@dataclass(frozen=True, kw_only=True, slots=True)
class Imported:
    folder: Path
    report: dict[str, Any]

    @property
    def findings(self) -> list[str]:
        return [str(finding["text"]) for finding in self.report["findings"]]


def import_picture(
    content: bytes, folder: Path, *, analyser: Analyser, points: str | None = None, style: Style | None = None
) -> Imported:
    """Make `folder`, replacing one that is there. `points` is a points file's text; `style` is seen where it is None.
    Raises BadCharacter (see `errors`), NoAnalyser."""
    picture = open_picture(content)
    height, width = picture.bgr.shape[:2]
    marked = read_points(points, (width, height)) if points is not None else None
    found = Found(faces=(), figure=np.zeros((0, 0), np.uint8))
    if marked is None:
        picture, found = _looked_at(picture, analyser)
    features = marked.features if marked else _face(found, picture)
    stage = staged(picture, features)
    figure = None
    turned = 0.0
    if marked is None:
        turned = turned_share(found.faces[0])
        closer = analyser.analyse(stage.bgr)
        figure = closer.figure
        if closer.faces:
            stage = replace(stage, features=from_landmarks(closer.faces[0]))
    drawn = style is not Style.PHOTO if style else _is_flat(picture.bgr, features)
    chosen = style or (Style.OBJECT if marked else Style.DRAWING if drawn else Style.PHOTO)
    prepared = _Prepared.of(stage, figure, marked, chosen)
    facts = _facts(picture, features, prepared, turned, len(found.faces), drawn)
    report = {"style": str(chosen), **quality.report(facts)}
    _write(folder, prepared, report, content)
    return Imported(folder=folder, report=report)


def _looked_at(picture: Picture, analyser: Analyser) -> tuple[Picture, Found]:
    """Faces in the picture's own pixels; the figure is looked for again on the stage."""
    import cv2

    height, width = picture.bgr.shape[:2]
    shrink = min(1.0, ANALYSED_SIDE_PX / max(height, width))
    small = cv2.resize(picture.bgr, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
    found = analyser.analyse(np.asarray(small, np.uint8))
    return picture, replace(found, faces=tuple(face / shrink for face in found.faces))


def _face(found: Found, picture: Picture) -> Features:
    """The one face. Raises NoFace, SeveralFaces, FaceCutOff, FaceNotUpright."""
    if not found.faces:
        raise NoFace
    heights = [float(np.ptp(face[:, 1])) for face in found.faces]
    if len(heights) > 1 and heights[1] > SECOND_FACE * heights[0]:
        raise SeveralFaces(f"{sum(h > SECOND_FACE * heights[0] for h in heights)} faces are in the picture; "
                           "cut it to the one that shall speak")  # fmt: skip
    height, width = picture.bgr.shape[:2]
    mesh, margin = found.faces[0][:468, :2], _EDGE * heights[0]
    low, high = mesh.min(0), mesh.max(0)
    if (low < margin).any() or high[0] > width - margin or high[1] > height - margin:
        raise FaceCutOff
    down = mesh[_CHIN] - mesh[_FOREHEAD]
    if math.degrees(math.atan2(abs(down[0]), down[1])) > _LIES_DEG:
        raise FaceNotUpright
    return from_landmarks(found.faces[0])


def _is_flat(bgr: NDArray[np.uint8], features: Features) -> bool:
    """Has most of the head no texture at all, as drawings have it and photographs never?"""
    import cv2

    cx, cy, rx, ry = features.head
    height, width = bgr.shape[:2]
    part = bgr[int(max(0, cy - ry)) : int(min(height, cy + ry)), int(max(0, cx - rx)) : int(min(width, cx + rx))]
    grey = cv2.cvtColor(part, cv2.COLOR_BGR2GRAY).astype(np.float32)
    residue = np.abs(grey - cv2.GaussianBlur(grey, (0, 0), 1.5))
    return float((residue < 0.6).mean()) > _FLAT


@dataclass(frozen=True, kw_only=True, slots=True)
class _Prepared:
    stage: Stage
    style: Style
    shut: lips.Shut
    matte: NDArray[np.uint8]
    matte_by: str
    plate: NDArray[np.uint8]
    gap: float

    @classmethod
    def of(cls, stage: Stage, figure: NDArray[np.uint8] | None, marked: MarkedFace | None, style: Style) -> _Prepared:
        import cv2

        features, bgr = stage.features, stage.bgr
        mask, how = matte.matte_of(stage, figure)
        if not matte.covers_mouth(mask, features):
            raise MouthOutsideFigure
        plate = matte.studio(bgr) if how == "transparency" else matte.plate_of(bgr, mask, stage.known)
        share = mask[..., None].astype(np.float32) / 255
        beyond = (stage.known == 0)[..., None] & (share < 0.5)
        bgr = np.where(beyond, plate, sharpened(stage, mask))
        if how == "transparency":
            bgr = np.round(bgr * share + plate * (1 - share)).astype(np.uint8)
        if style is Style.DRAWING and marked is None:
            features = lids.fitted(bgr, features)
        if marked and "eyes" in marked.draw:
            bgr = lids.with_drawn_eyes(bgr, features)
        gap = features.gap
        shut = lips.shut(bgr, features)
        if marked and "mouth" in marked.draw:
            shut = replace(shut, bgr=lips.with_drawn_mouth(shut.bgr, shut.seam, features.mouth_px))
        if shut.map_xy is not None:
            mask = np.asarray(cv2.remap(mask, *shut.map_xy, cv2.INTER_LINEAR), np.uint8)
        return cls(stage=stage, style=style, shut=shut, matte=mask, matte_by=how, plate=plate, gap=gap)


def _facts(
    picture: Picture, features: Features, prepared: _Prepared, turned: float, faces: int, drawn: bool
) -> quality.Facts:
    import cv2

    stage = prepared.stage
    lab = cv2.cvtColor(stage.bgr, cv2.COLOR_BGR2LAB).astype(np.float32)
    face = np.zeros(lab.shape[:2], np.uint8)
    cv2.fillPoly(face, [np.round(stage.features.oval).astype(np.int32)], 1)
    lip = np.zeros_like(face)
    here = prepared.shut.features
    around = np.concatenate([here.outer_upper, here.outer_lower[::-1]])
    cv2.fillPoly(lip, [np.round(around).astype(np.int32)], 1)
    ring = cv2.dilate(lip, np.ones((15, 15), np.uint8)) - lip
    differ = np.linalg.norm(lab[lip > 0].mean(0) - lab[ring > 0].mean(0)) if lip.any() and ring.any() else 0.0
    luma = lab[..., 0]
    inside = luma[face > 0]
    sharp = float(cv2.Laplacian(luma, cv2.CV_32F)[face > 0].var() / max(1.0, float(inside.var())))
    opens = [float((eye.lower[:, 1] - eye.upper[:, 1]).max() / np.ptp(eye.upper[:, 0])) for eye in stage.features.eyes]
    return quality.Facts(
        face_px=float(2 * features.head[2]),
        enlarged=stage.enlarged,
        mouth_gap=prepared.gap,
        turned=turned,
        tilt_deg=float(np.degrees(features.tilt_rad)),
        eyes_open=min(opens) if opens else None,
        lips_differ=float(differ),
        brightness=float(inside.mean()) if len(inside) else 0.0,
        sharpness=sharp * min(1.0, 1 / stage.enlarged**2) if stage.enlarged > 1 else sharp,
        matte_by=prepared.matte_by,
        filled_share=float((stage.known == 0).mean()),
        faces=faces,
        drawn=drawn,
        marked=features.marked,
    )


def _write(folder: Path, prepared: _Prepared, report: dict[str, Any], content: bytes) -> None:
    import cv2

    folder.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        record = part / "record"
        record.mkdir()
        told, teeth = record_json(prepared.shut, prepared.style)
        small = cv2.resize(prepared.plate, (1280, 720), interpolation=cv2.INTER_AREA)
        pictures = {part / "portrait.png": prepared.shut.bgr, record / "matte.png": prepared.matte,
                    record / "plate.png": small}  # fmt: skip
        if teeth is not None:
            pictures[record / "teeth.png"] = teeth
        for path, pixels in pictures.items():
            path.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())  # which says why it cannot, as imwrite does not
        (part / f"original{suffix_of(content)}").write_bytes(content)
        (record / "record.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
        (part / "report.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        _put(part, folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _put(part: Path, folder: Path) -> None:
    """`part` becomes `folder`. One that is there changes places with it at once, so that nobody finds none, or half of
    one, and two imports of the same picture do not meet; it goes with `part`."""
    try:
        part.rename(folder)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        if _LIBC.renameat2(_AT_FDCWD, bytes(part), _AT_FDCWD, bytes(folder), _RENAME_EXCHANGE):
            folder.rename(part / "before")  # a file system that cannot exchange: for a moment there is none
            part.rename(folder)
            shutil.rmtree(folder / "before", ignore_errors=True)
