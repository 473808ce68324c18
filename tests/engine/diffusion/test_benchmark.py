"""`bench diffusion` measures every stage on the CPU with the tiny shape, and says why it cannot on a missing GPU."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from dataclasses import replace

import pytest

from engine.api import EngineError
from tests.engine.diffusion.support import torch  # first: it skips without torch

# isort: split
from engine.diffusion.bundle import random_bundle
from engine.diffusion.config import PRESETS
from engine.diffusion.errors import NotEnoughMemory
from engine.diffusion.estimate import cost
from engine.diffusion.stream import FaceStream
from tests.benchmarks._diffusion_matrix import COLD, CPU_ROWS, GPU_ROWS, SERIES, measured
from tests.benchmarks._diffusion_shard import shard_bundle, shard_of
from tests.benchmarks.diffusion import Stages, changed, first_frames, one_block
from tests.house.sources import ROOT


def bench(*words):
    command = [sys.executable, "-m", "tests.benchmarks.diffusion", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100)


@pytest.mark.slow
@pytest.mark.parametrize(
    "preset", [pytest.param("tiny", marks=[pytest.mark.acceptance, pytest.mark.parallel]), "tiny-3"]
)
def test_every_stage_has_its_time_and_floor(preset, tmp_path):
    done = bench("--config", preset, "--iterations", "4", "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])["figures"]
    for stage in ("denoise a block", "clean pass", "decode four frames", "four frames, whole path"):
        assert figures["stages"][stage]["ms"]["p50"] > figures["stages"][stage]["floor_ms"] > 0
    assert figures["four_frames_ms"]["in series"] > 0
    (written,) = tmp_path.glob("*.json")
    assert json.loads(written.read_text())["figures"] == figures


def test_as_many_cold_starts_as_on_a_gpu_leave_a_stream_that_goes_on():
    checkpoint, stages = PRESETS["tiny-3"], Stages(torch.device("cpu"))
    still = torch.zeros(1, 3, 1, checkpoint.height_px, checkpoint.width_px)
    stream = FaceStream(random_bundle(checkpoint), still, seed=0)
    for _ in range(10):
        first_frames(stream, stages)
    stream.fill()
    for _ in range(3):
        one_block(stream, stages)
    assert stream.next_block().index == stream.timeline.taken_samples // stream.video.samples_per_block - 1
    timed = ("denoise a block", "sound features of a block", "clean pass")
    assert {len(stages.times_ms[name]) for name in timed} == {3}


def test_a_figure_of_the_whole_way_counts_the_hearing():
    done = bench("--config", "tiny", "--iterations", "2")
    told = json.loads(done.stdout.splitlines()[-1])["figures"]
    four, stages = told["four_frames_ms"], told["stages"]
    parts = four["hearing"] + four["diffusion"] + four["decoding"]
    assert four["in series"] == pytest.approx(parts, abs=0.01)
    heard = stages["sound features of a block"]["ms"]["p50"]
    running = heard + stages["denoise a block"]["ms"]["p50"] + four["decoding"]
    assert four["first generated frame, running"] == pytest.approx(running, abs=0.01)


def test_a_matrix_can_be_measured_in_parts_and_keeps_each_row(tmp_path):
    done = bench("--matrix", "--only", "blocks of 1", "--iterations", "2", "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    kept = json.loads((tmp_path / "diffusion-matrix-cpu-blocks-of-1.json").read_text())
    assert list(kept["figures"]) == ["tiny, blocks of 1"]


@pytest.mark.acceptance
@pytest.mark.parallel
def test_the_whole_matrix_is_one_command(tmp_path):
    """On a CPU with the tiny shapes; a GPU's rows are the published ones."""
    done = bench("--matrix", "--iterations", "2", "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout.splitlines()[-1])["figures"]
    assert rows.keys() == {row.name for row in CPU_ROWS}
    for row in CPU_ROWS:
        told = rows[row.name]["figures"]
        assert told["four_frames_ms"][COLD] > 0
        assert ("shard" in told) == (row.shard > 1)
    assert (tmp_path / "diffusion-matrix-cpu.json").is_file()


def test_every_row_of_the_gpus_matrix_is_a_shape_that_can_be_costed():
    asked = {}
    for row in GPU_ROWS:
        checkpoint = changed(PRESETS[row.config], list(row.changes))
        assert cost(checkpoint).bytes_needed < 141e9 * (2 if row.shard > 1 else 1), row.name
        if row.shard > 1:
            assert shard_of(checkpoint, row.shard).trunk.head_width == checkpoint.trunk.head_width
        asked |= {(row.name, figure): most for figure, most in row.most_ms.items()}
    assert len(asked) == 6, "what is asked for on one H200"


def test_a_row_says_whether_what_was_asked_is_met_and_a_refusal_costs_no_other():
    row = replace(GPU_ROWS[0], most_ms={SERIES: 100.0})
    for took, met in ((99.0, True), (101.0, False)):
        figures = {"four_frames_ms": {SERIES: took}}
        assert measured(row, lambda row, figures=figures: figures, ())["asked"][SERIES]["met"] is met

    def refuse(row):
        raise NotEnoughMemory("28 GB are needed")

    assert "28 GB" in measured(row, refuse, (NotEnoughMemory,))["failed"]


def test_one_shard_computes_its_share_of_every_layer():
    """Summed over the shards, an output is the whole layer's; here the first shard's part of two."""
    bundle = random_bundle(replace(PRESETS["tiny"], trunk=replace(PRESETS["tiny"].trunk, layers=2)))
    whole = copy.deepcopy(bundle.trunk.blocks[0].ffn)
    shard = shard_bundle(bundle, 2).trunk.blocks[0].ffn
    x = torch.randn(3, bundle.trunk.shape.width)
    wide = whole[1](whole[0](x))
    half = wide.shape[1] // 2
    torch.testing.assert_close(shard(x), wide[:, :half] @ whole[2].weight[:, :half].T + whole[2].bias)
    assert bundle.trunk.blocks[0].self_attn.heads == 1


@pytest.mark.slow
def test_a_missing_gpu_is_said():
    if torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device")
    done = bench("--device", "cuda", "--path", "graph")
    assert done.returncode == 1
    assert "no CUDA device" in done.stderr


@pytest.mark.parametrize("setting", ["window_latents", "window_latents=many", "pace=2", "steps=0", "block_latents=99"])
def test_what_cannot_be_set_is_told(setting):
    with pytest.raises(EngineError, match="--set"):
        changed(PRESETS["tiny"], [setting])


def test_any_number_of_a_preset_can_be_set():
    checkpoint = changed(PRESETS["livetalk-1.3b"], ["window_latents=6", "sink_latents=1", "steps=2", "layers=40"])
    assert (checkpoint.window_latents, checkpoint.passes, checkpoint.trunk.layers) == (6, 3, 40)
