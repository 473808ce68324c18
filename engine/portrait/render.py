"""Paints a face into I420 frames: the record made ready for one picture size, and one call per frame. Knows no time.

What the figure never covers is the still itself, bit by bit: those pixels are written once and not touched again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.api import Frames, VideoFormat
from engine.lipsync.mouth import REST
from engine.portrait.expression import LipColumns, Look, Numbers, height_at, smooth
from engine.portrait.lids import LidColumns, shut_eyes
from engine.portrait.record import Picture, Record
from engine.portrait.shading import shading_of
from engine.portrait.surface import Surface, i420_of_bgr, planes_of, resized, runs_of, surface_of
from engine.portrait.teeth import yuva_of_bgra

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
class _Figure:
    """What `paint` needs of a character at one size, from the figure's corner on. Pairs are of luma and of chroma."""

    corner: Numbers  # x, y in the luma frame, even
    spans: NDArray[np.int32]
    columns: NDArray[np.float32]  # of the luma frame
    weight: NDArray[np.float32]
    depth: NDArray[np.float32]
    breath: NDArray[np.float32]
    textures: tuple[Picture, ...]  # (channels, rows, columns), TEXELS_PER_PX of luma, half of it of chroma
    mattes: tuple[Picture, ...]
    blocks: tuple[Picture, ...]  # of the mattes: 0 nothing of the figure here and beside it, 1 nothing else, 2 some
    plates: tuple[NDArray[np.float32], ...]  # finer than bytes so that a soft edge comes out exactly
    runs: tuple[NDArray[np.int32], ...]
    run_ends: tuple[NDArray[np.int32], ...]
    colours: tuple[Numbers, ...]  # (cavity, tongue, lashes) x channels
    teeth: tuple[NDArray[np.float32], ...]
    shut: tuple[NDArray[np.float32], ...]  # the skin over shut eyes: eyes, rows, columns, channels and alpha


class Renderer:
    """One character at one size. `paint_into` wants frames that began as a copy of `background`."""

    def __init__(self, record: Record, video: VideoFormat) -> None:
        from engine.portrait.kernel import paint
        from engine.portrait.stretch import stretch

        cv2.setNumThreads(1)
        self._paint, self._stretch = paint, stretch
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
        still = resized(record.still, size)
        self._shading = shading_of(record, planes_of(i420_of_bgr(still), 1)[0], self._scale)
        surface = surface_of(record, kind, video, TEXELS_PER_PX)
        self.background: Frames = surface.background
        self.background.setflags(write=False)
        self._figure = self._figure_of(record, surface, kind, still)

    def paint_into(self, frame: Frames, look: Look) -> None:
        """Paint the figure as it looks now into an I420 frame, (height * 3 // 2, width) uint8."""
        self._lips.move(look.mouth)
        self._face_box[5] = float(look.mouth != REST)  # shut lips are the still's own: a listener's cost nothing
        self._lids.move(look.blink, look.gaze_xy)
        self._brows[:, 4] = look.brow * self._eye_px
        self._turn_head(look)
        figure, lips, lids = self._figure, self._lips, self._lids
        if self._face_box[5]:
            self._stretch(lips.knots, lips.top, lips.found)
        self._paint(
            frame, figure.corner, figure.spans, figure.columns, figure.weight, figure.depth, figure.breath,
            figure.textures, figure.mattes, figure.blocks, figure.plates, figure.runs, figure.run_ends,
            float(TEXELS_PER_PX), self._turn, self._face_box, self._brows, lips.knots, lips.found, lips.x0, lips.top,
            lips.box, lids.knots, lids.boxes, lids.irises, figure.colours, lips.inside, figure.teeth,
            figure.shut, self._shading.now(lips.amounts), self._shading.box,
        )  # fmt: skip

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

    def _figure_of(self, record: Record, surface: Surface, kind: Picture, still: Picture) -> _Figure:
        rows, columns = box = _box_of(kind)
        half = (slice(rows.start // 2, rows.stop // 2), slice(columns.start // 2, columns.stop // 2))
        fine = (_stretched(rows, TEXELS_PER_PX), _stretched(columns, TEXELS_PER_PX))
        kinds = kind[box], _quads(kind)[half]
        weight, depth, breath = (np.ascontiguousarray(field[box]) for field in self._fields(record))
        mouth, yuva = record.mouth, self._lips.teeth.yuva
        shut, lashes = shut_eyes(record, self._lids, still)
        skin = yuva_of_bgra(shut)
        lash_rgb = (int(lashes[2]), int(lashes[1]), int(lashes[0]))
        colours = np.array([yuv_of_rgb(colour) for colour in (mouth.cavity_rgb, mouth.tongue_rgb, lash_rgb)])
        ranges = slice(0, 1), slice(1, 3)
        runs, ends = zip(*(runs_of(part) for part in kinds), strict=True)
        mattes = tuple(_cut(part.matte, at) for part, at in zip(surface.planes, (fine, box), strict=True))
        return _Figure(
            corner=np.array([columns.start, rows.start], np.float64),
            spans=2 * _spans(kinds[1]),
            columns=np.arange(columns.start, columns.stop, dtype=np.float32),
            weight=weight,
            depth=depth,
            breath=breath,
            textures=tuple(_cut(part.textures, at) for part, at in zip(surface.planes, (fine, box), strict=True)),
            mattes=mattes,
            blocks=tuple(_blocks(matte) for matte in mattes),
            plates=tuple(_cut(part.plate, at) for part, at in zip(surface.planes, (box, half), strict=True)),
            runs=runs,
            run_ends=ends,
            colours=tuple(np.ascontiguousarray(colours[:, channels]) for channels in ranges),
            teeth=tuple(np.concatenate([yuva[..., channels], yuva[..., 3:]], 2) for channels in ranges),
            shut=tuple(np.concatenate([skin[..., channels], skin[..., 3:]], 3) for channels in ranges),
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


def load_loops() -> None:
    """Compile the inner loops, or load them from where they are kept: calls that paint nothing."""
    from engine.portrait.kernel import paint
    from engine.portrait.stretch import stretch

    real, byte = np.zeros(12), np.zeros((3, 2), np.uint8)
    flat, whole, plane = np.zeros((0, 2), np.float32), np.zeros((0, 3), np.int32), np.zeros((1, 2, 2), np.float32)
    deep, eyes = np.zeros((1, 2, 2), np.uint8), np.zeros((0, 2, 2, 2), np.float32)
    rows, knots = np.zeros((0, 8)), np.zeros((2, 7, 2))
    stretch(knots, 0.0, flat)
    paint(
        byte, real, np.zeros((0, 2), np.int32), np.zeros(2, np.float32), flat, flat, flat, (deep, deep), (byte, byte),
        (byte, byte), (plane, plane), (whole, whole), (np.zeros(0, np.int32),) * 2, 2.0, real, real, rows, knots, flat,
        0.0, 0.0, real, np.zeros((0, 7, 2)), rows, rows, (rows, rows), real, (plane, plane), (eyes, eyes), flat, real,
    )  # fmt: skip


def _box_of(kind: Picture) -> tuple[slice, slice]:
    """Rows and columns of the figure, even."""
    rows, columns = (np.flatnonzero((kind > 0).any(axis)) for axis in (1, 0))
    return (
        slice(int(rows[0]) // 2 * 2, int(rows[-1]) // 2 * 2 + 2),
        slice(int(columns[0]) // 2 * 2, int(columns[-1]) // 2 * 2 + 2),
    )


def _quads(kind: Picture) -> Picture:
    """Kinds of the pixels of chroma: that of its four pixels of luma, shared where they differ."""
    height, width = kind.shape
    quads = kind.reshape(height // 2, 2, width // 2, 2).swapaxes(1, 2).reshape(height // 2, width // 2, 4)
    return np.where((quads == quads[..., :1]).all(-1), quads[..., 0], 2).astype(np.uint8)


def _blocks(matte: Picture) -> Picture:
    """What each block of the matte and its neighbours hold: a few pixels that begin in a block end in one beside it."""
    from engine.portrait.kernel import BLOCK

    rows, columns = (-(-side // BLOCK) * BLOCK for side in matte.shape)
    whole = np.pad(matte, ((0, rows - matte.shape[0]), (0, columns - matte.shape[1])), mode="edge")
    parts = whole.reshape(rows // BLOCK, BLOCK, columns // BLOCK, BLOCK)
    around = np.ones((3, 3), np.uint8)
    least, most = cv2.erode(parts.min((1, 3)), around), cv2.dilate(parts.max((1, 3)), around)
    return np.where(least == 255, 1, np.where(most == 0, 0, 2)).astype(np.uint8)


def _stretched(side: slice, factor: int) -> slice:
    return slice(side.start * factor, side.stop * factor)


def _cut(array: NDArray[Any], at: tuple[slice, slice]) -> NDArray[Any]:
    return np.ascontiguousarray(array[..., at[0], at[1]])


def _spans(kind: Picture) -> NDArray[np.int32]:
    """First column of the figure in each row and the one after its last, (rows, 2)."""
    covered = kind > 0
    any_here = covered.any(1)
    first = covered.argmax(1)
    end = covered.shape[1] - covered[:, ::-1].argmax(1)
    return np.stack([np.where(any_here, first, 0), np.where(any_here, end, 0)], 1).astype(np.int32)
