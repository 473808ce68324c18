"""What a stay adds to the counters, whichever way it ends."""

from __future__ import annotations

import asyncio

from bot.clock import Clock
from bot.meeting.tally import COUNT_S, Tally
from tests.bot.clocks import HandClock, HurriedLoop, LoopClock, until


def tally(totals: dict[tuple[str, ...], float], clock: Clock) -> tuple[Tally, list[tuple[object, ...]]]:
    handed_on: list[tuple[object, ...]] = []
    one = Tally(lambda *seen: handed_on.append(seen), clock)
    one.watch(lambda: totals)
    return one, handed_on


def test_only_what_has_grown_is_handed_on_and_each_time_once() -> None:
    totals = {("frames", "shown"): 24.0, ("frames", "dropped"): 0.0, ("audio_dropped_seconds",): 0.5}
    one, handed_on = tally(totals, HandClock())
    one.count()
    one.count()
    assert handed_on == [("frames", 24.0, "shown"), ("audio_dropped_seconds", 0.5)]
    totals["frames", "shown"] = 30.0
    totals["page_rules", "meet:tile"] = 1.0
    one.count()
    assert handed_on[2:] == [("frames", 6.0, "shown"), ("page_rules", 1.0, "meet:tile")]


def test_a_bot_that_is_killed_leaves_no_more_than_half_a_minute_uncounted() -> None:
    totals = {("frames", "shown"): 24.0}
    one, handed_on = tally(totals, LoopClock())

    async def two_looks() -> None:
        async with asyncio.TaskGroup() as group:
            keeping = group.create_task(one.keep())
            await until(lambda: handed_on, COUNT_S + 1)
            totals["frames", "shown"] = 744.0
            await until(lambda: handed_on[1:], COUNT_S + 1)
            keeping.cancel()

    with asyncio.Runner(loop_factory=HurriedLoop) as runner:
        runner.run(two_looks())
    assert handed_on == [("frames", 24.0, "shown"), ("frames", 720.0, "shown")]
