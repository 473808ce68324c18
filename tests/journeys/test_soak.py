"""The soak, for a minute: it measures, and writes what it measured."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.benchmarks._report import ROOT
from tests.journeys.needs import real_parts

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(400), *real_parts]


def test_a_minute_of_soak_gives_its_figures_its_series_and_its_picture(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "bot", "bench", "soak", "--minutes", "1", "--out", str(tmp_path)]
    done = subprocess.run(words, cwd=ROOT, stdout=subprocess.PIPE, text=True, timeout=360)
    figures = json.loads(done.stdout.splitlines()[-1])["figures"]
    assert figures["lines"] >= 3 and figures["skew_ms"] is not None, figures
    assert figures["memory_mb"]["p50"] > 100 and figures["open_files"]["p50"] > 50
    series = json.loads((tmp_path / "soak.json").read_text())
    assert {"meeting", "browser", "sound server", "portrait"} <= series["samples"][-1]["memory_mb"].keys()
    assert len(series["lines"]) == figures["lines"]
    assert ElementTree.parse(tmp_path / "soak.svg").getroot().tag.endswith("svg")
