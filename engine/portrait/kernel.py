"""The inner loop: every pixel of the figure, traced back through head and face to the still. Knows no character.

One call paints one or two planes of a frame (luma, or both chromas at half size), row by row in four passes: turn back
the head (a rotation about the neck, weighted), then, near the face, brows, lids and lips (columns whose heights are
stretched between knots), then sample the still's texture bilinearly, then blend at the figure's edge. Rows without
branches are what compilers vectorise. The texture has twice the frame's resolution, which keeps its sharpness constant
while it moves; each texel holds its 2x2 neighbourhood, so that one fetch serves one pixel. Coordinates are pixels of
the luma frame.
"""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np

_FAST: dict[str, Any] = {"fastmath": True, "nogil": True, "error_model": "numpy"}  # nothing here divides by zero
_WHOLE: dict[str, Any] = {**_FAST, "cache": True}
# Parts of the one compiled function: nobody calls them from Python, so no wrappers are compiled, and only the whole is
# kept on disk. It is kept for this file's state, so its parts stand in this file.
_PART: dict[str, Any] = {**_FAST, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}

# Rows of the knot tables: heights in the rest picture, then those of now, for each column.
LIP_KNOTS = 7  # top, upper lip, seam above, seam below, lower lip, jaw, bottom
LID_KNOTS = 6  # lid, lash, open edge at rest; open edge now; lower edge; where the lid's even skin ends now
_F, _I, _U = np.float32, np.int32, np.uint32
_TAP = 1.0 / 65536.0  # two weights of 8 bits


@numba.njit(**_PART)
def _turn_back(columns, y_rest, weight, depth, breath, turn, xs, ys):  # type: ignore[no-untyped-def]
    """Where each pixel of a row lay before the head turned and the breath lifted it."""
    r00, r01, r02 = _F(turn[0] - 1.0), _F(turn[1]), _F(turn[2])
    r10, r11, r12 = _F(turn[3]), _F(turn[4] - 1.0), _F(turn[5])
    pivot_x, pivot_z = _F(turn[6]), _F(turn[8])
    lift = _F(turn[11])
    y = _F(y_rest)
    py = _F(y_rest - turn[7])
    for column in range(len(xs)):
        px = _F(columns[column] - pivot_x)
        pz = _F(depth[column] - pivot_z)
        w = weight[column]
        xs[column] = _F(columns[column] + w * _F(r00 * px + r01 * py + r02 * pz))
        ys[column] = _F(y + w * _F(r10 * px + r11 * py + r12 * pz) + breath[column] * lift)


@numba.njit(**_PART)
def _texels(xs, ys, per_px, shape, at, fu, fv):  # type: ignore[no-untyped-def]
    """Which texel each (xs, ys) falls on, and how far to the next one, in 256ths."""
    width = _U(shape[2])
    scale, shift = _F(per_px * 256.0), _F(per_px * 128.0 - 128.0)
    most_u, most_v = _F((shape[2] - 2) * 256), _F((shape[1] - 2) * 256)
    for column in range(len(xs)):
        u = _I(min(max(xs[column] * scale + shift, _F(0.0)), most_u))
        v = _I(min(max(ys[column] * scale + shift, _F(0.0)), most_v))
        at[column] = _U(_I(v >> 8)) * width + _U(_I(u >> 8))
        fu[column] = _F(_I(u & 255))
        fv[column] = _F(_I(v & 255))


@numba.njit(**_PART)
def _sample_row(texture, at, fu, fv, taps, values):  # type: ignore[no-untyped-def]
    """Bilinear, of packed 2x2 neighbourhoods. The loads have a loop of their own: the rest is then vectorised."""
    flat = texture.reshape(-1)
    for column in range(len(at)):
        taps[column] = flat[at[column]]
    for column in range(len(at)):
        four, u, v = taps[column], fu[column], fv[column]
        a, b = _F(_I(four & _U(255))), _F(_I((four >> _U(8)) & _U(255)))
        c, d = _F(_I((four >> _U(16)) & _U(255))), _F(_I(four >> _U(24)))
        top = a * _F(256.0) + (b - a) * u
        low = c * _F(256.0) + (d - c) * u
        values[column] = (top * _F(256.0) + (low - top) * v) * _F(_TAP)


@numba.njit(**_PART)
def _sample(texture, x, y, per_px):  # type: ignore[no-untyped-def]
    """One bilinear sample of a packed texture."""
    u = int(min(max((x * per_px + 0.5 * per_px - 0.5) * 256.0, 0.0), (texture.shape[1] - 2) * 256.0))
    v = int(min(max((y * per_px + 0.5 * per_px - 0.5) * 256.0, 0.0), (texture.shape[0] - 2) * 256.0))
    taps = int(texture[v >> 8, u >> 8])
    fu, fv = u & 255, v & 255
    top = (taps & 255) * (256 - fu) + ((taps >> 8) & 255) * fu
    low = ((taps >> 16) & 255) * (256 - fu) + (taps >> 24) * fu
    return (top * (256 - fv) + low * fv) * _TAP


@numba.njit(**_PART)
def _matte_at(matte, x, y, per_px):  # type: ignore[no-untyped-def]
    """Bilinear, of plain 8-bit data, 0..1."""
    u = min(max(x * per_px + 0.5 * per_px - 0.5, 0.0), matte.shape[1] - 1.001)
    v = min(max(y * per_px + 0.5 * per_px - 0.5, 0.0), matte.shape[0] - 1.001)
    i, j = int(v), int(u)
    a, b, c, d = int(matte[i, j]), int(matte[i, j + 1]), int(matte[i + 1, j]), int(matte[i + 1, j + 1])
    if a == b == c == d:  # beside the edge itself, nearly everywhere
        return a * (1.0 / 255.0)
    fv, fu = v - i, u - j
    top = a * (1 - fu) + b * fu
    low = c * (1 - fu) + d * fu
    return (top * (1 - fv) + low * fv) * (1.0 / 255.0)


@numba.njit(**_PART)
def _lips_of(x, y, knots, x0, mouth, out):  # type: ignore[no-untyped-def]
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
    now_above = knots[1, 0, i] * (1 - f) + knots[1, 0, i + 1] * f
    if y <= now_above:
        out[0], out[1] = x, y
        return 0.0
    inside, found = 0.0, y
    for k in range(1, knots.shape[1]):
        now = knots[1, k, i] * (1 - f) + knots[1, k, i + 1] * f
        if k == 3:  # between the two edges of the seam lies the inside of the mouth
            inside = min(1.0, max(0.0, y - now_above + 0.5)) * min(1.0, max(0.0, now - y + 0.5))
            inside *= min(1.0, max(0.0, now - now_above - 0.3))
            if y < now:
                edge = 2 if y - now_above < now - y else 3
                found = knots[0, edge, i] * (1 - f) + knots[0, edge, i + 1] * f
                break
        elif y < now:
            above = knots[0, k - 1, i] * (1 - f) + knots[0, k - 1, i + 1] * f
            rest = knots[0, k, i] * (1 - f) + knots[0, k, i + 1] * f
            found = above + (rest - above) * (y - now_above) / max(now - now_above, 1e-3)
            break
        now_above = now
    out[0], out[1] = x, found
    return inside


@numba.njit(**_PART)
def _lid_of(x, y, knots, x0, iris, out):  # type: ignore[no-untyped-def]
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
        skin = knots[5, i] * (1 - f) + knots[5, i + 1] * f
        out[1] = lid + (skin - lid) * (y - lid) / max(now - height - lid, 1e-3)
    else:
        out[1] = y - (now - rest)
    if y > rest - 1.0 and y < bottom + 1.0:  # gaze: the iris moves, the corners of the eye stay
        far = abs(x - iris[0]) / iris[2]
        pull = _smooth_step((iris[5] - far) / (iris[5] - 1.1))
        out[2] = x - iris[3] * pull
        column = min(max(out[2] - x0, 0.0), knots.shape[1] - 2.0)
        i = int(column)
        f = column - i
        edge = knots[2, i] * (1 - f) + knots[2, i + 1] * f  # lashes and lower lid stay where they are
        low = knots[4, i] * (1 - f) + knots[4, i + 1] * f
        share = (y - rest) / max(bottom - rest, 1.0)
        out[3] = y - iris[4] * pull + (edge - rest) * (1 - share) + (low - bottom) * share
    return min(1.0, max(0.0, now - y + 0.5))


@numba.njit(**_PART)
def _smooth_step(t):  # type: ignore[no-untyped-def]
    t = min(1.0, max(0.0, t))
    return t * t * (3.0 - 2.0 * t)


@numba.njit(**_PART)
def _inside_of(x, y, colours, shape, teeth, channel, first_channel):  # type: ignore[no-untyped-def]
    """The colour of the open mouth's inside at (x, y), one channel: cavity, tongue, upper teeth under the lip's shade.

    `shape` = middle, half width, top edge, tongue y, opening, width, then where the teeth's texture begins (x, y) and
    its texels a pixel. `teeth` (rows, columns, channels and alpha).
    """
    middle, half, top_y, tongue_y, opening, width = shape[0], shape[1], shape[2], shape[3], shape[4], shape[5]
    t = (x - middle) / half
    base = 128.0 if channel + first_channel > 0 else 0.0  # chroma is shaded towards grey
    dark = max(0.4, 1.0 - 0.5 * t * t)
    value = base + (colours[0, channel] - base) * dark
    tx, ty = (x - middle) / (0.34 * width), (y - tongue_y) / (0.17 * width)
    r = math.sqrt(tx * tx + ty * ty)
    if r < 1.0:
        share = min(1.0, (1.0 - r) * 5.0)
        light = (1.0 - 0.35 * r * r) * (0.8 + 0.2 * _smooth_step((opening - 0.04 * width) / (0.2 * width)))
        value += (base + (colours[1, channel] - base) * light - value) * share
    u, v = (x - shape[6]) * shape[8], (y - shape[7]) * shape[8]
    alpha_at = teeth.shape[2] - 1
    if 0.0 <= u < teeth.shape[1] - 1.001 and 0.0 <= v < teeth.shape[0] - 1.001:
        i, j = int(v), int(u)
        fv, fu = v - i, u - j
        a, b, c, d = (1 - fv) * (1 - fu), (1 - fv) * fu, fv * (1 - fu), fv * fu
        share = (
            a * teeth[i, j, alpha_at] + b * teeth[i, j + 1, alpha_at]
            + c * teeth[i + 1, j, alpha_at] + d * teeth[i + 1, j + 1, alpha_at]
        )  # fmt: skip
        if share > 0.0:
            tooth = (
                a * teeth[i, j, channel] + b * teeth[i, j + 1, channel]
                + c * teeth[i + 1, j, channel] + d * teeth[i + 1, j + 1, channel]
            )  # fmt: skip
            light = 0.88 + 0.12 * _smooth_step((y - top_y) / (0.05 * width))  # the lip throws a shade on them
            light *= 0.95 + 0.05 * _smooth_step(opening / (0.2 * width))
            light *= 1.0 - 0.4 * t * t * t * t
            value += (base + (tooth - base) * light - value) * share
    return value


@numba.njit(**_PART)
def _move_brows(xs, ys, brow):  # type: ignore[no-untyped-def]
    for column in range(len(xs)):
        dx, dy = (xs[column] - brow[0]) / brow[2], (ys[column] - brow[1]) / brow[3]
        r = dx * dx + dy * dy
        if r < 1.0:
            ys[column] += brow[4] * (1.0 - r) * (1.0 - r)


@numba.njit(**_PART)
def _move_lid(xs, ys, knots, box, iris, lid, eye_x, eye_y, at):  # type: ignore[no-untyped-def]
    for column in range(len(xs)):
        x, y = float(xs[column]), float(ys[column])
        if box[0] < x < box[2] and box[1] < y < box[3]:
            lid[column] = _lid_of(x, y, knots, box[0] - 1.0, iris, at)
            ys[column], eye_x[column], eye_y[column] = at[1], at[2], at[3]


@numba.njit(**_PART)
def _move_lips(xs, ys, knots, x0, mouth, inside, mouth_x, mouth_y, at):  # type: ignore[no-untyped-def]
    for column in range(len(xs)):
        x, y = float(xs[column]), float(ys[column])
        mouth_x[column], mouth_y[column] = x, y
        inside[column] = _lips_of(x, y, knots, x0, mouth, at)
        xs[column], ys[column] = at[0], at[1]


@numba.njit(**_PART)
def _shade(xs, ys, fields, box, amounts, light):  # type: ignore[no-untyped-def]
    last_row, last_column = fields.shape[1] - 1, fields.shape[2] - 1
    for column in range(len(xs)):
        v, u = (ys[column] - box[1]) * box[2], (xs[column] - box[0]) * box[2]
        if 0.0 <= v < last_row and 0.0 <= u < last_column:
            i, j = int(v), int(u)
            light[column] = fields[0, i, j] * amounts[0] + fields[1, i, j] * amounts[1] + fields[2, i, j] * amounts[2]


@numba.njit(**_PART)
def _keep(values, out):  # type: ignore[no-untyped-def]
    for column in range(len(out)):
        out[column] = np.uint8(_I(values[column] + _F(0.5)))


@numba.njit(**_PART)
def _blend(values, back, matte, per_px, xs, ys, out):  # type: ignore[no-untyped-def]
    """A stretch of one row and channel, over the plate."""
    for column in range(len(out)):
        share = _F(_matte_at(matte, xs[column], ys[column], per_px))
        behind = back[column]
        out[column] = np.uint8(_I(behind + (values[column] - behind) * share + _F(0.5)))


@numba.njit(**_PART)
def _move_face(  # type: ignore[no-untyped-def]
    y_rest, step, a, b, xs, ys, face_box, brows, lip_knots, lip_x0, mouth, lid_knots, lid_boxes, irises,
    shade, shade_box, amounts, inside, mouth_x, mouth_y, lid, eye_x, eye_y, light, at,
):  # fmt: skip
    """One row near the face, columns `a` to `b`: only what may lie in a part's reach is traced through it."""
    margin = face_box[4]
    lid[a:b], inside[a:b], light[a:b] = 1.0, 0.0, 0.0
    for n in range(brows.shape[0]):
        if brows[n, 4] != 0.0 and abs(y_rest - brows[n, 1]) < brows[n, 3] + margin:
            _move_brows(xs[a:b], ys[a:b], brows[n])
    for n in range(lid_boxes.shape[0]):
        if lid_boxes[n, 1] - margin < y_rest < lid_boxes[n, 3] + margin:
            low = max(a, int((lid_boxes[n, 0] - margin) / step))
            high = max(low, min(b, int((lid_boxes[n, 2] + margin) / step) + 1))
            _move_lid(xs[low:high], ys[low:high], lid_knots[n], lid_boxes[n], irises[n], lid[low:high],
                      eye_x[low:high], eye_y[low:high], at)  # fmt: skip
    top = min(lip_knots[0, 0, 0], mouth[1] - mouth[3])  # what corners pull reaches beyond what the jaw moves
    if face_box[5] > 0.0 and y_rest > top - margin:
        low = max(a, int((min(lip_x0, mouth[0] - mouth[2]) - margin) / step))
        end = max(lip_x0 + lip_knots.shape[2], mouth[0] + mouth[2])
        high = max(low, min(b, int((end + margin) / step) + 1))
        _move_lips(xs[low:high], ys[low:high], lip_knots, lip_x0, mouth, inside[low:high], mouth_x[low:high],
                   mouth_y[low:high], at)  # fmt: skip
    if step == 1 and (amounts[0] != 0.0 or amounts[1] != 0.0 or amounts[2] != 0.0):
        low = max(a, int(shade_box[0] - margin))
        high = max(low, min(b, int(shade_box[0] + shade.shape[2] / shade_box[2] + margin)))
        _shade(xs[low:high], ys[low:high], shade, shade_box, amounts, light[low:high])


@numba.njit(**_PART)
def _add_face(  # type: ignore[no-untyped-def]
    a, b, values, channel, step, texture, per_px, inside, mouth_x, mouth_y, lid, eye_x, eye_y, light,
    colours, inside_shape, teeth,
):  # fmt: skip
    """Light, eyeballs and the mouth's inside, over what one row near the face shows in one channel."""
    for column in range(a, b):
        value = values[column]
        if step == 1:
            value = min(_F(255.0), max(_F(0.0), value + light[column]))
        if lid[column] < 1.0:
            eye = _sample(texture, eye_x[column], eye_y[column], per_px)
            value = _F(eye + (value - eye) * lid[column])
        if inside[column] > 0.0:
            deep = _inside_of(mouth_x[column], mouth_y[column], colours, inside_shape, teeth, channel, step - 1)
            value += _F((deep - value) * inside[column])
        values[column] = value


@numba.njit(**_WHOLE)
def paint(  # type: ignore[no-untyped-def]
    planes, plate, textures, matte, per_px, step, spans, runs, run_ends, weight, depth, breath,
    turn, face_box, brows, lip_knots, lip_x0, mouth, lid_knots, lid_boxes, irises, colours, inside_shape,
    teeth, shade, shade_box, amounts, columns,
):  # fmt: skip
    """Paint the figure into `planes` (channels, rows, columns); pixels that it never covers are not touched.

    `step` luma pixels lie between two of these: 1 for luma, 2 for chroma. `runs` are (first, end, kind) of one row
    after the other up to `run_ends[row]`: kind 1 always covered, 2 blended with the plate. `turn` = r00 r01 r02 r10
    r11 r12 pivot_x pivot_y pivot_z 0 0 breath_px; `face_box` = left top right bottom, how far the head carries it, 1 if
    lips move.
    """
    channels, rows, width = planes.shape
    xs, ys, values = np.empty(width, _F), np.empty(width, _F), np.empty(width, _F)
    fu, fv, texel, taps = np.empty(width, _F), np.empty(width, _F), np.empty(width, _U), np.empty(width, _U)
    inside, mouth_x, mouth_y = np.zeros(width, _F), np.zeros(width, _F), np.zeros(width, _F)
    lid, eye_x, eye_y, light = np.ones(width, _F), np.zeros(width, _F), np.zeros(width, _F), np.zeros(width, _F)
    at = np.empty(4, np.float64)
    margin = face_box[4]
    left, right = int((face_box[0] - margin) / step), int((face_box[2] + margin) / step) + 1
    for row in range(rows):
        first, last = spans[row, 0], spans[row, 1]
        if first >= last:
            continue
        y_rest = (row + 0.5) * step - 0.5
        _turn_back(columns[first:last], y_rest, weight[row, first:last], depth[row, first:last],
                   breath[row, first:last], turn, xs[first:last], ys[first:last])  # fmt: skip
        a, b = max(first, left), min(last, right)
        near = face_box[1] - margin < y_rest < face_box[3] + margin and a < b
        if near:
            _move_face(y_rest, step, a, b, xs, ys, face_box, brows, lip_knots, lip_x0, mouth, lid_knots, lid_boxes,
                       irises, shade, shade_box, amounts, inside, mouth_x, mouth_y, lid, eye_x, eye_y, light,
                       at)  # fmt: skip
        _texels(xs[first:last], ys[first:last], per_px, textures.shape, texel[first:last], fu[first:last],
                fv[first:last])  # fmt: skip
        for channel in range(channels):
            _sample_row(textures[channel], texel[first:last], fu[first:last], fv[first:last], taps[first:last],
                        values[first:last])  # fmt: skip
            if near:
                _add_face(a, b, values, channel, step, textures[channel], per_px, inside, mouth_x, mouth_y, lid,
                          eye_x, eye_y, light, colours, inside_shape, teeth)  # fmt: skip
            for run in range(run_ends[row - 1] if row else 0, run_ends[row]):
                c, d = runs[run, 0], runs[run, 1]
                if runs[run, 2] == 1:
                    _keep(values[c:d], planes[channel, row, c:d])
                else:
                    _blend(values[c:d], plate[channel, row, c:d], matte, per_px, xs[c:d], ys[c:d],
                           planes[channel, row, c:d])  # fmt: skip
