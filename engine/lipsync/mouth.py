"""The one form every source of mouth motion gives: seven numbers per frame. Knows no sound and no picture."""

from __future__ import annotations

from typing import NamedTuple


class Mouth(NamedTuple):
    """A mouth's shape; all zero is closed and at rest. Lengths are fractions of the mouth's width at rest."""

    open: float = 0.0  # how far the jaw parts the lips
    wide: float = 0.0  # corners apart (> 0) or together (< 0)
    pucker: float = 0.0  # 0..1 lips pushed forward
    press: float = 0.0  # 0..1 lips pressed on each other
    upper: float = 0.0  # upper lip raised
    tuck: float = 0.0  # lower lip under the upper teeth
    tongue: float = 0.0  # 0..1 tongue raised


REST = Mouth()
