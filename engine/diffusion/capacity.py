"""How many sessions a group serves at their own rate, found by serving them. Knows a group's engine, no socket."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.api import FRAMES_PER_BLOCK
from engine.diffusion.group import Group
from engine.diffusion.group_engine import GroupSession

BLOCKS = 24
LEAD_IN = 4  # blocks before the measurement: the sessions' first ones come one by one
SPARE = 0.85  # of a block's playing time may be used: speech and replies cost a block made twice now and then


@dataclass(frozen=True, kw_only=True, slots=True)
class Load:
    """What each of `sessions` sessions waited for a block, as fast as the group could."""

    sessions: int
    waits_s: tuple[float, ...]
    block_s: float  # how long a block plays

    @property
    def p99_s(self) -> float:
        return float(np.percentile(self.waits_s, 99))

    @property
    def keeps_up(self) -> bool:
        return self.p99_s <= SPARE * self.block_s


async def serve(group: Group, sessions: int, *, blocks: int = BLOCKS) -> Load:
    """Raises EngineDied."""
    checkpoint = group.checkpoint
    still: NDArray[np.float32] = np.zeros((1, 3, 1, checkpoint.height_px, checkpoint.width_px), np.float32)
    opened = [GroupSession(group, await group.open(still, number), keep_time=False) for number in range(sessions)]
    try:
        for session in opened:
            await session.begin()
        waits = await asyncio.gather(*(_waits(session, blocks) for session in opened))
    finally:
        for session in opened:
            await session.aclose()
    return Load(
        sessions=sessions,
        waits_s=tuple(wait for of_one in waits for wait in of_one),
        block_s=FRAMES_PER_BLOCK / checkpoint.fps,
    )


async def _waits(session: GroupSession, blocks: int) -> list[float]:
    waits = []
    for _ in range(LEAD_IN + blocks):
        asked_s = time.monotonic()
        await session.next_block()
        waits.append(time.monotonic() - asked_s)
    return waits[LEAD_IN:]


async def measure(group: Group, most: int) -> list[Load]:
    """One session, two, and so on until they do not keep up any more, or there are `most`."""
    loads = []
    for sessions in range(1, most + 1):
        loads.append(await serve(group, sessions))
        if not loads[-1].keeps_up:
            break
    return loads


def capacity(loads: list[Load]) -> int:
    """The most sessions that kept up; 0 where one alone is too slow."""
    return max((load.sessions for load in loads if load.keeps_up), default=0)
