"""A process that ends with the one that started it. Linux only (prctl(2)); knows nothing of what either does."""

from __future__ import annotations

import ctypes

PR_SET_PDEATHSIG = 1
_PRCTL = ctypes.CDLL(None).prctl  # found beforehand: it is also called between fork and exec, where little may be done


def be_told_of_its_end(number: int) -> None:
    """This process gets the signal when its parent ends; not where it has ended before."""
    _PRCTL(PR_SET_PDEATHSIG, number)
