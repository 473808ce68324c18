"""Being asked to end, from the first moment of the process on. Light: it is imported before anything else.

A signal that comes while the process still imports its parts would end it without a word in the bot's record. It is
blocked until the bot can act on it, and then delivered (pthread_sigmask(3)).
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

ENDING = frozenset({signal.SIGTERM, signal.SIGINT})


def listen(ended: Callable[[], None]) -> None:
    """From now on `ended` is called in the running loop, also for what has come before."""
    loop = asyncio.get_running_loop()
    for number in ENDING:
        loop.add_signal_handler(number, ended)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
