"""Several processes of one group on this machine, for tests of what they do together. They end with the call."""

from __future__ import annotations

import multiprocessing
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from bot.supervision import kernel

LIMIT_S = 90.0
PRELOADED = ["tests.engine.diffusion.support"]


def run_ranks(work: Callable[..., Any], ways: int, *arguments: Any) -> list[Any]:
    """`work(group name, rank, ways, *arguments)` in each of `ways` processes; what each returned, by rank."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    pairs, processes = [], []
    with tempfile.TemporaryDirectory() as folder:
        for rank in range(ways):
            ours, theirs = context.Pipe(duplex=False)
            target = (work, theirs, str(Path(folder) / "store"), rank, ways, arguments)
            process = context.Process(target=_rank, args=target, daemon=True)
            process.start()
            theirs.close()
            pairs.append(ours)
            processes.append(process)
        try:
            return _gather(pairs, time.monotonic() + LIMIT_S)
        finally:
            for process in processes:
                process.kill()
                process.join()


def _gather(pairs: list[Connection], until_s: float) -> list[Any]:
    results = []
    for rank, pair in enumerate(pairs):
        assert pair.poll(max(0.0, until_s - time.monotonic())), f"rank {rank} gave no answer in {LIMIT_S:.0f} s"
        told, error = pair.recv()
        assert error is None, f"rank {rank}: {error}"
        results.append(told)
    return results


def _rank(work: Callable[..., Any], answer: Connection, store: str, rank: int, ways: int, arguments: Any) -> None:
    import traceback

    import torch
    import torch.distributed as dist

    kernel.die_with_parent()
    torch.set_num_threads(1)
    dist.init_process_group("gloo", store=dist.FileStore(store, ways), rank=rank, world_size=ways)
    try:
        with torch.inference_mode():
            told = work(dist.group.WORLD.group_name, rank, ways, *arguments)
    except (RuntimeError, ValueError, AssertionError, TypeError, KeyError, AttributeError):
        answer.send((None, traceback.format_exc()))
    else:
        answer.send((told, None))
    dist.barrier()
