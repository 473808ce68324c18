"""The figure as textures and the place behind it, for one size: made once, so that the figure at rest is the still.

Two kinds of pixels of a soft edge cannot be known from one picture: what the figure hides and what shines through it.
Both are estimated, then what is left of the difference to the still is given to whichever covers more of the pixel.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.api import Frames, VideoFormat
from engine.portrait.record import Picture, Record

# Rounds of giving the difference back, each with the share of a pixel from which the figure takes it: nearly always,
# since what stays on the plate is a ghost when the head moves; then the plate takes what the figure could not.
_ROUNDS = (0.12, 0.12, 0.12, 0.5, 0.9, 0.9)
_ROUNDED_AWAY = 0.45
_BAND, _AROUND = 128, 16  # rows of the texture worked on at once, and rows beside them that their blur sees


@dataclass(frozen=True, kw_only=True, slots=True)
class PlaneSurface:
    textures: Picture  # (channels, rows, columns)
    matte: Picture
    plate: NDArray[np.float32]  # (channels, rows, columns) of the frame's plane


@dataclass(frozen=True, kw_only=True, slots=True)
class Surface:
    background: Frames  # I420: the still where the figure never is, the plate elsewhere
    planes: tuple[PlaneSurface, PlaneSurface]  # luma, both chromas


def i420_of_bgr(picture: Picture) -> Picture:
    """(h, w, 3) BGR to (h * 3 // 2, w), BT.601 limited range."""
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420), np.uint8)


def planes_of(frame: Frames, step: int) -> Frames:
    """Luma (`step` 1) or both chromas (`step` 2) of an I420 frame as (channels, rows, columns), not copied."""
    height, width = frame.shape[0] * 2 // 3, frame.shape[1]
    if step == 1:
        return frame[:height][None]
    return frame[height:].reshape(2, height // 2, width // 2)


def resized(picture: Picture, size: tuple[int, int]) -> Picture:
    """To (width, height): averaged when smaller, interpolated when larger."""
    method = cv2.INTER_AREA if size[0] <= picture.shape[1] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, size, interpolation=method), np.uint8)


def halved(field: NDArray[np.float32]) -> NDArray[np.float32]:
    height, width = field.shape
    return np.ascontiguousarray(field.reshape(height // 2, 2, width // 2, 2).mean((1, 3)), np.float32)


def surface_of(record: Record, kind: Picture, video: VideoFormat, texels_per_px: int) -> Surface:
    size = (video.width, video.height)
    fine = (video.width * texels_per_px, video.height * texels_per_px)
    small, plate = i420_of_bgr(resized(record.still, size)), i420_of_bgr(resized(record.plate, size))
    coarse_kind = kind[::2, ::2] | kind[1::2, ::2] | kind[::2, 1::2] | kind[1::2, 1::2]
    background = small.copy()
    for step, where in ((1, kind), (2, coarse_kind)):
        planes_of(background, step)[:, where > 0] = planes_of(plate, step)[:, where > 0]
    still, matte, behind = (resized(picture, fine) for picture in (record.still, record.matte, record.plate))
    picture = i420_of_bgr(_unmixed(still, behind, matte))
    mattes = (matte, resized(matte, (fine[0] // 2, fine[1] // 2)))
    luma, chroma = (
        _exact(*(planes_of(part, step) for part in (picture, background, small)), matte=mattes[step - 1])
        for step in (1, 2)
    )
    return Surface(background=background, planes=(luma, chroma))


def _exact(texture: Picture, plate: Picture, still: Picture, *, matte: Picture) -> PlaneSurface:
    """Texture and plate corrected until the figure at rest over the plate is the still."""
    texture, behind = texture.astype(np.float32), plate.astype(np.float32)
    share = halved(matte.astype(np.float32)) / 255
    for seen_from in _ROUNDS:
        solid = share >= seen_from
        for channel in range(len(texture)):
            seen = halved(np.round(texture[channel]))
            left = still[channel] - (behind[channel] + (seen - behind[channel]) * share)
            left[np.abs(left) < _ROUNDED_AWAY] = 0
            on_figure = np.where(solid, left / np.maximum(share, seen_from), 0)
            texture[channel] = np.clip(texture[channel] + on_figure.repeat(2, 0).repeat(2, 1), 0, 255)
            on_plate = np.where(solid, 0, left / np.maximum(1 - share, 0.12))
            behind[channel] = np.clip(behind[channel] + on_plate, 0, 255)
    return PlaneSurface(
        textures=np.round(texture).astype(np.uint8),
        matte=np.ascontiguousarray(matte),
        plate=np.ascontiguousarray(behind),
    )


def _unmixed(still: Picture, plate: Picture, matte: Picture) -> Picture:
    """The figure's colour under its soft edge, carried outward, so that the edge takes none of the plate along. In
    bands of rows, and only where there is an edge: a whole texture in floats would be the largest thing in memory."""
    figure = still.copy()
    for top in range(0, len(still), _BAND):
        rows = slice(max(0, top - _AROUND), top + _BAND + _AROUND)
        if (matte[rows] > 0).any() and (matte[rows] < 255).any():
            band = _unmixed_band(still[rows], plate[rows], matte[rows])
            kept = band[top - rows.start :][:_BAND]
            figure[top : top + _BAND] = kept
    return figure


def _unmixed_band(still: Picture, plate: Picture, matte: Picture) -> Picture:
    share = matte.astype(np.float32)[..., None] / 255
    sure = (matte >= 250).astype(np.float32)
    near = cv2.GaussianBlur(still.astype(np.float32) * sure[..., None], (0, 0), 3)
    amount = cv2.GaussianBlur(sure, (0, 0), 3)[..., None]
    carried = near / np.maximum(amount, 1e-4)
    pure = (still.astype(np.float32) - plate * (1 - share)) / np.maximum(share, 1e-3)
    trust = np.clip((share - 0.5) / 0.3, 0, 1)
    figure = pure * trust + np.where(amount > 1e-3, carried, still) * (1 - trust)
    return np.clip(figure + 0.5, 0, 255).astype(np.uint8)


def runs_of(kind: Picture) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Stretches of one kind in each row, (first, end, kind), those of kind 0 left out; and where each row's end."""
    runs, ends = [], []
    for row in kind:
        edges = np.flatnonzero(np.diff(row)) + 1
        starts = np.concatenate([[0], edges])
        stops = np.concatenate([edges, [len(row)]])
        runs += [(a, b, row[a]) for a, b in zip(starts, stops, strict=True) if row[a]]
        ends.append(len(runs))
    return np.array(runs, np.int32).reshape(-1, 3), np.array(ends, np.int32)
