"""The line a benchmark ends with."""

from __future__ import annotations

import json
import subprocess
import sys

import psutil
import pytest

from tests.benchmarks._report import ROOT, percentiles, report
from tests.polling import until_true

MEASURING = "from tests.benchmarks._report import last_line_of; last_line_of(['simulator', '--port', '0'], limit_s=60)"


def test_the_last_line_names_machine_and_commit(capsys) -> None:
    report("example", {"fps": 24}, {"frame_ms": percentiles([1.0, 2.0, 3.0])})
    line = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert line["name"] == "example" and line["configuration"] == {"fps": 24}
    assert line["machine"]["cores"] >= 1 and line["machine"]["cpu"] and line["commit"]
    assert line["figures"]["frame_ms"] == {"count": 3, "p50": 2.0, "p95": 2.9, "p99": 2.98, "max": 3.0, "mean": 2.0}


def test_no_values_is_no_figure() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentiles([])


@pytest.mark.slow
@pytest.mark.parallel
def test_what_a_killed_benchmark_measured_ends_with_it() -> None:
    benchmark = psutil.Popen([sys.executable, "-c", MEASURING], cwd=ROOT, stdout=subprocess.DEVNULL)
    until_true(benchmark.children, 20.0)
    measured = benchmark.children()
    benchmark.kill()
    benchmark.wait(5)
    assert psutil.wait_procs(measured, timeout=20)[1] == []
