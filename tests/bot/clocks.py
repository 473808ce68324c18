"""A clock that stands where it is put, an event loop whose waiting takes no time, and waiting for real parts with a
deadline."""

from __future__ import annotations

import asyncio
import inspect
import selectors
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


class _Hurried(selectors.DefaultSelector):
    """Where nothing happens for so long, so long has passed at once."""

    def __init__(self) -> None:
        super().__init__()
        self.skips, self.skipped_s = True, 0.0

    def select(self, timeout: float | None = None) -> Any:
        if not self.skips or timeout is None or timeout <= 0:
            return super().select(timeout)
        self.skipped_s += timeout
        return super().select(0)


class HurriedLoop(asyncio.SelectorEventLoop):
    """An event loop that sleeps no time, and says how much has passed. For parts that wait for real threads, `skips`
    is set to False: from there on it waits as any loop does."""

    def __init__(self) -> None:
        self._hurried = _Hurried()
        super().__init__(self._hurried)
        self._start_s = super().time()

    def time(self) -> float:
        return self._hurried.skipped_s + (0.0 if self._hurried.skips else super().time() - self._start_s)

    def skip(self, skips: bool) -> None:
        if not skips:
            self._start_s = super().time()
        self._hurried.skips = skips


class LoopClock:
    """The time of the running loop, which began at NOW."""

    def monotonic_s(self) -> float:
        return asyncio.get_running_loop().time()

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.monotonic_s())

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


async def until(holds: Callable[[], Any], timeout_s: float = 20.0) -> None:
    """Poll a real part until `holds()` (or what it awaits to) is true. Raises TimeoutError."""
    async with asyncio.timeout(timeout_s):
        while True:
            held = holds()
            if await held if inspect.isawaitable(held) else held:
                return
            await asyncio.sleep(0.02)
