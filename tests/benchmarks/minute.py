"""Real bots that are all due at one minute, on this machine: as many as the host may run are there at a time, the next
come as soon as one has left, and how late each of them was is told. A whole installation, meetings on the simulator.

`./understudy bench minute [COUNT] [--at-once N] [--stay S]`; `late_s` is from the join time until a bot knocks, as its
own event tells it, `in_call_s` until it is in. Exit code 1 when one did not join exactly once, or came too early.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any

from bot.config import Settings
from bot.domain.join_time import JOIN_WINDOW, LEAD
from bot.domain.lifecycle import RUNNING, TERMINAL, BotState, Command
from bot.store.bots import BotEvent
from connectors.simulator import Policy
from tests.benchmarks._report import percentiles, report
from tests.journeys.whole_stage import WholeStage, whole_stage

COUNT = 20
STAY_S = 5.0
AHEAD_S = LEAD.total_seconds() + 15.0  # every bot is made before the first is launched
LOOK_S = 0.2
GIVE_UP_S = JOIN_WINDOW.total_seconds() + 120.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Came:
    """How it went for one bot, as its events tell."""

    knocks: int
    late_s: float | None  # of the first knock
    in_call_s: float | None
    claims: int  # more than one: there was no room for it when it was its turn
    from_s: float | None  # its processes ran from then until then
    to_s: float | None
    end: str


def came(events: Sequence[BotEvent], join_at: datetime) -> Came:
    moves = [event for event in events if event.kind == "state"]

    def times(*states: BotState) -> list[float]:
        return [round((move.at - join_at).total_seconds(), 3) for move in moves if move.state in states]

    knocks = [move.data["late_s"] for move in moves if move.state is BotState.JOINING]
    ran, over = times(*RUNNING), times(*TERMINAL)
    return Came(
        knocks=len(knocks),
        late_s=min(knocks, default=None),
        in_call_s=min(times(BotState.IN_CALL), default=None),
        claims=len(times(BotState.CLAIMED)),
        from_s=min(ran, default=None),
        to_s=max(over, default=None),
        end=f"{moves[-1].state}:{moves[-1].code}",
    )


def at_once(rows: Sequence[Came]) -> int:
    """The most that had processes at one time; one that ends makes room for one that begins."""
    spans = [(row.from_s, row.to_s) for row in rows if row.from_s is not None and row.to_s is not None]
    steps = sorted([(begin_s, 1) for begin_s, _ in spans] + [(end_s, -1) for _, end_s in spans])
    return max(accumulate(step for _, step in steps), default=0)


def troubles(rows: Sequence[Came], *, most: int) -> list[str]:
    """What is not as promised, in words."""
    window_s = JOIN_WINDOW.total_seconds()
    found = [f"bot {number} ended as {row.end}" for number, row in enumerate(rows) if row.end != "ended:asked_by_user"]
    found += [f"bot {number} knocked {row.knocks} times" for number, row in enumerate(rows) if row.knocks != 1]
    late = [(number, row.late_s) for number, row in enumerate(rows) if row.late_s is not None]
    found += [f"bot {number} knocked {late_s} s late" for number, late_s in late if not 0 <= late_s <= window_s]
    return found + ([f"{at_once(rows)} at once, not {most}"] if at_once(rows) > most else [])


async def until_all_are_over(stage: WholeStage, bot_ids: Sequence[str], stay_s: float) -> None:
    """Each is asked to leave when it has been in its meeting for a while."""
    asked: set[str] = set()
    async with asyncio.timeout(AHEAD_S + GIVE_UP_S):
        while not all([(await stage.bot(bot_id)).state in TERMINAL for bot_id in bot_ids]):
            for bot_id in set(bot_ids) - asked:
                bot = await stage.bot(bot_id)
                stayed = bot.joined_at is not None and datetime.now(UTC) >= bot.joined_at + timedelta(seconds=stay_s)
                if stayed and bot.state is BotState.IN_CALL:
                    asked.add(bot_id)
                    await stage.ask(bot_id, Command.LEAVE)
            await asyncio.sleep(LOOK_S)


async def play(count: int, *, most: int, stay_s: float = STAY_S) -> list[Came]:
    """One minute's bots, from being made until the last is gone."""
    settings = replace(Settings(), max_bots=most, camera_path="file")
    async with whole_stage(settings) as stage:
        await stage.serving()
        join_at = datetime.now(UTC) + timedelta(seconds=AHEAD_S)
        rooms = [stage.simulator.create_meeting(Policy(lobby=False)) for _ in range(count)]
        bot_ids = [await stage.send_bot(room, join_at=join_at) for room in rooms]
        await until_all_are_over(stage, bot_ids, stay_s)
        return [came(await stage.events(bot_id), join_at) for bot_id in bot_ids]


def main() -> int:
    parser = argparse.ArgumentParser(prog="understudy bench minute", description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=COUNT)
    parser.add_argument("--at-once", type=int, default=Settings().max_bots, metavar="N")
    parser.add_argument("--stay", type=float, default=STAY_S, metavar="SECONDS")
    args = parser.parse_args()
    rows = asyncio.run(play(args.count, most=args.at_once, stay_s=args.stay))
    wrong = troubles(rows, most=args.at_once)
    figures: dict[str, Any] = {"bots": [asdict(row) for row in rows], "at_once": at_once(rows), "wrong": wrong}
    for name in ("late_s", "in_call_s"):
        known = [value for row in rows if (value := getattr(row, name)) is not None]
        figures |= {name: percentiles(known)} if known else {}
    report("minute", {"bots": args.count, "at_once": args.at_once, "stay_s": args.stay}, figures)
    return int(bool(wrong))


if __name__ == "__main__":
    raise SystemExit(main())
