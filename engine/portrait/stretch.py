"""Where each pixel around the mouth lay at rest, once a frame: columns whose heights are stretched between knots.

A compiled function of its own, kept on disk for this file's state. Knows no picture.
"""

from __future__ import annotations

import numba
import numpy as np

LIP_KNOTS = 7  # top, upper lip, seam above, seam below, lower lip, jaw, bottom
_F = np.float32


@numba.njit(cache=True, fastmath=True, nogil=True, error_model="numpy")
def stretch(knots, top, found):  # type: ignore[no-untyped-def]
    """For each pixel of `found`, which begins at height `top`, how high it lay at rest: between knots evenly, beyond
    them where it is. `knots` (2, LIP_KNOTS, columns): heights in the rest picture, then those of now."""
    columns = knots.shape[2]
    begin, slope, height = np.empty(columns, _F), np.empty(columns, _F), np.empty(columns, _F)
    for row in range(found.shape[0]):
        y = top + row
        for column in range(columns):
            first, last = knots[1, 0, column], knots[1, LIP_KNOTS - 1, column]
            found[row, column] = _F(knots[0, 0, column] - first + min(y, first) + max(0.0, y - last))
    for k in range(LIP_KNOTS - 1):
        if k == 2:  # between the two edges of the seam lies the inside of the mouth
            continue
        for column in range(columns):
            begin[column] = _F(knots[1, k, column])
            slope[column] = _F(1.0 / max(knots[1, k + 1, column] - knots[1, k, column], 1e-3))
            height[column] = _F(knots[0, k + 1, column] - knots[0, k, column])
        for row in range(found.shape[0]):
            for column in range(columns):
                along = (_F(top + row) - begin[column]) * slope[column]
                found[row, column] += height[column] * min(_F(1.0), max(_F(0.0), along))
