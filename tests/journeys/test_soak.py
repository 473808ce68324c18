"""The soak, for a minute: it measures, writes what it measured, and fails when the bot does not stay."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import psutil
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


def test_a_soak_whose_bot_dies_fails_and_keeps_what_it_measured(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "bot", "bench", "soak", "--minutes", "3", "--out", str(tmp_path)]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as soak:
        assert soak.stdout is not None and soak.stderr is not None
        next(line for line in soak.stderr if " 1 lines" in line)
        running = psutil.Process(soak.pid).children(recursive=True)
        next(process for process in running if "bot.meeting" in process.cmdline()).kill()
        figures = json.loads(soak.communicate(timeout=300)[0].splitlines()[-1])["figures"]
    assert soak.returncode == 1 and not figures["ok"] and figures["lines"] >= 1
    assert any("broken off" in problem for problem in figures["problems"])
    assert any("process_exited" in problem for problem in figures["problems"])
    assert json.loads((tmp_path / "soak.json").read_text())["samples"] and (tmp_path / "soak.svg").exists()
