"""Paints a face into I420 frames: the record made ready for one picture size, and one call per frame. Knows no time.

What the figure never covers is the still itself, bit by bit: those pixels are written once and not touched again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.api import Frames, VideoFormat
from engine.portrait.expression import LidColumns, LipColumns, Look, Numbers, height_at, smooth
from engine.portrait.kernel import paint
from engine.portrait.record import Picture, Record

TEXELS_PER_PX = 2  # the texture is finer than the frame, so that sharpness does not pulse while the head moves
MARGIN_PX = 26  # how far the figure may move from where it is drawn, at 720 lines
NECK = 0.62  # face heights below the jaw over which the head's turn fades out
BREATH_PX = 1.6  # at 720 lines


def yuv_of_rgb(rgb: tuple[int, int, int]) -> Numbers:
    """One colour in BT.601, limited range."""
    r, g, b = (value / 255 for value in rgb)
    y = 0.299 * r + 0.587 * g + 0.114 * b
    return np.array([16 + 219 * y, 128 + 224 * (b - y) / 1.772, 128 + 224 * (r - y) / 1.402])


def i420_of_bgr(picture: Picture) -> Picture:
    """(h, w, 3) BGR to (h * 3 // 2, w), BT.601 limited range."""
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420), np.uint8)


def planes_of(frame: Frames, step: int) -> Frames:
    """Luma (`step` 1) or both chromas (`step` 2) of an I420 frame as (channels, rows, columns), not copied."""
    height, width = frame.shape[0] * 2 // 3, frame.shape[1]
    if step == 1:
        return frame[:height][None]
    return frame[height:].reshape(2, height // 2, width // 2)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Plane:
    """What `paint` needs at one resolution: luma, or both chromas at half size."""

    step: int
    texture: Picture  # (rows, columns, channels + matte), TEXELS_PER_PX per pixel of this plane
    kind: Picture
    spans: NDArray[np.int32]
    weight: NDArray[np.float32]
    depth: NDArray[np.float32]
    breath: NDArray[np.float32]
    colours: Numbers  # (cavity, tongue, teeth) x channels


class Renderer:
    """One character at one size. `paint_into` wants frames that began as a copy of `background`."""

    def __init__(self, record: Record, video: VideoFormat) -> None:
        cv2.setNumThreads(1)
        self.video = video
        self._scale = video.width / record.still.shape[1]
        self._lines = video.height / 720
        self._lips = LipColumns.of(record, self._scale)
        self._lids = LidColumns.of(record, self._scale)
        self._face_box = self._box_of_face(record)
        self._brows = np.array([[*brow.centre, *brow.reach, 0.0] for brow in record.brows]) * self._scale
        self._turn = np.zeros(12)
        self._turn[6:8] = np.array(record.head.pivot) * self._scale
        self._turn[8] = -0.2 * record.head.face[2] * self._scale
        matte = _resized(record.matte, (video.width, video.height))
        kind = self._kind(matte)
        self.background: Frames = i420_of_bgr(self._without_figure(record, kind))
        self.background.setflags(write=False)
        self._planes = self._make_planes(record, kind)

    def paint_into(self, frame: Frames, look: Look) -> None:
        """Paint the figure as it looks now into an I420 frame, (height * 3 // 2, width) uint8."""
        self._lips.move(look.mouth)
        self._lids.move(look.blink, look.gaze_xy)
        radius = self._lids.irises[0, 2]
        self._brows[:, 4] = look.brow * radius
        self._turn_head(look)
        for plane in self._planes:
            paint(
                planes_of(frame, plane.step),
                plane.step - 1,
                planes_of(self.background, plane.step),
                plane.texture,
                TEXELS_PER_PX / plane.step,
                plane.step,
                plane.spans,
                plane.kind,
                plane.weight,
                plane.depth,
                plane.breath,
                self._turn,
                self._face_box,
                self._brows,
                self._lips.knots,
                self._lips.x0,
                self._lips.box,
                self._lids.knots,
                self._lids.boxes,
                self._lids.irises,
                plane.colours,
                self._lips.inside,
            )

    def _turn_head(self, look: Look) -> None:
        yaw, pitch, roll = look.turn_rad
        cy, sy, cp, sp, cr, sr = (f(a) for a in (yaw, pitch, roll) for f in (math.cos, math.sin))
        about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
        about_x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
        about_z = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
        self._turn[:6] = (about_z @ about_x @ about_y)[:2].ravel()
        self._turn[9:11] = 0.0
        self._turn[11] = look.breath * BREATH_PX * self._lines

    def _box_of_face(self, record: Record) -> Numbers:
        x, y, rx, ry = (value * self._scale for value in record.head.face)
        bottom = self._lips.knots[0, -1].max() + 1
        return np.array([x - 1.1 * rx, y - ry, x + 1.1 * rx, bottom])

    def _kind(self, matte: Picture) -> Picture:
        side = 2 * round(MARGIN_PX * self._lines) + 1
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
        near = cv2.dilate((matte > 0).astype(np.uint8), disc)
        sure = cv2.erode((matte == 255).astype(np.uint8), disc)
        return np.where(sure > 0, 1, near * 2).astype(np.uint8)

    def _without_figure(self, record: Record, kind: Picture) -> Picture:
        size = (self.video.width, self.video.height)
        still, plate = _resized(record.still, size), _resized(record.plate, size)
        return np.where(kind[..., None] > 0, plate, still).astype(np.uint8)

    def _make_planes(self, record: Record, kind: Picture) -> tuple[_Plane, _Plane]:
        weight, depth, breath = self._fields(record)
        luma, chroma = self._textures(record)
        colours = np.array(
            [yuv_of_rgb(c) for c in (record.mouth.cavity_rgb, record.mouth.tongue_rgb, record.mouth.teeth_rgb)]
        )
        height, width = kind.shape
        quads = kind.reshape(height // 2, 2, width // 2, 2).swapaxes(1, 2).reshape(height // 2, width // 2, 4)
        coarse = np.where((quads == quads[..., :1]).all(-1), quads[..., 0], 2).astype(np.uint8)
        return (
            _Plane(step=1, texture=luma, kind=kind, spans=_spans(kind), weight=weight, depth=depth, breath=breath,
                   colours=colours[:, :1].copy()),
            _Plane(step=2, texture=chroma, kind=coarse, spans=_spans(coarse), weight=_halved(weight),
                   depth=_halved(depth), breath=_halved(breath), colours=colours[:, 1:].copy()),
        )  # fmt: skip

    def _fields(self, record: Record) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """How much each pixel turns with the head, how far before the pivot it lies, how much it breathes."""
        cx, cy, rx, ry = (value * self._scale for value in record.head.face)
        x, y = np.meshgrid(
            np.arange(self.video.width, dtype=np.float64), np.arange(self.video.height, dtype=np.float64)
        )
        jaw = record.jaw * self._scale
        line = height_at(jaw, np.arange(self.video.width, dtype=np.float64))
        line = cv2.GaussianBlur(line[None].astype(np.float32), (0, 0), 0.15 * rx)[0]
        below = y - line[None]
        weight = 1.0 - 0.95 * smooth(-0.02 * 2 * ry, NECK * 2 * ry * 0.9, below)
        depth = 0.95 * rx * np.sqrt(np.clip(1 - ((x - cx) / (1.5 * rx)) ** 2 - ((y - cy) / (1.45 * ry)) ** 2, 0, 1))
        depth = cv2.GaussianBlur(depth.astype(np.float32), (0, 0), 0.1 * rx)
        breath = 0.45 + 0.55 * smooth(-0.2 * ry, ry, below)
        breath *= smooth(self.video.height - 1, self.video.height * 0.88, y)
        return weight.astype(np.float32), depth, breath.astype(np.float32)

    def _textures(self, record: Record) -> tuple[Picture, Picture]:
        """The figure's own colours with its matte: luma at TEXELS_PER_PX, both chromas at half of that."""
        size = (self.video.width * TEXELS_PER_PX, self.video.height * TEXELS_PER_PX)
        still, matte, plate = (_resized(picture, size) for picture in (record.still, record.matte, record.plate))
        picture = i420_of_bgr(_unmixed(still, plate, matte))
        luma = np.dstack([planes_of(picture, 1)[0], matte])
        u, v = planes_of(picture, 2)
        half = _resized(matte, (size[0] // 2, size[1] // 2))
        return np.ascontiguousarray(luma), np.ascontiguousarray(np.dstack([u, v, half]))


def _resized(picture: Picture, size: tuple[int, int]) -> Picture:
    """To (width, height): averaged when smaller, interpolated when larger."""
    method = cv2.INTER_AREA if size[0] <= picture.shape[1] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, size, interpolation=method), np.uint8)


def _unmixed(still: Picture, plate: Picture, matte: Picture) -> Picture:
    """The figure's colour under its soft edge, carried outward, so that the edge takes none of the plate along."""
    share = matte.astype(np.float32)[..., None] / 255
    sure = (matte >= 250).astype(np.float32)
    near = cv2.GaussianBlur(still.astype(np.float32) * sure[..., None], (0, 0), 3)
    amount = cv2.GaussianBlur(sure, (0, 0), 3)[..., None]
    carried = near / np.maximum(amount, 1e-4)
    pure = (still.astype(np.float32) - plate * (1 - share)) / np.maximum(share, 1e-3)
    trust = np.clip((share - 0.5) / 0.3, 0, 1)
    figure = pure * trust + np.where(amount > 1e-3, carried, still) * (1 - trust)
    return np.clip(figure + 0.5, 0, 255).astype(np.uint8)


def _halved(field: NDArray[np.float32]) -> NDArray[np.float32]:
    height, width = field.shape
    return np.ascontiguousarray(field.reshape(height // 2, 2, width // 2, 2).mean((1, 3)), np.float32)


def _spans(kind: Picture) -> NDArray[np.int32]:
    """First and last-but-one column of the figure in each row, (rows, 2)."""
    covered = kind > 0
    any_here = covered.any(1)
    first = covered.argmax(1)
    end = covered.shape[1] - covered[:, ::-1].argmax(1)
    return np.stack([np.where(any_here, first, 0), np.where(any_here, end, 0)], 1).astype(np.int32)
