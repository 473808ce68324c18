"""The inner loop: every pixel of the figure, traced back through head and face to the still. Knows no character.

One call paints one or two planes of a frame (luma, or both chromas at half size). For each pixel of the figure: turn
back the head (a rotation about the neck, weighted), then the face (brows, lids and lips are columns whose heights are
stretched between knots), then sample the still's texture bilinearly, or shade the open mouth. The texture has twice
the frame's resolution, which keeps its sharpness constant while it moves. Coordinates are pixels of the luma frame.
"""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np

_JIT: dict[str, Any] = {"cache": True, "fastmath": True, "nogil": True}

# Rows of the knot tables: heights in the rest picture, then displacement, for each column.
LIP_KNOTS = 7  # top, upper lip, seam above, seam below, lower lip, jaw, bottom
LID_KNOTS = 5  # lid, lash, open edge at rest; open edge now; lower edge


@numba.njit(**_JIT)
def _lips(x, y, knots, x0, mouth, out):  # type: ignore[no-untyped-def]
    """Trace (x, y) back through the lips into `out` = x, y; returns how much of the pixel is inside the open mouth."""
    middle, middle_y, reach_x, reach_y, squeeze = mouth[0], mouth[1], mouth[2], mouth[3], mouth[4]
    if squeeze != 0.0:
        dx, dy = (x - middle) / reach_x, (y - middle_y) / reach_y
        r = dx * dx + dy * dy
        if r < 1.0:
            fall = (1.0 - r) * (1.0 - r)
            x = middle + (x - middle) * (1.0 + squeeze * fall)
    column = x - x0
    last = knots.shape[2] - 1
    if column <= 0.0 or column >= last:
        out[0], out[1] = x, y
        return 0.0
    i = int(column)
    f = column - i
    inside = 0.0
    rest_above = knots[0, 0, i] * (1 - f) + knots[0, 0, i + 1] * f
    now_above = rest_above
    if y <= now_above:
        out[0], out[1] = x, y
        return 0.0
    found = y
    for k in range(1, knots.shape[1]):
        rest = knots[0, k, i] * (1 - f) + knots[0, k, i + 1] * f
        now = rest + knots[1, k, i] * (1 - f) + knots[1, k, i + 1] * f
        if k == 3:  # between the two edges of the seam lies the inside of the mouth
            inside = min(1.0, max(0.0, y - now_above + 0.5)) * min(1.0, max(0.0, now - y + 0.5))
            inside *= min(1.0, max(0.0, now - now_above - 0.3))
            if y < now:
                found = rest_above if y - now_above < now - y else rest
                break
        elif y < now:
            found = rest_above + (rest - rest_above) * (y - now_above) / max(now - now_above, 1e-3)
            break
        rest_above, now_above = rest, now
    out[0], out[1] = x, found
    return inside


@numba.njit(**_JIT)
def _lid(x, y, knots, x0, iris, out):  # type: ignore[no-untyped-def]
    """Trace (x, y) back through one eye: the lid above its edge, the eyeball below it. Returns the lid's share, with
    the lid's height in out[1] and the eyeball's place in out[2], out[3]."""
    column = x - x0
    i = int(column)
    f = column - i
    lid = knots[0, i] * (1 - f) + knots[0, i + 1] * f
    rest = knots[2, i] * (1 - f) + knots[2, i + 1] * f
    now = knots[3, i] * (1 - f) + knots[3, i + 1] * f
    lash = min(knots[1, i] * (1 - f) + knots[1, i + 1] * f, rest)
    bottom = knots[4, i] * (1 - f) + knots[4, i + 1] * f
    out[1] = out[3] = y
    out[2] = x
    if y <= lid:
        return 1.0
    height = rest - lash
    if y < now - height:
        out[1] = lid + (lash - lid) * (y - lid) / max(now - height - lid, 1e-3)
    else:
        out[1] = y - (now - rest)
    if y > rest - 1.0 and y < bottom + 1.0:  # gaze: the iris moves, the corners of the eye stay
        far = abs(x - iris[0]) / iris[2]
        pull = min(1.0, max(0.0, (iris[5] - far) / (iris[5] - 1.1)))
        pull = pull * pull * (3.0 - 2.0 * pull)
        out[2] = x - iris[3] * pull
        column = min(max(out[2] - x0, 0.0), knots.shape[1] - 2.0)
        i = int(column)
        f = column - i
        edge = knots[2, i] * (1 - f) + knots[2, i + 1] * f  # lashes and lower lid stay where they are
        low = knots[4, i] * (1 - f) + knots[4, i + 1] * f
        share = (y - rest) / max(bottom - rest, 1.0)
        out[3] = y - iris[4] * pull + (edge - rest) * (1 - share) + (low - bottom) * share
    return min(1.0, max(0.0, now - y + 0.5))


@numba.njit(**_JIT)
def _inside(x, y, colours, shape, channel, first):  # type: ignore[no-untyped-def]
    """The colour of the open mouth's inside at (x, y), one channel: cavity, tongue, upper teeth."""
    middle, half, teeth_y, tongue_y, top_y, width = shape
    t = (x - middle) / half
    dark = max(0.45, 1.0 - 0.45 * t * t)
    value = colours[0, channel] * dark
    base = 0.0
    if channel + first > 0:  # chroma is shaded towards grey
        base = 128.0
        value = base + (colours[0, channel] - base) * dark
    tx, ty = (x - middle) / (0.34 * width), (y - tongue_y) / (0.17 * width)
    r = math.sqrt(tx * tx + ty * ty)
    if r < 1.0:
        share = min(1.0, (1.0 - r) * 5.0)
        light = 1.0 - 0.35 * r * r
        value += (base + (colours[1, channel] - base) * light - value) * share
    edge = teeth_y - 0.06 * width * t * t
    share = min(1.0, max(0.0, edge - y + 0.5))
    if share > 0.0:
        depth = min(1.0, max(0.0, (y - top_y) / (0.05 * width)))
        light = (1.0 - 0.22 * t * t) * (0.93 + 0.07 * depth)
        value += (base + (colours[2, channel] - base) * light - value) * share
    return value


@numba.njit(**_JIT)
def _sample(texture, x, y, per_px, channel):  # type: ignore[no-untyped-def]
    """Bilinear, of 8-bit data, at luma pixel (x, y) of a texture with `per_px` texels a pixel."""
    u = (x + 0.5) * per_px - 0.5
    v = (y + 0.5) * per_px - 0.5
    u = min(max(u, 0.0), texture.shape[1] - 1.001)
    v = min(max(v, 0.0), texture.shape[0] - 1.001)
    i, j = int(v), int(u)
    fv, fu = v - i, u - j
    top = texture[i, j, channel] * (1 - fu) + texture[i, j + 1, channel] * fu
    low = texture[i + 1, j, channel] * (1 - fu) + texture[i + 1, j + 1, channel] * fu
    return top * (1 - fv) + low * fv


@numba.njit(**_JIT)
def paint(  # type: ignore[no-untyped-def]
    planes, first, plate, texture, per_px, step, spans, kind, weight, depth, breath,
    turn, face_box, brows, lip_knots, lip_x0, mouth, lid_knots, lid_boxes, irises, colours, inside_shape,
):  # fmt: skip
    """Paint the figure into `planes` (channels, rows, columns); pixels that it never covers are not touched.

    `first` is 0 for luma and 1 for chroma; `step` luma pixels lie between two of these; `texture` has the channels
    and the matte last. `kind`: 0 never covered, 1 always covered, 2 blended with the plate, 3 its middle, where face
    and head both move. `turn` = r00 r01 r02 r10 r11 r12 pivot_x pivot_y pivot_z shift_x shift_y breath_px.
    """
    channels = planes.shape[0]
    matte = texture.shape[2] - 1
    at = np.empty(4, np.float64)
    # Scalars, because a store to the frame could change any array, as far as the compiler knows.
    r00, r01, r02, r10, r11, r12 = turn[0] - 1.0, turn[1], turn[2], turn[3], turn[4] - 1.0, turn[5]
    pivot_x, pivot_y, pivot_z, shift_x, shift_y, breath_px = turn[6], turn[7], turn[8], turn[9], turn[10], turn[11]
    left, top, right, bottom = face_box[0], face_box[1], face_box[2], face_box[3]
    lips_top = lip_knots[0, 0, 0]
    for row in range(spans.shape[0]):
        y_rest = (row + 0.5) * step - 0.5
        for column in range(spans[row, 0], spans[row, 1]):
            what = kind[row, column]
            if what == 0:
                continue
            x_rest = (column + 0.5) * step - 0.5
            w = weight[row, column]
            px, py, pz = x_rest - pivot_x, y_rest - pivot_y, depth[row, column] - pivot_z
            x = x_rest + w * (r00 * px + r01 * py + r02 * pz - shift_x)
            y = y_rest + w * (r10 * px + r11 * py + r12 * pz - shift_y) + breath[row, column] * breath_px
            inside = 0.0
            lid = 1.0
            mouth_y = y
            if left < x < right and top < y < bottom:
                for b in range(brows.shape[0]):
                    dx, dy = (x - brows[b, 0]) / brows[b, 2], (y - brows[b, 1]) / brows[b, 3]
                    r = dx * dx + dy * dy
                    if r < 1.0:
                        y += brows[b, 4] * (1.0 - r) * (1.0 - r)
                for e in range(lid_boxes.shape[0]):
                    if lid_boxes[e, 0] < x < lid_boxes[e, 2] and lid_boxes[e, 1] < y < lid_boxes[e, 3]:
                        lid = _lid(x, y, lid_knots[e], lid_boxes[e, 0] - 1.0, irises[e], at)
                        y = at[1]
                        break
                if y > lips_top:
                    inside = _lips(x, y, lip_knots, lip_x0, mouth, at)
                    x, y = at[0], at[1]
            for channel in range(channels):
                value = 0.0
                if inside < 1.0:
                    value = _sample(texture, x, y, per_px, channel)
                if lid < 1.0:
                    value = value * lid + (1.0 - lid) * _sample(texture, at[2], at[3], per_px, channel)
                if inside > 0.0:
                    value += (_inside(x, mouth_y, colours, inside_shape, channel, first) - value) * inside
                if what == 2:
                    share = _sample(texture, x, y, per_px, matte) * (1.0 / 255.0)
                    back = float(plate[channel, row, column])
                    value = back + (value - back) * share
                planes[channel, row, column] = np.uint8(value + 0.5)
