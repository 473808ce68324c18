"""The inner loop: every pixel of the figure, traced back through head and face to the still. Knows no character.

One call paints a frame, two rows of luma and the row of both chromas between them at a time: turn back the head (a
rotation about the neck, weighted), then, near the face, brows, lids and lips (columns whose heights are stretched
between knots), then sample the still's texture bilinearly, then blend at the figure's edge. Chroma is looked for where
its four pixels of luma were found. Rows without branches are what compilers vectorise. The texture has twice the
frame's resolution, which keeps its sharpness constant while it moves. Coordinates are pixels of the luma frame; all
arrays begin at the figure's corner.
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

_F, _I, _U = np.float32, np.int32, np.uint32
_TAP = 1.0 / 65536.0  # two weights of 8 bits
CHUNK, BLOCK = 4, 8  # pixels of a row, and texels of a matte, that are told apart at once: a chunk is within its block
_BLOCK_BITS = 8 + 3  # of a texel's place in 256ths
# What is known of each pixel near the face: where it lay in the still (after the head, then after lips and lids), how
# much of it is the mouth's inside and where that is, the lid's share, the eyeball's place, its place before the lids
# moved, how much of it is painted lash; the last, light, is of luma alone.
HERE = 12
_NOSE_IS_NEARER = 1.5  # to the mouth than the chin: what corners pull reaches less far up
_LIGHT, _EYES_OPEN = HERE - 1, 8  # without a lid on its way the places after these are not needed


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
def _texels(xs, ys, per_px, corner, shape, blocks_wide, at, block, fu, fv):  # type: ignore[no-untyped-def]
    """Which texel, and which block of them, each (xs, ys) falls on, and how far to the next texel, in 256ths."""
    width, wide = _U(shape[2]), _U(blocks_wide)
    scale, shift = _F(per_px * 256.0), per_px * 128.0 - 128.0
    shift_x, shift_y = _F(shift - corner[0] * per_px * 256.0), _F(shift - corner[1] * per_px * 256.0)
    most_u, most_v = _F((shape[2] - 2) * 256), _F((shape[1] - 2) * 256)
    for column in range(len(xs)):
        u = _I(min(max(xs[column] * scale + shift_x, _F(0.0)), most_u))
        v = _I(min(max(ys[column] * scale + shift_y, _F(0.0)), most_v))
        at[column] = _U(_I(v >> 8)) * width + _U(_I(u >> 8))
        block[column] = _U(_I(v >> _BLOCK_BITS)) * wide + _U(_I(u >> _BLOCK_BITS))
        fu[column] = _F(_I(u & 255))
        fv[column] = _F(_I(v & 255))


@numba.njit(**_PART)
def _sample_row(texture, at, fu, fv, taps, values):  # type: ignore[no-untyped-def]
    """Bilinear, 0..255. The loads have a loop of their own: the rest is then vectorised."""
    flat, width = texture.reshape(-1), _U(texture.shape[1])
    for column in range(len(at)):
        i = at[column]
        j = i + width
        above = _U(flat[i]) | (_U(flat[i + _U(1)]) << _U(8))
        taps[column] = above | (_U(flat[j]) << _U(16)) | (_U(flat[j + _U(1)]) << _U(24))
    for column in range(len(at)):
        four, u, v = taps[column], fu[column], fv[column]
        a, b = _F(_I(four & _U(255))), _F(_I((four >> _U(8)) & _U(255)))
        c, d = _F(_I((four >> _U(16)) & _U(255))), _F(_I(four >> _U(24)))
        top = a * _F(256.0) + (b - a) * u
        low = c * _F(256.0) + (d - c) * u
        values[column] = (top * _F(256.0) + (low - top) * v) * _F(_TAP)


@numba.njit(**_PART)
def _sample(texture, x, y, per_px, corner):  # type: ignore[no-untyped-def]
    """One bilinear sample."""
    shift = 0.5 * per_px - 0.5
    u = int(min(max(((x - corner[0]) * per_px + shift) * 256.0, 0.0), (texture.shape[1] - 2) * 256.0))
    v = int(min(max(((y - corner[1]) * per_px + shift) * 256.0, 0.0), (texture.shape[0] - 2) * 256.0))
    i, j, fu, fv = v >> 8, u >> 8, u & 255, v & 255
    top = texture[i, j] * (256 - fu) + texture[i, j + 1] * fu
    low = texture[i + 1, j] * (256 - fu) + texture[i + 1, j + 1] * fu
    return (top * (256 - fv) + low * fv) * _TAP


@numba.njit(**_PART)
def _move_lips(xs, ys, lips, knots, x0, top, mouth, inside, mouth_x, mouth_y):  # type: ignore[no-untyped-def]
    """Trace a stretch of one row back through the lips; `inside` = how much of each pixel is the open mouth."""
    middle, middle_y, squeeze = _F(mouth[0]), _F(mouth[1]), _F(mouth[4])
    per_x, per_y, per_up = _F(1.0 / mouth[2]), _F(1.0 / mouth[3]), _F(_NOSE_IS_NEARER / mouth[3])
    for column in range(len(xs)):
        x, y = xs[column], ys[column]
        mouth_x[column], mouth_y[column] = x, y
        dx, dy = (x - middle) * per_x, (y - middle_y) * (per_up if y < middle_y else per_y)
        far = max(_F(0.0), _F(1.0) - dx * dx - dy * dy)
        xs[column] = x + (x - middle) * squeeze * far * far
    left, up, low, high = _F(x0), _F(top), _F(mouth[5]), _F(mouth[6])
    last_u, last_v = _F(lips.shape[1] - 1), _F(lips.shape[0] - 1)
    for column in range(len(xs)):
        u, v = xs[column] - left, ys[column] - up
        if _F(0.0) < u < last_u and _F(0.0) < v < last_v:
            i, j = _I(v), _I(u)
            fv, fu = v - _F(i), u - _F(j)
            a, b, c, d = lips[i, j], lips[i, j + 1], lips[i + 1, j], lips[i + 1, j + 1]
            y = ys[column]
            above = a + (b - a) * fu
            ys[column] = above + (c + (d - c) * fu - above) * fv
            if low < y < high:
                upper = _F(knots[1, 2, j]) * (_F(1.0) - fu) + _F(knots[1, 2, j + 1]) * fu
                lower = _F(knots[1, 3, j]) * (_F(1.0) - fu) + _F(knots[1, 3, j + 1]) * fu
                share = min(_F(1.0), max(_F(0.0), y - upper + _F(0.5)))
                share *= min(_F(1.0), max(_F(0.0), lower - y + _F(0.5)))
                inside[column] = share * min(_F(1.0), max(_F(0.0), lower - upper - _F(0.3)))


@numba.njit(**_PART)
def _lid_of(x, y, knots, x0, iris, out):  # type: ignore[no-untyped-def]
    """Trace (x, y) back through one eye: the lid above its edge, the eyeball below it. Returns the lid's share, with
    the lid's height in out[1], the eyeball's place in out[2], out[3] and the painted lash's share in out[4]."""
    column = x - x0
    i = int(column)
    f = column - i
    lid = knots[0, i] * (1 - f) + knots[0, i + 1] * f
    rest = knots[2, i] * (1 - f) + knots[2, i + 1] * f
    now = knots[3, i] * (1 - f) + knots[3, i + 1] * f
    lash = min(knots[1, i] * (1 - f) + knots[1, i + 1] * f, rest)
    bottom = knots[4, i] * (1 - f) + knots[4, i + 1] * f
    thick = knots[6, i] * (1 - f) + knots[6, i + 1] * f
    out[1] = out[3] = y
    out[2] = x
    out[4] = 0.0
    if thick > 0.0:
        line = min(1.0, max(0.0, y - now + 0.6 * thick + 0.5)) * min(1.0, max(0.0, now + 0.4 * thick - y + 0.5))
        out[4] = line * min(1.0, thick) * iris[7]
    if y <= lid or bottom - rest < 0.3:  # above the lid, and beside the eye
        return 1.0
    if y > max(bottom, now) + 1.0:  # below the eye: as beside it, since chroma takes the mean of both
        return 0.0
    height = (rest - lash) * (1.0 - iris[6])  # painted lashes take the place of the still's own
    if y < now - height:
        skin = knots[5, i] * (1 - f) + knots[5, i + 1] * f
        out[1] = lid + (skin - lid) * (y - lid) / max(now - height - lid, 1e-3)
    else:
        out[1] = y - (now - rest)
    out[1] += (y - out[1]) * iris[6]  # what is painted lies over the still as it is
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

    `shape` = middle, half width, top edge, tongue y, opening, width, then where the teeth's texture begins (x, y), its
    texels a pixel and how much of the teeth shows. `teeth` (rows, columns, channels and alpha).
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
    tooth, share = _layer(teeth, (x - shape[6]) * shape[8], (y - shape[7]) * shape[8], channel)
    if share > 0.0:
        light = 0.84 + 0.16 * _smooth_step((y - top_y) / (0.06 * width))  # the lip throws a shade on them
        light *= 0.95 + 0.05 * _smooth_step(opening / (0.2 * width))
        light *= 1.0 - 0.3 * t * t * t * t
        value += (base + (tooth - base) * light - value) * share * shape[9]
    return value


@numba.njit(**_PART)
def _layer(layer, u, v, channel):  # type: ignore[no-untyped-def]
    """One channel of a layer with its own alpha, the last of its channels, and that alpha; nothing beyond its sides."""
    if not (0.0 <= u < layer.shape[1] - 1.001 and 0.0 <= v < layer.shape[0] - 1.001):
        return 0.0, 0.0
    i, j, last = int(v), int(u), layer.shape[2] - 1
    fv, fu = v - i, u - j
    a, b, c, d = (1 - fv) * (1 - fu), (1 - fv) * fu, fv * (1 - fu), fv * fu
    share = (
        a * layer[i, j, last] + b * layer[i, j + 1, last]
        + c * layer[i + 1, j, last] + d * layer[i + 1, j + 1, last]
    )  # fmt: skip
    if share <= 0.0:
        return 0.0, 0.0
    colour = (
        a * layer[i, j, channel] + b * layer[i, j + 1, channel]
        + c * layer[i + 1, j, channel] + d * layer[i + 1, j + 1, channel]
    )  # fmt: skip
    return colour, share


@numba.njit(**_PART)
def _move_brows(xs, ys, brow):  # type: ignore[no-untyped-def]
    for column in range(len(xs)):
        dx, dy = (xs[column] - brow[0]) / brow[2], (ys[column] - brow[1]) / brow[3]
        r = dx * dx + dy * dy
        if r < 1.0:
            ys[column] += brow[4] * (1.0 - r) * (1.0 - r)


@numba.njit(**_PART)
def _move_lid(xs, ys, knots, box, iris, lid, eye_x, eye_y, lash, at):  # type: ignore[no-untyped-def]
    for column in range(len(xs)):
        x, y = float(xs[column]), float(ys[column])
        if box[0] < x < box[2] and box[1] < y < box[3]:
            lid[column] = _lid_of(x, y, knots, box[0] - 1.0, iris, at)
            ys[column], eye_x[column], eye_y[column], lash[column] = at[1], at[2], at[3], at[4]


@numba.njit(**_PART)
def _shade(xs, ys, field, box, light):  # type: ignore[no-untyped-def]
    last_row, last_column = field.shape[0] - 1, field.shape[1] - 1
    for column in range(len(xs)):
        v, u = (ys[column] - box[1]) * box[2] - 0.5, (xs[column] - box[0]) * box[2] - 0.5
        if 0.0 <= v < last_row and 0.0 <= u < last_column:
            i, j = _I(v), _I(u)
            fv, fu = _F(v - i), _F(u - j)
            above = field[i, j] + (field[i, j + 1] - field[i, j]) * fu
            below = field[i + 1, j] + (field[i + 1, j + 1] - field[i + 1, j]) * fu
            light[column] = above + (below - above) * fv


@numba.njit(**_PART)
def _keep(values, out):  # type: ignore[no-untyped-def]
    for column in range(len(out)):
        out[column] = np.uint8(_I(values[column] + _F(0.5)))


@numba.njit(**_PART)
def _blend(values, back, shares, out):  # type: ignore[no-untyped-def]
    """A stretch of one row and channel, over the plate."""
    for column in range(len(out)):
        behind = back[column]
        out[column] = np.uint8(_I(behind + (values[column] - behind) * (shares[column] * _F(1 / 255)) + _F(0.5)))


@numba.njit(**_PART)
def _between(low, high, corner, step, a, b):  # type: ignore[no-untyped-def]
    """Of the columns `a` to `b`, those between two places of the frame."""
    first = min(b, max(a, int((low - corner[0]) / step)))
    return first, max(first, min(b, int((high - corner[0]) / step) + 1))


@numba.njit(**_PART)
def _move_face(  # type: ignore[no-untyped-def]
    y_pair, corner, a, b, here, face_box, brows, lip_knots, lips, lip_x0, lip_top, mouth, lid_knots, lid_boxes,
    irises, field, shade_box, at,
):  # fmt: skip
    """One row near the face, columns `a` to `b`: only what may lie in a part's reach is traced through it."""
    xs, ys, inside, mouth_x, mouth_y = here[0], here[1], here[2], here[3], here[4]
    lid, eye_x, eye_y, flat_x, flat_y, lash = here[5], here[6], here[7], here[8], here[9], here[10]
    light = here[_LIGHT]
    margin = face_box[4] + 1.0
    for column in range(a, b):
        lid[column], inside[column], lash[column], light[column] = _F(1.0), _F(0.0), _F(0.0), _F(0.0)
    for n in range(brows.shape[0]):
        if brows[n, 4] != 0.0 and abs(y_pair - brows[n, 1]) < brows[n, 3] + margin:
            _move_brows(xs[a:b], ys[a:b], brows[n])
    for n in range(lid_boxes.shape[0]):
        if lid_boxes[n, 1] - margin < y_pair < lid_boxes[n, 3] + margin:
            c, d = _between(lid_boxes[n, 0] - margin, lid_boxes[n, 2] + margin, corner, 1, a, b)
            for column in range(c, d):
                eye_x[column], eye_y[column] = xs[column], ys[column]
                flat_x[column], flat_y[column] = xs[column], ys[column]
            _move_lid(xs[c:d], ys[c:d], lid_knots[n], lid_boxes[n], irises[n], lid[c:d], eye_x[c:d], eye_y[c:d],
                      lash[c:d], at)  # fmt: skip
    if face_box[5] > 0.0 and y_pair > min(lip_top, mouth[1] - mouth[3]) - margin:
        low = min(lip_x0, mouth[0] - mouth[2]) - margin  # what corners pull reaches beyond what the jaw moves
        high = max(lip_x0 + lip_knots.shape[2], mouth[0] + mouth[2]) + margin
        c, d = _between(low, high, corner, 1, a, b)
        _move_lips(xs[c:d], ys[c:d], lips, lip_knots, lip_x0, lip_top, mouth, inside[c:d], mouth_x[c:d], mouth_y[c:d])
    if field.shape[0] > 0:
        end = shade_box[0] + field.shape[1] / shade_box[2]
        c, d = _between(shade_box[0] - margin, end + margin, corner, 1, a, b)
        _shade(xs[c:d], ys[c:d], field, shade_box, light[c:d])


@numba.njit(**_PART)
def _add_face(  # type: ignore[no-untyped-def]
    y_pair, corner, step, a, b, values, channel, texture, per_px, face_box, mouth, lid_boxes, irises, here, shaded,
    colours, inside_shape, teeth, shut,
):  # fmt: skip
    """Light, lids, eyeballs and the mouth's inside, over what one row near the face shows in one channel."""
    inside, mouth_x, mouth_y, lid, eye_x, eye_y = here[2], here[3], here[4], here[5], here[6], here[7]
    flat_x, flat_y, lash, light = here[8], here[9], here[10], here[_LIGHT]
    margin = face_box[4] + 2.0
    if step == 1 and shaded:
        for column in range(a, b):
            values[column] = min(_F(255.0), max(_F(0.0), values[column] + light[column]))
    for n in range(lid_boxes.shape[0]):
        if lid_boxes[n, 1] - margin < y_pair < lid_boxes[n, 3] + margin:
            c, d = _between(lid_boxes[n, 0] - margin, lid_boxes[n, 2] + margin, corner, step, a, b)
            if irises[n, 6] > 0.0:
                left, top = lid_boxes[n, 0], lid_boxes[n, 1]
                for column in range(c, d):
                    skin, share = _layer(shut[n], flat_x[column] - left, flat_y[column] - top, channel)
                    values[column] += _F((skin - values[column]) * share * irises[n, 6])
            for column in range(c, d):
                if lid[column] < 1.0:
                    eye = _sample(texture, eye_x[column], eye_y[column], per_px, corner)
                    values[column] = _F(eye + (values[column] - eye) * lid[column])
                if lash[column] > 0.0:
                    values[column] += _F((colours[2, channel] - values[column]) * lash[column])
    if face_box[5] > 0.0 and mouth[5] - margin < y_pair < mouth[6] + margin:
        half = inside_shape[1]
        c, d = _between(mouth[0] - half - margin, mouth[0] + half + margin, corner, step, a, b)
        for column in range(c, d):
            if inside[column] > 0.0:
                deep = _inside_of(mouth_x[column], mouth_y[column], colours, inside_shape, teeth, channel, step - 1)
                values[column] += _F((deep - values[column]) * inside[column])


@numba.njit(**_PART)
def _halved(above, below, a, b, out):  # type: ignore[no-untyped-def]
    """Four pixels of luma for each of chroma, `a` to `b`."""
    upper, lower = above[2 * a : 2 * b], below[2 * a : 2 * b]
    part = out[a:b]
    for column in range(b - a):
        i = 2 * column
        part[column] = (upper[i] + upper[i + 1] + lower[i] + lower[i + 1]) * _F(0.25)


@numba.njit(**_PART)
def _put(values, plate, shares, matte, blocks, at, block, fu, fv, taps, runs, begin, end, out):  # type: ignore[no-untyped-def]
    """One row and channel into the frame: what the figure surely covers, and what it shares with the plate. The matte
    is looked up only near its edges, which blocks of it tell for a few pixels at a time."""
    flat = blocks.reshape(-1)
    for run in range(begin, end):
        c, last = runs[run, 0], runs[run, 1]
        if runs[run, 2] == 1:
            _keep(values[c:last], out[c:last])
            continue
        while c < last:
            kind, d = flat[block[c]], c
            while d < last and flat[block[d]] == kind:
                d += CHUNK
            d = min(d, last)
            if kind == 1:
                _keep(values[c:d], out[c:d])
            elif kind == 0:
                _keep(plate[c:d], out[c:d])
            else:
                _sample_row(matte, at[c:d], fu[c:d], fv[c:d], taps[c:d], shares[c:d])
                _blend(values[c:d], plate[c:d], shares[c:d], out[c:d])
            c = d


@numba.njit(**_WHOLE)
def paint(  # type: ignore[no-untyped-def]
    frame, corner, spans, columns, weight, depth, breath, textures, mattes, blocks, plates, runs, run_ends, per_px,
    turn, face_box, brows, lip_knots, lips, lip_x0, lip_top, mouth, lid_knots, lid_boxes, irises, colours, inside_shape,
    teeth, shut, field, shade_box,
):  # fmt: skip
    """Paint the figure into an I420 frame; pixels that it never covers are not touched.

    `textures` to `run_ends`, `colours`, `teeth`, `shut`: of luma, then of chroma. `lips`: how high each pixel from
    (`lip_x0`, `lip_top`) on lay at rest. `field`: added to the face's luma now, if it has rows. `spans`: the figure's
    columns in each two rows. `runs`: (first, end, kind) row by row up to `run_ends[row]`; 2 is blended with the plate.
    `turn` = r00 r01 r02 r10 r11 r12 pivot_x pivot_y pivot_z 0 0 breath_px; `face_box` = left top right bottom, how far
    the head carries it, 1 if lips move.
    """
    width, height = frame.shape[1], frame.shape[0] * 2 // 3
    luma = frame[:height]
    chroma = frame[height:].reshape(2, height // 2, width // 2)
    wide = len(columns)
    here = np.zeros((3, HERE, wide), _F)  # of two rows of luma and one of chroma
    values, shares, fu, fv = np.empty(wide, _F), np.empty(wide, _F), np.empty(wide, _F), np.empty(wide, _F)
    texel, block, taps = np.empty(wide, _U), np.empty(wide, _U), np.empty(wide, _U)
    at = np.empty(5, np.float64)
    margin = face_box[4] + 1.0
    x0, y0 = int(corner[0]), int(corner[1])
    traced = _LIGHT if (irises[:, 6] > 0.0).any() else _EYES_OPEN
    for pair in range(len(spans)):
        first, last = spans[pair, 0], spans[pair, 1]
        if first >= last:
            continue
        y_pair = y0 + 2 * pair + 0.5
        a, b = _between(face_box[0] - margin, face_box[2] + margin, corner, 1, first, last)
        a, b = a - a % 2, b + b % 2
        near = face_box[1] - margin < y_pair < face_box[3] + margin and a < b
        for sub in range(3):
            of, step = sub // 2, 1 + sub // 2
            c, d = first // step, last // step
            row = 2 * pair + sub if step == 1 else pair
            if step == 1:
                _turn_back(columns[c:d], float(y0 + row), weight[row, c:d], depth[row, c:d], breath[row, c:d], turn,
                           here[sub, 0, c:d], here[sub, 1, c:d])  # fmt: skip
                if near:
                    _move_face(y_pair, corner, a, b, here[sub], face_box, brows, lip_knots, lips, lip_x0, lip_top,
                               mouth, lid_knots, lid_boxes, irises, field, shade_box, at)  # fmt: skip
            else:
                for kind in range(traced if near else 2):
                    e, f = (c, d) if kind < 2 else (a // 2, b // 2)
                    _halved(here[0, kind], here[1, kind], e, f, here[2, kind])
            texture, scale = textures[of], per_px / step
            _texels(here[sub, 0, c:d], here[sub, 1, c:d], scale, corner, texture.shape, blocks[of].shape[1], texel[c:d],
                    block[c:d], fu[c:d], fv[c:d])  # fmt: skip
            begin = run_ends[of][row - 1] if row else 0
            for channel in range(len(texture)):
                out = luma[y0 + row, x0 : x0 + wide] if step == 1 else chroma[channel, y0 // 2 + row, x0 // 2 :]
                _sample_row(texture[channel], texel[c:d], fu[c:d], fv[c:d], taps[c:d], values[c:d])
                if near:
                    _add_face(y_pair, corner, step, a // step, b // step, values, channel, texture[channel], scale,
                              face_box, mouth, lid_boxes, irises, here[sub], len(field) > 0, colours[of], inside_shape,
                              teeth[of], shut[of])  # fmt: skip
                _put(values, plates[of][channel, row], shares, mattes[of], blocks[of], texel, block, fu, fv, taps,
                     runs[of], begin, run_ends[of][row], out)  # fmt: skip
