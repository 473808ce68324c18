"""One direction of one LSTM layer over a sequence, compiled. Knows no model.

The steps of a sequence come one after the other, each a matrix times one vector: PyTorch spends most of a segmentation
there. Here a step's four gates are one pass over the weights, eight rows at a time, and the activations are a rational
function without branches, so that the compiler works on many at once. Equal to PyTorch's within 1e-6.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

ROWS = 8  # of weights in one pass: a hidden size is a multiple of it
_FAST: dict[str, Any] = {"fastmath": True, "error_model": "numpy"}  # nothing here divides by zero
_F = np.float32
_HALF, _ONE = _F(0.5), _F(1.0)
_FLAT = _F(8.0)  # from there on, tanh is 1 within 3e-7
# tanh(x) for |x| <= 8 as x P(x^2) / Q(x^2), fitted to the least greatest error: 6e-9, 3e-7 in single precision.
_P0, _P1, _P2, _P3, _P4 = map(_F, (0.99999997, 0.134381892, 3.56415382e-3, 2.17732078e-5, 1.50617570e-8))
_Q1, _Q2, _Q3, _Q4 = map(_F, (0.4677151, 2.61360069e-2, 3.39917561e-4, 8.45364023e-7))


@numba.njit(**_FAST)
def _tanh(values):  # type: ignore[no-untyped-def]
    """In place."""
    for at in range(len(values)):
        x = values[at]
        x = _FLAT if x > _FLAT else x
        x = -_FLAT if x < -_FLAT else x
        s = x * x
        over = _P0 + s * (_P1 + s * (_P2 + s * (_P3 + s * _P4)))
        values[at] = x * over / (_ONE + s * (_Q1 + s * (_Q2 + s * (_Q3 + s * _Q4))))


@numba.njit(**_FAST)
def run_direction(given, weights, backwards, out):  # type: ignore[no-untyped-def]
    """`given`: steps x 4 hidden, what the inputs and biases give each gate (input, forget, cell, output as PyTorch has
    them). `weights`: hidden x 4 hidden, of the last output. `out`: steps x hidden, is written. All float32."""
    steps, size = out.shape
    hidden, cell = np.zeros(size, np.float32), np.zeros(size, np.float32)
    gates = np.empty(4 * size, np.float32)
    for number in range(steps):
        step = steps - 1 - number if backwards else number
        for at in range(4 * size):
            gates[at] = given[step, at]
        for row in range(0, size, ROWS):
            a, b, c, d = hidden[row], hidden[row + 1], hidden[row + 2], hidden[row + 3]
            e, f, g, h = hidden[row + 4], hidden[row + 5], hidden[row + 6], hidden[row + 7]
            for at in range(4 * size):
                gates[at] += (
                    a * weights[row, at] + b * weights[row + 1, at] + c * weights[row + 2, at]
                    + d * weights[row + 3, at] + e * weights[row + 4, at] + f * weights[row + 5, at]
                    + g * weights[row + 6, at] + h * weights[row + 7, at]
                )  # fmt: skip
        for at in range(4 * size):  # sigmoid(x) is (1 + tanh(x / 2)) / 2, and the cell's gate is tanh itself
            gates[at] *= _ONE if 2 * size <= at < 3 * size else _HALF
        _tanh(gates)
        for at in range(size):
            forget, taken = _ONE + gates[size + at], _ONE + gates[at]
            cell[at] = _HALF * (forget * cell[at] + taken * gates[2 * size + at])
            hidden[at] = cell[at]
        _tanh(hidden)
        for at in range(size):
            hidden[at] *= _HALF * (_ONE + gates[3 * size + at])
            out[step, at] = hidden[at]


def direction(given: NDArray[np.float32], weights: NDArray[np.float32], *, backwards: bool) -> NDArray[np.float32]:
    """See `run_direction`; steps x hidden."""
    out = np.empty((len(given), len(weights)), np.float32)
    run_direction(given, weights, backwards, out)
    return out
