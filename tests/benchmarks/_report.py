"""How a benchmark ends: one line of JSON with its name, the machine, the commit, its configuration and its figures.

report("mouth", {"fps": 24}, {"frame_ms": percentiles(times_ms)})
"""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from bot.supervision.kernel import dying_with_parent

ROOT = Path(__file__).resolve().parents[2]


def report(name: str, configuration: Mapping[str, Any], figures: Mapping[str, Any]) -> None:
    line = {
        "name": name,
        "machine": machine(),
        "commit": commit(),
        "configuration": dict(configuration),
        "figures": dict(figures),
    }
    print(json.dumps(line, allow_nan=False), flush=True)


def percentiles(values: Sequence[float], *, digits: int = 3) -> dict[str, float | int]:
    """`{"count", "p50", "p95", "p99", "max", "mean"}` of values in one unit, rounded. Raises ValueError for none."""
    if not len(values):
        raise ValueError("no values to report")
    p50, p95, p99 = np.percentile(values, (50, 95, 99))
    shown = {"p50": p50, "p95": p95, "p99": p99, "max": max(values), "mean": np.mean(values)}
    return {"count": len(values), **{key: round(float(value), digits) for key, value in shown.items()}}


def machine() -> dict[str, Any]:
    """`load_1m` is the load when the benchmark ended: figures of a busy machine say so."""
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "python": platform.python_version(),
        "kernel": platform.release(),
        "load_1m": round(os.getloadavg()[0], 2),
    }


def commit() -> str:
    """The commit measured, "+" behind it when files differ from it; "unknown" outside a repository."""
    try:
        words = ["git", "describe", "--always", "--abbrev=12", "--exclude=*", "--dirty=+"]
        return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return "unknown"


def last_line_of(words: Sequence[str], *, limit_s: float) -> tuple[dict[str, Any], int]:
    """What `python -m bot WORDS` said last, as JSON, and its exit status. It is told to end when this process dies."""
    done = subprocess.run(
        [sys.executable, "-m", "bot", *words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        timeout=limit_s,
        preexec_fn=dying_with_parent(signal.SIGTERM),
    )
    return json.loads(done.stdout.splitlines()[-1]), done.returncode


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
