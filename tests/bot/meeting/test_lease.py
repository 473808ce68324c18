"""A bot's lease on its own row: what ends it, and what does not."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest

from bot.meeting.lease import HEARTBEAT_S, TTL_S, Lease
from bot.store.fence import Fenced
from bot.store.session import DatabaseUnavailable
from tests.bot.clocks import HandClock, HurriedLoop, LoopClock


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
    lease = lease_on([*away, None, *away, None], clock)
    async with asyncio.timeout(5):
        await lease.keep(lambda command: None)
    assert lease.is_fenced and clock.monotonic_s() == len(away) * HEARTBEAT_S + TTL_S, "it counts from the question"


def test_a_bot_whose_renewals_hang_leaves_when_its_lease_runs_out_and_no_later() -> None:
    clock, asked_s = LoopClock(), list[float]()

    async def renew(**_: object) -> str | None:
        asked_s.append(clock.monotonic_s())
        if len(asked_s) > 1:
            await asyncio.Event().wait()
        return None

    async def keep() -> tuple[bool, float]:
        lease = Lease(renew, fenced=Fenced, unreachable=(DatabaseUnavailable,), clock=clock)
        await lease.keep(lambda command: None)
        return lease.is_fenced, clock.monotonic_s()

    with asyncio.Runner(loop_factory=HurriedLoop) as runner:
        fenced, at_s = runner.run(keep())
    assert fenced and at_s == pytest.approx(TTL_S) and asked_s == pytest.approx([0.0, 3.0, 13.5])
