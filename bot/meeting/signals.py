"""Being asked to end, from the first moment of the process on. Light: it is imported before anything else.

A signal that comes while the process still imports its parts would end it without a word in the bot's record. It is
blocked until the bot can act on it, and then delivered (pthread_sigmask(3)).
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

KILLING = signal.SIGUSR1  # the kill switch: a wish of its own, so that no killed bot is taken for one of a stopped host
ENDING = frozenset({signal.SIGTERM, signal.SIGINT, KILLING})


def listen(ended: Callable[[], None], killed: Callable[[], None]) -> None:
    """From now on one of these is called in the running loop, also for what has come before."""
    loop = asyncio.get_running_loop()
    for number in ENDING:
        loop.add_signal_handler(number, killed if number == KILLING else ended)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
