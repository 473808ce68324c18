"""Says the lines that users ask for, one after the other. Knows neither where they come from nor how they are said."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from bot.clock import Clock
from bot.log import get_log
from bot.store.fence import Fenced
from bot.store.session import DatabaseUnavailable

log = get_log(__name__)

LOOK_S = 1.0


async def say_what_is_asked(
    next_line: Callable[[], Awaitable[str | None]], say: Callable[[str], Awaitable[None]], clock: Clock
) -> None:
    """Until cancelled; or fenced, which the lease finds out too and acts on."""
    while True:
        try:
            line = await next_line()
        except Fenced:
            return
        except (DatabaseUnavailable, OSError) as error:
            log.warning("lines to say could not be read", error=type(error).__name__)
            line = None
        if line is None:
            await clock.sleep(LOOK_S)
        else:
            await say(line)
