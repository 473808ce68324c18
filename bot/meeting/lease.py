"""The bot's lease on its own row: renewed by heartbeats, carrying commands back. Knows the store, no meeting.

A bot whose renewal is refused is fenced: another process owns the bot, so this one writes nothing more and leaves.
A bot that cannot reach the database goes on until its lease would have run out, then behaves as fenced.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable

from bot.clock import Clock
from bot.log import get_log

log = get_log(__name__)

HEARTBEAT_S = 3.0
TTL_S = 15.0  # five missed beats; with the reaper's own period a dead bot is found in under 30 s

Renew = Callable[..., Awaitable[str | None]]


class Lease:
    """`renew` is the store's: renew(pid=..., now=..., ttl_s=...) -> command or None; it raises `fenced` (a class)."""

    def __init__(
        self, renew: Renew, *, fenced: type[Exception], unreachable: tuple[type[Exception], ...], clock: Clock
    ):
        self._renew, self._fenced, self._clock = renew, fenced, clock
        self._unreachable: tuple[type[Exception], ...] = (TimeoutError, *unreachable)
        self.is_fenced = False

    async def keep(self, on_command: Callable[[str], None]) -> None:
        """Renew until cancelled; returns when fenced. `on_command` gets "leave" or "kill", possibly more than once."""
        until_s = self._clock.monotonic_s() + TTL_S
        while (left_s := until_s - self._clock.monotonic_s()) > 0:
            asked_s = self._clock.monotonic_s()
            try:
                async with asyncio.timeout(min(TTL_S / 2, left_s)):
                    command = await self._renew(pid=os.getpid(), now=self._clock.now(), ttl_s=TTL_S)
                until_s = asked_s + TTL_S  # what the row says counts from the question, not from the answer
                if command is not None:
                    on_command(str(command))
            except self._fenced:
                log.warning("the lease belongs to another process")
                break
            except self._unreachable as error:
                left_s = until_s - self._clock.monotonic_s()
                log.warning("the lease could not be renewed", error=type(error).__name__, left_s=round(left_s, 1))
            await self._clock.sleep(max(0.0, min(HEARTBEAT_S, until_s - self._clock.monotonic_s())))
        else:
            log.warning("the lease has run out")
        self.is_fenced = True
