"""Diffusion and decoding as a pipeline: how often a block comes, how long one takes, how much of both ran at once.

    ./understudy bench pipeline --tp 2 --decode-device cpu --denoise-ms 400 --decode-ms 320
    ./understudy bench pipeline --checkpoint DIR --device cuda --tp 4 --decode-device cuda:4

With a decoder of its own the period is the longer of both stages; on one device it is their sum, and says so. The way
of one frame through both is their sum in either case. `--denoise-ms` and `--decode-ms` make a stage take no less, which
shows the pipeline where there is no GPU; the report says that they were simulated.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from typing import Any

import numpy as np

from engine.diffusion.group import Group, GroupOptions
from engine.diffusion.group_engine import GroupSession
from engine.diffusion.orders import Done
from tests.benchmarks._report import percentiles, report

LEAD_IN = 4


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="understudy bench pipeline", description=__doc__)
    parser.add_argument("--checkpoint")
    parser.add_argument("--preset", default="tiny")
    parser.add_argument("--tp", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--decode-device", default="cpu", help="same: on the first device, after diffusion")
    parser.add_argument("--path", default="eager")
    parser.add_argument("--blocks", type=int, default=40)
    parser.add_argument("--denoise-ms", type=float, default=0.0, help="simulate: diffusion takes no less")
    parser.add_argument("--decode-ms", type=float, default=0.0, help="simulate: decoding takes no less")
    return parser.parse_args()


async def run(options: argparse.Namespace) -> dict[str, Any]:
    group = Group(
        GroupOptions(
            tp=options.tp,
            device=options.device,
            decode_device=options.decode_device,
            checkpoint=options.checkpoint,
            preset=options.preset,
            path=options.path,
            denoise_at_least_s=options.denoise_ms / 1e3,
            decode_at_least_s=options.decode_ms / 1e3,
        )
    )
    await group.start()
    try:
        return await measured(group, options.blocks)
    finally:
        await group.aclose()


async def measured(group: Group, blocks: int) -> dict[str, Any]:
    checkpoint = group.checkpoint
    still = np.zeros((1, 3, 1, checkpoint.height_px, checkpoint.width_px), np.float32)
    session = GroupSession(group, await group.open(still, 0), keep_time=False)
    await session.begin()
    taken_s = []
    for _ in range(LEAD_IN + blocks):
        await session.next_block()
        taken_s.append(time.monotonic())
    denoised = list(group.ranks[0].stages["DenoiseTogether"])
    decoded = list(group.ranks[group.layout.decoder].stages["Decode"])
    await session.aclose()
    apart, per_block = group.layout.decode_apart, checkpoint.block_latents
    waits = [1e3 * (later - earlier) for earlier, later in zip(taken_s[LEAD_IN - 1 :], taken_s[LEAD_IN:], strict=False)]
    stages = {
        "diffusion of a block": percentiles([1e3 * done.busy_s for done in denoised[LEAD_IN:]]),
        "clean pass after a block": percentiles([1e3 * done.before_s for done in denoised[LEAD_IN:]]),
        "decoding of four frames": percentiles([1e3 * done.busy_s for done in decoded[LEAD_IN:]]),
    }
    longest = {name: figures["p50"] for name, figures in stages.items()}
    diffusion = (longest["diffusion of a block"] + longest["clean pass after a block"]) / per_block
    decoding = longest["decoding of four frames"]
    return {
        "devices": 2 if apart else 1,
        "stages_ms": stages,
        "period_ms": percentiles(waits),
        "longest_stage_ms": round(max(diffusion, decoding), 3),
        "sum_of_stages_ms": round(diffusion + decoding, 3),
        "period_follows": "the longer stage" if apart else "the sum of both",
        "latency_of_one_frame_ms": percentiles(latencies_ms(denoised, decoded, per_block)),
        "overlap": round(overlap(denoised[LEAD_IN:], decoded[LEAD_IN:]), 3),
    }


def latencies_ms(denoised: list[Done], decoded: list[Done], per_block: int) -> list[float]:
    """From the beginning of a block's diffusion to its frames. The first decoding is the still's."""
    ways = [
        1e3 * (done.ended_s - denoised[number // per_block].began_s)
        for number, done in enumerate(decoded)
        if number // per_block < len(denoised)
    ]
    return ways[LEAD_IN:]


def overlap(denoised: list[Done], decoded: list[Done]) -> float:
    """The share of decoding during which the next latents were made."""
    together = sum(
        max(0.0, min(one.ended_s, other.ended_s) - max(one.began_s, other.began_s))
        for one in denoised
        for other in decoded
    )
    return together / sum(done.busy_s for done in decoded)


def main() -> int:
    options = arguments()
    figures = asyncio.run(run(options))
    simulated = bool(options.denoise_ms or options.decode_ms)
    report("pipeline", {**vars(options), "stage_times": "simulated" if simulated else "measured"}, figures)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
