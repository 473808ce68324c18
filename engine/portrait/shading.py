"""Light on a moving face: folds beside the mouth when it spreads, hollow cheeks when it opens, and folds of a smile in
the still that go when the lips round. Three fields in luma levels; how much of each is a frame's business.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.portrait.record import Record

Field = NDArray[np.float64]

PER_PX = 0.5  # cells a pixel of the luma frame: these fields are smooth
_FOLD, _HOLLOW = 13.0, 9.0  # luma levels at full strength on a face of middle brightness
_MOST_RELAXED, _MOST_DIMMED = 42.0, 4.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Shading:
    """`fields` (3, rows, columns) float32: spread, open, rounded. `box`: x0, y0 in the luma frame, cells a pixel."""

    fields: NDArray[np.float32]
    box: NDArray[np.float64]

    def now(self, amounts: NDArray[np.float64]) -> NDArray[np.float32]:
        """What is added to the face's luma for these amounts; nothing has no rows."""
        if not amounts.any():
            return np.empty((0, 0), np.float32)
        shape = self.fields.shape
        return np.asarray((amounts.astype(np.float32) @ self.fields.reshape(3, -1)).reshape(shape[1:]))


def shading_of(record: Record, luma: NDArray[np.uint8], scale: float) -> Shading:
    """`luma` is the still at the frame's size."""
    seam, jaw = record.mouth.seam * scale, record.jaw * scale
    width = float(seam[-1, 0] - seam[0, 0])
    middle = float(seam[0, 0] + seam[-1, 0]) / 2
    nose_y = record.mouth.top_y * scale
    corner_y = float(seam[0, 1] + seam[-1, 1]) / 2
    x0, x1 = middle - 1.5 * width, middle + 1.5 * width
    y0, y1 = nose_y - 0.9 * width, float(jaw[:, 1].max()) + 0.1 * width
    columns: Field = x0 + (np.arange(round((x1 - x0) * PER_PX), dtype=np.float64) + 0.5) / PER_PX
    rows: Field = y0 + (np.arange(round((y1 - y0) * PER_PX), dtype=np.float64) + 0.5) / PER_PX
    x, y = np.meshgrid((np.abs(columns - middle)) / width, (rows - corner_y) / width)
    nose = (nose_y - corner_y) / width
    on_face = _on_face(columns, rows, jaw, width)
    map_x, map_y = (field.astype(np.float32) for field in np.meshgrid(columns, rows))
    here = cv2.remap(luma, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).astype(np.float64)
    strength = record.shade * here / 128.0
    fold = _fold(x, y, nose) * on_face * strength
    hollow = _hollow(x, y) * on_face * strength
    relaxed = _relaxed(here, x, y, nose, width) * on_face * min(1.0, 1.4 * record.shade)
    return Shading(
        fields=np.stack([fold, hollow, relaxed]).astype(np.float32),
        box=np.array([x0, y0, PER_PX]),
    )


def _on_face(columns: Field, rows: Field, jaw: Field, width: float) -> Field:
    """1 inside the jaw's line, fading before its edge, so that nothing is shaded beyond the face."""
    line = np.interp(columns, jaw[:, 0], jaw[:, 1])
    ends = np.minimum(columns - jaw[0, 0], jaw[-1, 0] - columns)
    inside = np.minimum((line[None] - rows[:, None]) / (0.18 * width), ends[None] / (0.16 * width))
    return np.asarray(np.clip(inside, 0, 1))


def _crease(x: Field, y: Field, nose: float) -> tuple[Field, Field]:
    """Signed distance outward from the line between the nose's wing and beside the mouth's corner; how far along."""
    along = np.clip((y - nose) / (0.22 - nose), 0, 1)
    line = 0.30 + 0.36 * along**0.8
    ends = np.clip((y - nose + 0.04) / 0.14, 0, 1) * np.clip((0.24 - y) / 0.2, 0, 1)
    return x - line, ends


def _fold(x: Field, y: Field, nose: float) -> Field:
    """A dark crease with the cheek's light bulge outside it."""
    out, ends = _crease(x, y, nose)
    dark = np.exp(-(((out + 0.015) / 0.045) ** 2)) * ends
    high = np.clip((0.12 - y) / 0.3, 0, 1) * np.clip((y - nose + 0.5) / 0.4, 0, 1)
    bulge = np.exp(-(((out - 0.16) / 0.13) ** 2)) * high
    return _FOLD * (0.45 * bulge - dark)


def _hollow(x: Field, y: Field) -> Field:
    """Shadow down the cheek beside an open mouth, and under the lower lip."""
    cheek = np.exp(-(((x - 0.82 + 0.25 * y) / 0.17) ** 2)) * np.exp(-(((y - 0.05) / 0.5) ** 2))
    chin = np.exp(-((x / 0.26) ** 2)) * np.exp(-(((y - 0.30) / 0.06) ** 2))
    return -_HOLLOW * (0.9 * cheek + 0.5 * chin)


def _relaxed(here: Field, x: Field, y: Field, nose: float, width: float) -> Field:
    """What takes the still's own folds away, to the cheek around them: shadows most, the light bulges beside them less.
    Folds lie where each face has them, so the whole cheek beside the mouth is looked at; pores are finer and stay."""
    out, _ = _crease(x, y, nose)
    beside_nose = np.clip((y - nose) / 0.2, 0, 1)  # whose own shade stays
    near = np.clip((out + 0.02 + 0.14 * beside_nose) / 0.08, 0, 1) * np.clip((0.34 - out) / 0.14, 0, 1)
    near *= np.clip((y - nose + 0.16) / 0.14, 0, 1) * np.clip((0.24 - y) / 0.2, 0, 1)
    outside_lips = np.clip((np.hypot(x / 0.55, (y + 0.0) / 0.24) - 1) / 0.15, 0, 1)
    smooth = cv2.GaussianBlur(here, (0, 0), 0.17 * width * PER_PX)
    fine = cv2.GaussianBlur(here, (0, 0), 0.012 * width * PER_PX)
    return np.asarray(np.clip(smooth - fine, -_MOST_DIMMED, _MOST_RELAXED)) * near * outside_lips
