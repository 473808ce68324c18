"""What is in a folder of weights, and what this machine would make of it, in words. Loads no weights."""

from __future__ import annotations

import time
from pathlib import Path

import psutil
import torch

from engine.diffusion import estimate
from engine.diffusion.devices import best_device, require_device
from engine.diffusion.weights import Found, find
from engine.diffusion.window import Window

REALISTIC_DIFFUSION = 0.6  # share of the dense matrix speed a good implementation reaches
REALISTIC_DECODE = 0.33


def inspect(directory: Path, *, device: str | None = None) -> tuple[str, bool]:
    """A report, and whether the folder can be run. Raises BadCheckpoint when it cannot even be understood, PartMissing
    where there is no such device."""
    require_device(device or "cpu")
    found = find(directory)
    reports = found.reports()
    fits = all(report.fits for report in reports)
    where = torch.device(device or best_device())
    lines = [*_identity(found), *(f"  {report}" for report in reports)]
    lines += [f"  note: {note}" for note in found.notes]
    if found.prompts is None:
        lines.append("  prompts: none yet; `understudy engine prompts` makes them from the text encoder")
    return "\n".join([*lines, *_cost(found, where)]), fits


def _identity(found: Found) -> list[str]:
    checkpoint, trunk = found.checkpoint, found.checkpoint.trunk
    lines = [
        f"{found.directory}: {checkpoint.name}",
        f"  {estimate.trunk_parameters(trunk) / 1e9:.3f} billion parameters: {trunk.layers} layers, "
        f"width {trunk.width}, {trunk.heads} heads, audio: {trunk.audio}",
        f"  {checkpoint.width_px}x{checkpoint.height_px} at {checkpoint.fps} fps, blocks of {checkpoint.block_latents} "
        f"latents, window {checkpoint.window_latents} with a sink of {checkpoint.sink_latents}, "
        f"{checkpoint.passes} passes a block ({checkpoint.schedule.kind}), positions: {checkpoint.positions}",
        f"  sound is heard {Window(checkpoint).look_ahead_s:.3f} s ahead",
        f"  licence: {checkpoint.licence}",
    ]
    if not checkpoint.distilled:
        lines.append("  not distilled: it runs in few steps, but no look is promised")
    return lines


def _cost(found: Found, device: torch.device) -> list[str]:
    checkpoint = found.checkpoint
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    cost = estimate.cost(checkpoint, bytes_per_weight=torch.finfo(dtype).bits // 8)
    free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else psutil.virtual_memory().available
    speed = matrix_flops_per_s(device, dtype)
    floors = cost.floor_ms(speed)
    likely = floors[0] / REALISTIC_DIFFUSION + floors[1] / REALISTIC_DECODE
    budget = estimate.budget_ms(checkpoint)
    verdict = "real time is within reach" if likely <= budget else "this device is too slow for real time"
    return [
        f"  memory: about {cost.bytes_needed / 1e9:.2f} GB (weights {cost.weight_bytes / 1e9:.2f} and "
        f"{cost.beside_bytes / 1e9:.2f} for autoencoder, sound encoder and prompts, kept latents "
        f"{cost.cache_bytes / 1e9:.2f}, decoder {cost.decoder_state_bytes / 1e9:.2f}); {device} has "
        f"{free / 1e9:.2f} GB free{'' if cost.bytes_needed <= free else ': too little'}",
        f"  speed: {speed / 1e12:.3g} TFLOP/s measured on {device} in {str(dtype).removeprefix('torch.')}; four frames "
        f"take at least {floors[0]:.0f} + {floors[1]:.0f} ms (diffusion + decoding), likely {likely:.0f}; "
        f"the budget is {budget:.0f}: {verdict}",
    ]


def matrix_flops_per_s(device: torch.device, dtype: torch.dtype, size: int | None = None) -> float:
    """The speed of large dense products here, the best of three; a few tenths of a second."""
    size = size or (8192 if device.type == "cuda" else 512)
    left = torch.randn(size, size, dtype=dtype, device=device)
    best = float("inf")
    for _ in range(4):  # the first warms up
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        began = time.perf_counter()
        left @ left
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        best = min(best, time.perf_counter() - began)
    return 2 * size**3 / best
