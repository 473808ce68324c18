"""What a block of the diffusion engine costs, stage by stage, on random weights of any preset's shape.

python -m tests.benchmarks.diffusion --config tiny --device cpu --path eager
python -m tests.benchmarks.diffusion --config livetalk-1.3b --device cuda --path graph --out tests/benchmarks/results

python -m tests.benchmarks.diffusion --matrix --device cuda --out tests/benchmarks/results

Every stage in ms (median and p99), TFLOP/s, and its floor: its FLOP at the dense matrix speed measured on this device
in the same run. `--set window_latents=9` changes any number of the preset, `--shard 4` measures one of four shards.
`--matrix` measures all that is asked of the engine, in one file that grows by a row at a time; `--only 720p` those rows
whose name says so. Times on a GPU are CUDA events'; that of the first frames is the host's, which has them in hand.
"""

from __future__ import annotations

import argparse
import gc
import json
import re
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from engine.api import EngineError
from engine.diffusion import estimate
from engine.diffusion.config import PRESETS, CachePolicy, Checkpoint
from tests.benchmarks._diffusion_matrix import (
    COLD,
    CPU_ROWS,
    DECODING,
    DIFFUSION,
    GPU_ROWS,
    HEARING,
    RUNNING,
    SERIES,
    Row,
    measured,
)
from tests.benchmarks._diffusion_shard import modelled_sums_ms, shard_bundle
from tests.benchmarks._report import commit, machine, percentiles, report

NAME = "diffusion"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="understudy bench diffusion")
    parser.add_argument("--config", default="tiny", choices=sorted(PRESETS))
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--path", default="eager", choices=("eager", "compile", "graph", "compiled-graph"))
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), help="bfloat16 on a GPU, else float32")
    parser.add_argument("--iterations", type=int, default=50, help="blocks measured, after the window has filled")
    parser.add_argument("--set", action="append", default=[], metavar="FIELD=NUMBER", help="change the preset")
    parser.add_argument("--attention", default="auto", help="auto, sdpa, or an installed kernel: flash3, flash2, sage")
    parser.add_argument(
        "--shard", type=int, default=1, metavar="WAYS", help="layer shapes of one tensor-parallel shard"
    )
    parser.add_argument("--matrix", action="store_true", help="all shapes that are asked for, tiny ones on a CPU")
    parser.add_argument("--only", default="", metavar="WORDS", help="of the matrix, rows whose name has these words")
    parser.add_argument("--out", type=Path, help="folder the JSON is written to as well")
    return parser.parse_args()


def changed(checkpoint: Checkpoint, settings: list[str]) -> Checkpoint:
    """The preset with every `--set` applied at once; `steps` is the schedule's, `layers` the transformer's, `clean`
    whether there is a clean pass. Raises EngineError for what cannot be set."""
    try:
        numbers = {name: int(number) for name, _, number in (setting.partition("=") for setting in settings)}
        trunk = replace(checkpoint.trunk, layers=numbers.pop("layers", checkpoint.trunk.layers))
        schedule = replace(checkpoint.schedule, steps=numbers.pop("steps", checkpoint.schedule.steps))
        cache = {0: CachePolicy.PER_TIMESTEP, 1: CachePolicy.CLEAN}.get(numbers.pop("clean", -1), checkpoint.cache)
        return replace(checkpoint, trunk=trunk, schedule=schedule, cache=cache, **numbers)
    except (TypeError, ValueError) as error:
        raise EngineError(f"--set {' '.join(settings)}: {error}") from error


class Stages:
    """Times of named pieces of work, each by itself, waiting for the device on both sides."""

    def __init__(self, device: Any) -> None:
        self.device = device
        self.times_ms: dict[str, list[float]] = {}

    def measure(self, name: str, work: Callable[[], Any], *, in_hand: bool = False) -> Any:
        """`in_hand`: until the host has the result, whatever the device still does for later."""
        import torch

        if in_hand or self.device.type != "cuda":
            if self.device.type == "cuda":
                torch.cuda.synchronize(self.device)
            began = time.perf_counter()
            result = work()
            self.times_ms.setdefault(name, []).append(1e3 * (time.perf_counter() - began))
            return result
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        result = work()
        end.record()
        end.synchronize()
        self.times_ms.setdefault(name, []).append(start.elapsed_time(end))
        return result


def run(options: argparse.Namespace) -> dict[str, Any]:
    import torch

    from engine.diffusion.inspect import matrix_flops_per_s
    from engine.diffusion.weights import require_memory

    device = torch.device(options.device)
    dtype = getattr(torch, options.dtype or ("bfloat16" if device.type == "cuda" else "float32"))
    checkpoint = changed(PRESETS[options.config], options.set)
    require_memory(checkpoint, device, torch.finfo(dtype).bits // 8)
    if device.type == "cuda":
        torch.cuda.set_device(device.index or 0)  # whose stream the events are recorded on
    flops_per_s = matrix_flops_per_s(device, dtype)
    stages = Stages(device)
    with torch.inference_mode():
        stream = opened(options, checkpoint, dtype, stages)
        for _ in range(2 if device.type == "cpu" else 10):
            first_frames(stream, stages)
        stream.fill()
        for _ in range(options.iterations):
            one_block(stream, stages)
        for _ in range(options.iterations):
            stages.measure("four frames, whole path", lambda: (stream.settle(), stream.next_block()))
    memory = {"peak_bytes": torch.cuda.max_memory_allocated(device)} if device.type == "cuda" else {}
    told = figures(checkpoint, stages, flops_per_s, torch.finfo(dtype).bits // 8, options.shard)
    return told | {"attention": stream.denoiser.attention} | memory | gpu_name(device)


def opened(options: argparse.Namespace, checkpoint: Checkpoint, dtype: Any, stages: Stages) -> Any:
    import torch

    from engine.diffusion.bundle import random_bundle
    from engine.diffusion.graphs import Path as RunPath
    from engine.diffusion.graphs import compile_blocks
    from engine.diffusion.stream import FaceStream

    path = RunPath(options.path)
    bundle = random_bundle(checkpoint, dtype=dtype, device=options.device)
    if options.shard > 1:
        bundle = shard_bundle(bundle, options.shard)
    if path.compiled:
        compile_blocks(bundle.trunk)
    if bundle.device.type == "cuda":  # drawing random weights takes more than a session does
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(bundle.device)
    still = torch.zeros(1, 3, 1, checkpoint.height_px, checkpoint.width_px)
    return stages.measure(
        "open, reference block included",
        lambda: FaceStream(bundle, still, seed=0, path=path, attention=options.attention),
    )


def first_frames(stream: Any, stages: Stages) -> None:
    """From a session with all its conditions to its first frames that are not the still: ring and decoder empty. Where
    latent 0 is the still, making and decoding it is part of the way; S2V's decoder has seen its still before."""
    name, begins = "first generated four frames, cold", stream.checkpoint.begins_with_reference
    stream.forget_all()
    if not begins:
        stream.begin()
    stages.measure(name, lambda: (stream.begin() if begins else None, stream.next_block()), in_hand=True)


def one_block(stream: Any, stages: Stages) -> None:
    """The stages of one diffusion block, each apart, the pass for later blocks last."""
    checkpoint, denoiser = stream.checkpoint, stream.denoiser
    stream.settle()
    if stream.latents.audio is not None:
        audio, read, first = stream.latents.audio, stream.timeline.read, denoiser.next_latent
        stages.measure("sound features of a block", lambda: audio.read(first, checkpoint.block_latents, read))
    stages.measure("denoise a block", denoiser.denoise)
    stream.made = denoiser.next_latent
    stream.pending, stream.latents.remembered = checkpoint.block_latents, False
    per_latent = stream.window.samples_per_latent
    stream.planned_sound = np.zeros(checkpoint.block_latents * per_latent, np.int16)
    for _ in range(checkpoint.block_latents):
        stages.measure("decode four frames", lambda: (stream.decode(), stream.hand_on()))
        stream.timeline.take(per_latent)
    if checkpoint.passes > checkpoint.schedule.steps:
        stages.measure("clean pass", stream.settle)


def figures(
    checkpoint: Checkpoint, stages: Stages, flops_per_s: float, bytes_per_weight: int, shards: int = 1
) -> dict[str, Any]:
    cost = estimate.cost(checkpoint, bytes_per_weight=bytes_per_weight)
    latents, pass_flop = checkpoint.block_latents, estimate.pass_flop(checkpoint) / shards
    flop = {
        "denoise a block": pass_flop * checkpoint.schedule.steps * latents,
        "clean pass": pass_flop * latents,
        "decode four frames": cost.decode_flop,
        "four frames, whole path": pass_flop * checkpoint.passes + cost.decode_flop,
    }
    told: dict[str, Any] = {}
    for name, times_ms in stages.times_ms.items():
        told[name] = {"ms": percentiles(times_ms)}
        if name in flop:
            mean_s = float(np.mean(times_ms)) / 1e3  # of the whole path only the mean is a block's share
            told[name] |= {
                "floor_ms": round(1e3 * flop[name] / flops_per_s, 3),
                "tflops": round(flop[name] / mean_s / 1e12, 4),
            }
    median = {name: float(np.median(times)) for name, times in stages.times_ms.items()}
    diffusion_ms = (median["denoise a block"] + median.get("clean pass", 0.0)) / latents
    decode_ms, hearing_ms = median["decode four frames"], median.get("sound features of a block", 0.0)
    shard = {"ways": shards, "sums_of_four_frames_modelled_ms": round(modelled_sums_ms(checkpoint, shards), 3)}
    return ({"shard": shard} if shards > 1 else {}) | {
        "stages": told,
        "four_frames_ms": {
            DIFFUSION: round(diffusion_ms, 3),
            DECODING: round(decode_ms, 3),
            HEARING: round(hearing_ms / latents, 3),
            SERIES: round(hearing_ms / latents + diffusion_ms + decode_ms, 3),
            "floor": [round(1e3 * work / flops_per_s, 3) for work in (pass_flop * checkpoint.passes, cost.decode_flop)],
            "budget": round(estimate.budget_ms(checkpoint), 1),
            RUNNING: round(hearing_ms + median["denoise a block"] + decode_ms, 3),
            COLD: round(median["first generated four frames, cold"], 3),
            "wait for a block's end, at most": round(latents * estimate.budget_ms(checkpoint), 1),
        },
        "matrix_tflops_measured": round(flops_per_s / 1e12, 4),
        "bytes_estimated": cost.bytes_needed,
    }


def run_matrix(options: argparse.Namespace) -> dict[str, Any]:
    import torch

    def measure(row: Row) -> dict[str, Any]:
        print(f"{row.name} ...", file=sys.stderr, flush=True)
        shape = {"config": row.config, "path": row.path, "set": list(row.changes), "shard": row.shard}
        try:
            return run(argparse.Namespace(**vars(options) | shape))
        finally:
            gc.collect()
            if options.device.startswith("cuda"):
                torch.cuda.empty_cache()

    rows = GPU_ROWS if options.device.startswith("cuda") else CPU_ROWS
    found: dict[str, Any] = {}
    for row in rows:
        if options.only in row.name:
            found[row.name] = measured(row, measure, (EngineError, RuntimeError, ValueError))
            keep(options, found)  # what was measured outlasts whatever ends the rest
    return found


def keep(options: argparse.Namespace, found: dict[str, Any]) -> None:
    """Into the folder asked for, whole or not at all."""
    if options.out is None:
        return
    options.out.mkdir(parents=True, exist_ok=True)
    whole = {"name": NAME, "machine": machine(), "commit": commit(), "configuration": configuration(options)}
    path = options.out / f"{file_name(options)}.json"
    path.with_suffix(".part").write_text(json.dumps(whole | {"figures": found}, indent=2) + "\n")
    path.with_suffix(".part").replace(path)


def configuration(options: argparse.Namespace) -> dict[str, Any]:
    return {name: value for name, value in vars(options).items() if name != "out"}


def gpu_name(device: Any) -> dict[str, str]:
    import torch

    return {"gpu": torch.cuda.get_device_name(device)} if device.type == "cuda" else {}


def main() -> int:
    options = arguments()
    try:
        import torch
    except ImportError:
        print("torch is missing: pip install 'understudy[engine]'", file=sys.stderr)
        return 1
    if options.device.startswith("cuda") and not torch.cuda.is_available():
        print("this machine has no CUDA device; --device cpu measures the same stages", file=sys.stderr)
        return 1
    if options.device == "cpu":
        torch.set_num_threads(1)
    try:
        found = run_matrix(options) if options.matrix else run(options)
    except EngineError as error:
        print(f"{error} ({error.code})", file=sys.stderr)
        return 1
    keep(options, found)
    report(NAME, configuration(options), found)
    return 0


def file_name(options: argparse.Namespace) -> str:
    if options.matrix:
        only = "-".join(re.findall(r"\w+", options.only))
        return "-".join(word for word in (NAME, "matrix", options.device, only) if word)
    words = [NAME, options.config, options.device, options.path, *options.set]
    return "-".join([*words, *([f"shard{options.shard}"] if options.shard > 1 else [])]).replace("=", "")


if __name__ == "__main__":
    sys.exit(main())
