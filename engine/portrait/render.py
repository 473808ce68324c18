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
from engine.lipsync.mouth import REST
from engine.portrait.expression import LidColumns, LipColumns, Look, Numbers, height_at, smooth
from engine.portrait.kernel import paint
from engine.portrait.record import Picture, Record
from engine.portrait.shading import shading_of
from engine.portrait.surface import Surface, halved, i420_of_bgr, planes_of, resized, runs_of, surface_of

TEXELS_PER_PX = 2  # the texture is finer than the frame, so that sharpness does not pulse while the head moves
MARGIN_PX = 26  # how far the figure may move from where it is drawn, at 720 lines
NECK = 0.62  # face heights below the jaw over which the head's turn fades out
BREATH_PX = 1.6  # at 720 lines


def yuv_of_rgb(rgb: tuple[int, int, int]) -> Numbers:
    """One colour in BT.601, limited range."""
    r, g, b = (value / 255 for value in rgb)
    y = 0.299 * r + 0.587 * g + 0.114 * b
    return np.array([16 + 219 * y, 128 + 224 * (b - y) / 1.772, 128 + 224 * (r - y) / 1.402])


@dataclass(frozen=True, kw_only=True, slots=True)
class _Plane:
    """What `paint` needs at one resolution: luma, or both chromas at half size."""

    step: int
    textures: NDArray[np.uint32]  # (channels, rows, columns), TEXELS_PER_PX / step per pixel of the luma frame
    matte: Picture
    plate: NDArray[np.float32]  # (channels, rows, columns), finer than bytes so that a soft edge comes out exactly
    spans: NDArray[np.int32]
    runs: NDArray[np.int32]
    run_ends: NDArray[np.int32]
    weight: NDArray[np.float32]
    depth: NDArray[np.float32]
    breath: NDArray[np.float32]
    colours: Numbers  # (cavity, tongue) x channels
    teeth: NDArray[np.float32]
    columns: NDArray[np.float32]  # the middle of each column in the luma frame


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
        self._brows = np.array([[*brow.centre, *brow.reach, 0.0] for brow in record.brows]).reshape(-1, 5) * self._scale
        self._eye_px = float(np.mean([eye.iris[2] for eye in record.eyes]) * self._scale) if record.eyes else 0.0
        self._turn = np.zeros(12)
        self._turn[6:8] = np.array(record.head.pivot) * self._scale
        self._turn[8] = -0.2 * record.head.face[2] * self._scale
        size = (video.width, video.height)
        kind = self._kind(resized(record.matte, size))
        still = i420_of_bgr(resized(record.still, size))
        self._shading = shading_of(record, planes_of(still, 1)[0], self._scale)
        surface = surface_of(record, kind, video, TEXELS_PER_PX)
        self.background: Frames = surface.background
        self.background.setflags(write=False)
        self._planes = tuple(self._plane(record, surface, kind, step) for step in (1, 2))

    def paint_into(self, frame: Frames, look: Look) -> None:
        """Paint the figure as it looks now into an I420 frame, (height * 3 // 2, width) uint8."""
        self._lips.move(look.mouth)
        self._face_box[5] = float(look.mouth != REST)  # shut lips are the still's own: a listener's cost nothing
        self._lids.move(look.blink, look.gaze_xy)
        self._brows[:, 4] = look.brow * self._eye_px
        self._turn_head(look)
        for plane in self._planes:
            paint(
                planes_of(frame, plane.step),
                plane.plate,
                plane.textures,
                plane.matte,
                TEXELS_PER_PX / plane.step,
                plane.step,
                plane.spans,
                plane.runs,
                plane.run_ends,
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
                plane.teeth,
                self._shading.fields,
                self._shading.box,
                self._lips.amounts,
                plane.columns,
            )

    def _turn_head(self, look: Look) -> None:
        yaw, pitch, roll = look.turn_rad
        cy, sy, cp, sp, cr, sr = (f(a) for a in (yaw, pitch, roll) for f in (math.cos, math.sin))
        about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
        about_x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
        about_z = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
        self._turn[:6] = (about_z @ about_x @ about_y)[:2].ravel()
        self._turn[11] = look.breath * BREATH_PX * self._lines
        # how far the face can be from its place now: what lies farther away need not be looked at
        left, top, right, _ = self._face_box[:4]
        px, py = max(self._turn[6] - left, right - self._turn[6]), max(self._turn[7] - top, 1.0)
        away = np.abs(self._turn[:6] - (1, 0, 0, 0, 1, 0)).reshape(2, 3) @ (px, py, 1.2 * px)
        self._face_box[4] = 2.0 + away.max() + abs(self._turn[11])

    def _box_of_face(self, record: Record) -> Numbers:
        """Left, top, right, bottom of all that a face moves; how far the head carries it now; if lips move."""
        x, y, rx, ry = (value * self._scale for value in record.head.face)
        left, right = self._lips.x0, self._lips.x0 + self._lips.knots.shape[2]
        eyes = self._lids.boxes
        left, right = min([left, x - 1.1 * rx, *eyes[:, 0]]), max([right, x + 1.1 * rx, *eyes[:, 2]])
        top = min([y - ry, *eyes[:, 1]])
        bottom = self._lips.knots[0, -1].max() + 1
        return np.array([left, top, right, bottom, 0.0, 0.0])

    def _kind(self, matte: Picture) -> Picture:
        side = 2 * round(MARGIN_PX * self._lines) + 1
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
        near = cv2.dilate((matte > 0).astype(np.uint8), disc)
        sure = cv2.erode((matte == 255).astype(np.uint8), disc)
        return np.where(sure > 0, 1, near * 2).astype(np.uint8)

    def _plane(self, record: Record, surface: Surface, kind: Picture, step: int) -> _Plane:
        weight, depth, breath = self._fields(record)
        part = surface.planes[step - 1]
        if step == 2:
            height, width = kind.shape
            quads = kind.reshape(height // 2, 2, width // 2, 2).swapaxes(1, 2).reshape(height // 2, width // 2, 4)
            kind = np.where((quads == quads[..., :1]).all(-1), quads[..., 0], 2).astype(np.uint8)
            weight, depth, breath = (halved(field) for field in (weight, depth, breath))
        channels = slice(0, 1) if step == 1 else slice(1, 3)
        mouth = record.mouth
        colours = np.array([yuv_of_rgb(colour) for colour in (mouth.cavity_rgb, mouth.tongue_rgb)])
        yuva = self._lips.teeth.yuva
        runs, ends = runs_of(kind)
        return _Plane(
            step=step,
            textures=part.textures,
            matte=part.matte,
            plate=part.plate,
            spans=_spans(kind),
            runs=runs,
            run_ends=ends,
            weight=weight,
            depth=depth,
            breath=breath,
            colours=np.ascontiguousarray(colours[:, channels]),
            teeth=np.ascontiguousarray(np.concatenate([yuva[..., channels], yuva[..., 3:]], 2)),
            columns=((np.arange(kind.shape[1]) + 0.5) * step - 0.5).astype(np.float32),
        )

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


def _spans(kind: Picture) -> NDArray[np.int32]:
    """First and last-but-one column of the figure in each row, (rows, 2)."""
    covered = kind > 0
    any_here = covered.any(1)
    first = covered.argmax(1)
    end = covered.shape[1] - covered[:, ::-1].argmax(1)
    return np.stack([np.where(any_here, first, 0), np.where(any_here, end, 0)], 1).astype(np.int32)
