"""A clock that stands where it is put, and waiting for real parts with a deadline."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from tests.bot.stores import NOW


class HandClock:
    """Sleeping only lets others run; time passes by `advance`."""

    def __init__(self, at: datetime = NOW) -> None:
        self._at = at

    def monotonic_s(self) -> float:
        return (self._at - NOW).total_seconds()

    def now(self) -> datetime:
        return self._at

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)

    def advance(self, seconds: float) -> None:
        self._at += timedelta(seconds=seconds)


async def until(holds: Callable[[], Any], timeout_s: float = 20.0) -> None:
    """Poll a real part until `holds()` (or what it awaits to) is true. Raises TimeoutError."""
    async with asyncio.timeout(timeout_s):
        while True:
            held = holds()
            if await held if inspect.isawaitable(held) else held:
                return
            await asyncio.sleep(0.02)
