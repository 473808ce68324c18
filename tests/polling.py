"""Waiting for real processes: the only place in the tests that sleeps, and never longer than a deadline."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

POLL_S = 0.02


def until_true(ask: Callable[[], object], deadline_s: float) -> None:
    """Returns when `ask()` is true. Raises TimeoutError naming the question when it is not within `deadline_s`."""
    end_s = time.monotonic() + deadline_s
    while not ask():
        if time.monotonic() > end_s:
            raise TimeoutError(f"not true within {deadline_s:g} s: {ask}")
        time.sleep(POLL_S)


async def eventually(ask: Callable[[], object], deadline_s: float = 10.0, *, every_s: float = POLL_S) -> None:
    """The same beside a running event loop; `every_s` where asking is work."""
    end_s = time.monotonic() + deadline_s
    while not ask():
        if time.monotonic() > end_s:
            raise TimeoutError(f"not true within {deadline_s:g} s: {ask}")
        await asyncio.sleep(every_s)
