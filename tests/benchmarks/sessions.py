"""How many sessions one engine group serves at their own rate, batched: one more until the slowest hundredth of blocks
comes later than it is played. What `engine serve --sessions auto` finds at its start.

    ./understudy bench sessions --preset tiny --most 6
    ./understudy bench sessions --checkpoint DIR --device cuda --decode-device cuda:1
"""

from __future__ import annotations

import argparse
import asyncio
from typing import Any

from engine.diffusion.capacity import SPARE, capacity, measure
from engine.diffusion.group import GroupOptions
from engine.diffusion.group_engine import GroupEngine
from tests.benchmarks._report import percentiles, report


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="understudy bench sessions", description=__doc__)
    parser.add_argument("--checkpoint")
    parser.add_argument("--preset", default="tiny")
    parser.add_argument("--tp", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--decode-device", default="same")
    parser.add_argument("--path", default="eager")
    parser.add_argument("--most", type=int, default=8)
    return parser.parse_args()


async def run(options: argparse.Namespace) -> dict[str, Any]:
    made = GroupOptions(
        tp=options.tp,
        device=options.device,
        decode_device=options.decode_device,
        checkpoint=options.checkpoint,
        preset=options.preset,
        path=options.path,
        most_together=options.most,
    )
    async with GroupEngine(made) as engine:
        loads = await measure(await engine.ready(), options.most)
    rows = [
        {
            "sessions": load.sessions,
            "block_ms": percentiles([1e3 * wait for wait in load.waits_s]),
            "keeps_up": load.keeps_up,
        }
        for load in loads
    ]
    return {"sessions": capacity(loads), "budget_ms": round(1e3 * SPARE * loads[0].block_s, 1), "loads": rows}


def main() -> int:
    options = arguments()
    report("sessions", vars(options), asyncio.run(run(options)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
