"""How long until a command has started: `./understudy bench --help`, set-up done, and the part of it that is Python."""

from __future__ import annotations

import subprocess
import sys
import time

from tests.benchmarks._report import ROOT, percentiles, report

RUNS = 20


def measure(argv: list[str]) -> list[float]:
    times_ms = []
    for _ in range(RUNS):
        began_s = time.perf_counter()
        subprocess.run(argv, cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
        times_ms.append(1000 * (time.perf_counter() - began_s))
    return times_ms


def main() -> None:
    whole = measure([str(ROOT / "understudy"), "bench", "--help"])
    python = measure([sys.executable, "-P", "-m", "bot", "bench", "--help"])
    report("startup", {"runs": RUNS}, {"whole_ms": percentiles(whole), "python_ms": percentiles(python)})


if __name__ == "__main__":
    main()
