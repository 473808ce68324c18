"""`bench diffusion` measures every stage on the CPU with the tiny shape, and says why it cannot on a missing GPU."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.engine.diffusion.support import torch  # first: it skips without torch

# isort: split
from engine.diffusion.config import PRESETS
from tests.benchmarks.diffusion import changed
from tests.house.sources import ROOT


def bench(*words):
    command = [sys.executable, "-m", "tests.benchmarks.diffusion", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100)


@pytest.mark.slow
@pytest.mark.parametrize("preset", [pytest.param("tiny", marks=pytest.mark.acceptance), "tiny-3"])
def test_every_stage_has_its_time_and_floor(preset, tmp_path):
    done = bench("--config", preset, "--iterations", "4", "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])["figures"]
    for stage in ("denoise a block", "clean pass", "decode four frames", "four frames, whole path"):
        assert figures["stages"][stage]["ms"]["p50"] > figures["stages"][stage]["floor_ms"] > 0
    assert figures["four_frames_ms"]["in series"] > 0
    (written,) = tmp_path.glob("*.json")
    assert json.loads(written.read_text())["figures"] == figures


@pytest.mark.slow
def test_a_missing_gpu_is_said():
    if torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device")
    done = bench("--device", "cuda", "--path", "graph")
    assert done.returncode == 1
    assert "no CUDA device" in done.stderr


def test_any_number_of_a_preset_can_be_set():
    checkpoint = changed(PRESETS["livetalk-1.3b"], ["window_latents=6", "sink_latents=1", "steps=2", "layers=40"])
    assert (checkpoint.window_latents, checkpoint.passes, checkpoint.trunk.layers) == (6, 3, 40)
