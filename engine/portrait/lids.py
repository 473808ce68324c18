"""From a blink and a gaze to the columns the inner loop stretches, and what a shut eye looks like. Knows no time.

A lid that is stretched over the eye takes its crease and its lashes along, which smears a photo's shadows and frays a
drawing's lines. So a lid on its way fades into skin made once: what lies around eye and lashes, carried smoothly over
them. The lashes of a moving lid are a line, painted.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.portrait.expression import Numbers, height_at, smooth
from engine.portrait.record import Eye, Picture, Record, Style

LID_KNOTS = 7  # lid, lash, open edge at rest; open edge now; lower edge; where the lid's even skin ends now; lash now
SHUT_OVER = 0.016  # eye widths that a shut lid lies over the lower one: its soft edge shows no white
_PAINTED = (0.22, 0.4)  # of a blink: up to the first the lid is the still's own, from the second on painted
_BESIDE = 0.34  # eye widths beside a photo's eye where lashes throw their shadow
_DARK = 20.0  # luma levels below the skin around: lashes, and drawn lines
_UNLIKE_SKIN = 20.0  # distance in Lab, luma halved, from the skin below a photo's eye: hair, brows, what is behind
_MOST_GRAIN = 6.0  # levels of a skin's fine grain
_LID_LIGHT = 0.05  # how much lighter than the skin around a lid bulges
_ROUNDS = 150  # of smoothing what is carried over an eye

Field = NDArray[np.float32]


@dataclass(slots=True)
class LidColumns:
    """All eyes. Knots: where the lid begins, the lashes' top, the open edge, the edge of now, the lower lid, how much
    of the skin above the lashes is stretched now, and how thick the painted lashes are now."""

    boxes: Numbers  # (eyes, 4) x0 y0 x1 y1
    knots: Numbers  # (eyes, LID_KNOTS, columns)
    irises: (
        Numbers  # (eyes, 8) x, y, radius, gaze x, y in pixels, its reach in radii; how much is painted; lashes' share
    )
    skin: Numbers  # (eyes, columns): where the even skin ends
    lashes: Numbers  # (eyes, columns): how thick painted ones are

    @classmethod
    def of(cls, record: Record, scale: float) -> LidColumns:
        photo = record.style is Style.PHOTO
        widest = max((float(np.ptp(eye.upper[:, 0])) * scale for eye in record.eyes), default=0.0)
        beside = int(np.ceil(_BESIDE * widest)) if photo else 0
        columns = int(np.ceil(widest)) + 6 + 2 * beside if record.eyes else 2
        made = cls(
            boxes=np.zeros((len(record.eyes), 4)),
            knots=np.zeros((len(record.eyes), LID_KNOTS, columns)),
            irises=np.zeros((len(record.eyes), 8)),
            skin=np.zeros((len(record.eyes), columns)),
            lashes=np.zeros((len(record.eyes), columns)),
        )
        for number, eye in enumerate(record.eyes):
            x0 = np.floor(eye.upper[0, 0] * scale) - 2 - beside
            made._measure(number, eye, x0 + np.arange(columns), scale, photo)
        return made

    def _measure(self, n: int, eye: Eye, x: Numbers, scale: float, photo: bool) -> None:
        upper, lower = eye.upper * scale, eye.lower * scale
        left, right = upper[0, 0], upper[-1, 0]
        middle, half = (left + right) / 2, (right - left) / 2
        open_y = height_at(upper, x)
        lower_y = np.where(np.abs(x - middle) < half, np.maximum(height_at(lower, x), open_y), open_y)
        lid_y, lash_y = open_y - eye.lid_px * scale, open_y - eye.lash_px * scale
        taper = np.clip(1 - np.abs((x - middle) / half) ** 2.5, 0, 1)  # at its corners an eye keeps its skin
        thick = (0.9 * taper if photo else 0.25 + 0.75 * taper) * (np.abs(x - middle) <= half)
        thick *= eye.lash_px * scale
        self.skin[n] = lash_y + (np.clip(open_y - eye.skin_px * scale, lid_y + 1, lash_y) - lash_y) * taper
        self.lashes[n] = thick
        self.knots[n] = [lid_y, lash_y, open_y, open_y, lower_y, lash_y, np.zeros_like(x)]
        self.boxes[n] = x[0] + 1, np.floor(lid_y.min()), x[-1] - 1, lower_y.max() + 3 + thick.max()
        iris_x, iris_y, radius = (value * scale for value in eye.iris)
        reach = max(1.3, min(iris_x - left, right - iris_x) / radius)
        self.irises[n] = iris_x, iris_y, radius, 0.0, 0.0, reach, 0.0, 0.8 if photo else 1.0

    def move(self, blink: float, gaze_xy: tuple[float, float]) -> None:
        open_y, lower_y = self.knots[:, 2], self.knots[:, 4]
        gap = lower_y - open_y
        over = (
            SHUT_OVER
            * (gap > 0).sum(1, keepdims=True)
            * np.clip(6 * gap / np.maximum(gap.max(1, keepdims=True), 1e-3), 0, 1)
        )
        self.knots[:, 3] = open_y + gap * (blink + 0.3 * max(0.0, gaze_xy[1]) * (1 - blink)) + over * blink**4
        lash = self.knots[:, 1]
        self.knots[:, 5] = lash + (self.skin - lash) * min(0.85, 1.4 * blink)
        painted = float(smooth(*_PAINTED, np.array(blink)))
        self.knots[:, 6] = self.lashes * painted
        self.irises[:, 3] = gaze_xy[0] * self.irises[:, 2]
        self.irises[:, 4] = gaze_xy[1] * self.irises[:, 2]
        self.irises[:, 6] = painted


def shut_eyes(record: Record, lids: LidColumns, still: Picture) -> tuple[Field, NDArray[np.uint8]]:
    """BGR and alpha of each eye's skin when shut, (eyes, rows, columns, 4), from the box's corner on; and the lashes'
    colour, BGR. `still` is BGR at the frame's size."""
    boxes = lids.boxes
    if not len(boxes):
        return np.zeros((0, 2, 2, 4), np.float32), np.zeros(3, np.uint8)
    rows, columns = (int(np.ceil((boxes[:, high] - boxes[:, low]).max())) + 2 for low, high in ((1, 3), (0, 2)))
    made, dark = np.zeros((len(boxes), rows, columns, 4), np.float32), []
    padded = np.asarray(cv2.copyMakeBorder(still, rows, rows, columns, columns, cv2.BORDER_REPLICATE), np.uint8)
    for n, (left, top) in enumerate(boxes[:, :2].astype(int)):
        window = padded[top + rows :, left + columns :][:rows, :columns]
        x, y = np.arange(columns) + 1, top + np.arange(rows, dtype=np.float64)[:, None]
        _, lash, upper, *_ = (row[np.minimum(x, len(row) - 1)] for row in lids.knots[n])
        skin = lids.skin[n][np.minimum(x, lids.skin.shape[1] - 1)]
        scale = lids.irises[n, 2] / record.eyes[n].iris[2]
        (begin, _), (end, _) = record.eyes[n].upper[[0, -1]] * scale
        lower = height_at(record.eyes[n].lower * scale, left + x - 1.0)
        width, on_eye = end - begin, (begin - 1 <= left + x - 1) & (left + x - 1 <= end + 1)
        covered = (y > np.minimum(skin, lash - 1.5)) & (y < lower + 0.04 * width + 1.5) & on_eye
        luma = np.asarray(cv2.cvtColor(window, cv2.COLOR_BGR2GRAY), np.uint8)
        line = (y > lash) & (y < upper) & on_eye
        dark.append(window[line if line.any() else covered])  # lashes thinner than a row of a small picture
        if record.style is Style.PHOTO:
            covered |= _shadow_beside(luma, covered, x.astype(np.float64), y, record, lids, n)
        soft = (0.045 if record.style is Style.PHOTO else 0.012) * width
        side = 2 * round(1.2 * soft) + 1
        grown = cv2.dilate(covered.astype(np.uint8), np.ones((side, side), np.uint8))
        hole = (grown > 0) | (y > lower)
        if record.style is Style.PHOTO:
            under = rows + int(record.eyes[n].lower[:, 1].max() * scale + 0.1 * width)
            cheek = padded[under : under + int(0.3 * width) + 4, columns + int(begin) : columns + int(end) + 1]
            unlike = _unlike(window, cheek)
            grown[unlike & ~covered] = 0
            made[n, ..., :3] = _carried_over(window.astype(np.float32), luma, hole | unlike)
            made[n, ..., :3] += _grain(cheek, (rows, columns))
        else:
            made[n, ..., :3] = _carried_over(window.astype(np.float32), luma, hole)
        made[n, ..., :3] *= 1 + record.shade * _LID_LIGHT * _bulge(y, upper, lower)[..., None]
        beyond = np.clip((np.abs(left + x - 1 - (begin + end) / 2) / width - 0.5) / 0.1, 0, 1)
        edge = 2 + (0.3 * width if record.style is Style.PHOTO else 0.0) * beyond  # beside an eye skin has no edge
        ends = np.clip((lower + 0.16 * width * beyond + edge - y) / edge, 0, 1)  # the lower lid, and lashes beside it
        made[n, ..., 3] = cv2.GaussianBlur(grown.astype(np.float32), (0, 0), 0.8 * soft + 0.3) * ends
    lashes = np.concatenate(dark)
    light = lashes.astype(np.float32) @ (0.114, 0.587, 0.299)
    return made, np.median(lashes[light <= np.percentile(light, 25)], axis=0).astype(np.uint8)


def _shadow_beside(
    luma: Picture, covered: NDArray[np.bool_], x: Numbers, y: Numbers, record: Record, lids: LidColumns, n: int
) -> NDArray[np.bool_]:
    """The dark lashes beside a photo's eye, outwards much farther than inwards."""
    eye_x, eye_y, _ = lids.irises[n, :3]
    outwards = -1.0 if eye_x < record.head.face[0] * lids.irises[n, 0] / record.eyes[n].iris[0] else 1.0
    lashes = np.flatnonzero(lids.lashes[n] > 0)
    if len(lashes) < 2:
        return np.zeros_like(covered)
    left, right = lashes[[0, -1]]
    width, middle = float(right - left), (left + right) / 2
    off = (x - middle) * outwards / width
    near = (off > 0.0) & (off < 0.5 + 0.85 * _BESIDE) & (np.abs(y - eye_y + 0.08 * width) < 0.22 * width)
    around = _around(luma[..., None].astype(np.float32), ~covered, 0.2 * width)[..., 0]
    dark = ((around - luma > _DARK) & near) | covered
    _, parts = cv2.connectedComponents(dark.astype(np.uint8))
    shadow = np.isin(parts, np.unique(parts[covered])) & near  # and no brow's end
    return np.asarray(cv2.dilate(shadow.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0)


def _unlike(window: Picture, skin: Picture) -> NDArray[np.bool_]:
    """What has not the colour of `skin`, in its light or in shade."""
    lab, like = (np.asarray(cv2.cvtColor(part.astype(np.float32) / 255, cv2.COLOR_BGR2LAB)) for part in (window, skin))
    off = (lab - np.median(like.reshape(-1, 3), axis=0)) * (0.5, 1.0, 1.0)
    return np.asarray(np.linalg.norm(off, axis=2) > _UNLIKE_SKIN)


def _grain(skin: Picture, shape: tuple[int, int]) -> Field:
    """Grain as fine and strong as that of `skin`, of its spectrum with phases of chance: no pattern is repeated."""
    light = skin.astype(np.float32).mean(2)
    fine = light - cv2.GaussianBlur(light, (0, 0), 0.03 * light.shape[1] + 0.5)
    strength = min(_MOST_GRAIN, 1.48 * float(np.median(np.abs(fine))))  # not of what is drawn on it, as wrinkles are
    fine = np.clip(fine, -2 * strength, 2 * strength) * np.outer(np.hanning(len(fine)), np.hanning(fine.shape[1]))
    spectrum = np.abs(np.fft.fft2(fine, shape))
    chance = np.fft.fft2(np.random.default_rng(0).normal(size=shape))
    made = np.real(np.fft.ifft2(spectrum * chance / np.maximum(np.abs(chance), 1e-9)))
    return np.asarray(made * (strength / max(float(made.std()), 1e-6)), np.float32)[..., None]


def _carried_over(window: Field, luma: Picture, covered: NDArray[np.bool_]) -> Field:
    """What lies around, as smooth as a skin that is stretched over the hole; lines drawn beside it are not carried."""
    sigma = 0.2 * window.shape[1]
    around = _around(luma[..., None].astype(np.float32), ~covered, sigma)[..., 0]
    hole = covered | (around - luma > _DARK)
    made = _around(window, ~hole, sigma)
    for _ in range(_ROUNDS):
        made = np.where(hole[..., None], cv2.blur(made, (5, 5)), window)
    return np.asarray(made, np.float32)


def _around(field: Field, known: NDArray[np.bool_], sigma: float) -> Field:
    """The mean of what is known near each pixel."""
    share = known.astype(np.float32)
    near = cv2.GaussianBlur(field * share[..., None], (0, 0), sigma)
    amount = cv2.GaussianBlur(share, (0, 0), sigma)
    return np.asarray(near.reshape(field.shape) / np.maximum(amount, 1e-6)[..., None], np.float32)


def _bulge(y: Numbers, upper: Numbers, lower: Numbers) -> Numbers:
    """Light on the ball beneath a lid: above its middle, and shade where it meets the lower one."""
    down = (y - upper) / np.maximum(lower - upper, 3.0)
    ends = np.clip((lower - upper) / max(float((lower - upper).max()), 1.0), 0, 1)
    return np.asarray(ends * (np.exp(-(((down - 0.3) / 0.35) ** 2)) - 0.8 * np.exp(-(((down - 1.0) / 0.25) ** 2))))
