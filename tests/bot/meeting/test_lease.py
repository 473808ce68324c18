"""A bot's lease on its own row: what ends it, and what does not."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from bot.meeting.lease import HEARTBEAT_S, TTL_S, Lease
from bot.store.fence import Fenced
from bot.store.session import DatabaseUnavailable
from tests.bot.clocks import HandClock


def lease_on(answers: Iterable[str | Exception | None], clock: HandClock) -> Lease:
    """Each renewal takes a heartbeat's time and gets the next answer."""
    given = iter(answers)

    async def renew(**_: object) -> str | None:
        clock.advance(HEARTBEAT_S)
        answer = next(given)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return Lease(renew, fenced=Fenced, unreachable=(DatabaseUnavailable,), clock=clock)


async def test_a_bot_whose_renewal_is_refused_is_fenced_at_once_and_gets_its_commands_until_then() -> None:
    clock, commands = HandClock(), list[str]()
    lease = lease_on([None, "leave", None, Fenced()], clock)
    async with asyncio.timeout(5):
        await lease.keep(commands.append)
    assert lease.is_fenced and commands == ["leave"] and clock.monotonic_s() == 4 * HEARTBEAT_S


async def test_a_bot_that_cannot_renew_goes_on_for_as_long_as_its_lease_would_have() -> None:
    clock = HandClock()
    away = [DatabaseUnavailable()] * 4
    lease = lease_on([*away, None, *away, DatabaseUnavailable()], clock)
    async with asyncio.timeout(5):
        await lease.keep(lambda command: None)
    assert lease.is_fenced and clock.monotonic_s() == len([*away, None]) * HEARTBEAT_S + TTL_S
