"""Waiting, ready, for the time to join. The time may be moved meanwhile: nearer, further, or so far that the bot is to
stand down. Knows a clock, and whom to ask.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

from bot.clock import Clock
from bot.domain.join_time import FAR

LOOK_S = 2.0  # between two looks whether the time was moved


async def until_time(join_at: datetime, ask: Callable[[], Awaitable[datetime]], clock: Clock) -> bool:
    """True once it is time to join. False: the time is far away now, so the bot is to be sent anew."""
    while True:
        left_s = (join_at - clock.now()).total_seconds()
        if left_s <= 0:
            return True
        if left_s > FAR.total_seconds():
            return False
        await clock.sleep(min(left_s, LOOK_S))
        if left_s > LOOK_S:
            join_at = await ask()
