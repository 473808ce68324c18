"""Keeps the interpreter from standing still in the middle of a sentence. Knows nothing of meetings."""

from __future__ import annotations

import gc
import sys

SWITCH_S = 0.001


def keep_pauses_short() -> None:
    """Called once, when what lives as long as the meeting has been made; takes about a tenth of a second.

    A full collection of the objects of our libraries stands for 60 to 100 ms, so they are taken out of its sight
    (`gc.freeze`). And a thread that computes gives way after 1 ms instead of 5: the event loop, which waits for it once
    after every call that lets others run, is that much less late with each step of a turn.
    """
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(SWITCH_S)
