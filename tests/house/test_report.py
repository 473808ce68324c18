"""The line a benchmark ends with."""

from __future__ import annotations

import json

import pytest

from tests.benchmarks._report import percentiles, report


def test_the_last_line_names_machine_and_commit(capsys) -> None:
    report("example", {"fps": 24}, {"frame_ms": percentiles([1.0, 2.0, 3.0])})
    line = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert line["name"] == "example" and line["configuration"] == {"fps": 24}
    assert line["machine"]["cores"] >= 1 and line["machine"]["cpu"] and line["commit"]
    assert line["figures"]["frame_ms"] == {"count": 3, "p50": 2.0, "p95": 2.9, "p99": 2.98, "max": 3.0, "mean": 2.0}


def test_no_values_is_no_figure() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentiles([])
