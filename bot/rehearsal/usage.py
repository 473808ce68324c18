"""What a process and all its descendants cost: share of a core over a while, and proportional set size. Reads /proc."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass

import psutil


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """`share_of_core` 1.0 is one core kept busy; `pss_mb` counts shared pages once, divided among who shares them."""

    share_of_core: float
    pss_mb: float
    processes: int


class Meter:
    """Counts the processor time of a tree between `start` and `stop`. What a process used before it ended counts while
    its parent lives and has collected it; a process that came and went within is counted through its parent."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._started_s = 0.0
        self._before_s = 0.0

    def start(self) -> None:
        self._started_s, self._before_s = time.monotonic(), _processor_s(tree(self._pid))

    def stop(self) -> Cost | None:
        """None where the process is gone."""
        processes = tree(self._pid)
        if not processes:
            return None
        used_s = max(0.0, _processor_s(processes) - self._before_s)
        return Cost(
            share_of_core=used_s / max(1e-3, time.monotonic() - self._started_s),
            pss_mb=sum(map(_pss_mb, processes)),
            processes=len(processes),
        )


def tree(pid: int) -> list[psutil.Process]:
    """The process and its descendants that run; empty when it is gone."""
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _processor_s(processes: list[psutil.Process]) -> float:
    total_s = 0.0
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total_s += times.user + times.system + times.children_user + times.children_system
    return total_s


def _pss_mb(process: psutil.Process) -> float:
    try:
        return float(process.memory_full_info().pss) / 1e6
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return 0.0
