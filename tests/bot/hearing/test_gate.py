"""The pure gate: probabilities in, stretches out; and the network's library, which tells nobody of its work."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.hearing.base import RATE_HZ
from bot.hearing.vad import WINDOW, Began, Finished, GateSettings, SpeechGate

QUIET = np.ones(WINDOW, np.int16)
LOUD = (8000 * np.sin(np.arange(WINDOW))).astype(np.int16)


def run(gate: SpeechGate, voiced: str) -> list[Began | Finished]:
    verdicts = [gate.add(LOUD if sign == "#" else QUIET, 0.9 if sign == "#" else 0.05) for sign in voiced]
    return [verdict for verdict in verdicts if verdict is not None]


def test_a_click_is_no_speech():
    assert run(SpeechGate(GateSettings()), "....##......#.....") == []


def test_speech_starts_and_ends_where_the_sound_does():
    began, finished = run(SpeechGate(GateSettings(), 1000), "....####" + "." * 20)
    assert began.start_sample == finished.start_sample
    assert abs(began.start_sample - (1000 + 4 * WINDOW)) <= 80
    assert abs(finished.end_sample - (1000 + 8 * WINDOW)) <= 160


def test_the_end_is_decided_after_the_silence_asked_for():
    for silence_s in (0.3, 0.5, 0.8):
        _, finished = run(SpeechGate(GateSettings(end_silence_s=silence_s)), "######" + "." * 40)
        late = finished.decided_sample - finished.end_sample - silence_s * RATE_HZ
        assert 0 <= late <= WINDOW + 80


def test_a_short_pause_does_not_end_a_stretch():
    assert len(run(SpeechGate(GateSettings()), "######" + "." * 10 + "######" + "." * 20)) == 2


def test_the_gate_counts_what_was_voiced_and_the_pause_it_stands_in():
    gate = SpeechGate(GateSettings())
    run(gate, "..####..##")
    assert (gate.voiced_samples, gate.silent_samples) == (6 * WINDOW, 0)
    run(gate, "...")
    assert gate.voiced_samples == 6 * WINDOW and abs(gate.silent_samples - 3 * WINDOW) < 160


def test_a_drone_is_cut_at_the_longest_stretch():
    verdicts = run(SpeechGate(GateSettings(longest_s=2.0)), "#" * 200)
    lengths = [v.end_sample - v.start_sample for v in verdicts if isinstance(v, Finished)]
    assert len(lengths) == 3 and all(length <= 2.0 * RATE_HZ + WINDOW for length in lengths)


@given(st.lists(st.floats(0, 1), max_size=200), st.integers(0, 10**9))
def test_stretches_alternate_and_never_overlap(probabilities: list[float], position: int):
    gate = SpeechGate(GateSettings(), position)
    verdicts = [v for p in probabilities if (v := gate.add(LOUD if p > 0.4 else QUIET, p)) is not None]
    edge = position
    for index, verdict in enumerate(verdicts):
        assert isinstance(verdict, Began if index % 2 == 0 else Finished)
        if isinstance(verdict, Finished):
            assert edge <= verdict.start_sample < verdict.end_sample <= verdict.decided_sample
            edge = verdict.end_sample


@pytest.mark.slow
@pytest.mark.parallel
def test_the_networks_library_keeps_no_id_of_the_machine_and_writes_nothing_about_its_work(tmp_path: Path):
    places = {name: str(tmp_path) for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME")}
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"} | places
    run_it = "from bot.hearing.vad import *; SpeechProbability(load_model()).of(np.zeros(WINDOW, np.int16))"
    subprocess.run([sys.executable, "-c", run_it], env=environment, check=True, timeout=60)
    assert list(tmp_path.rglob("*")) == []
