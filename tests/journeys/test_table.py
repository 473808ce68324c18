"""`demo --rehearse --scene table`: three people and the bot in one meeting; it behaves, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bot.config import PREFIX
from tests.journeys.needs import real_parts

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.timeout(480),
    *real_parts,
    pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed"),
]
ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 460
FIGURES = ("der", "names_right", "false_turns", "missed_turns", "interruptions", "backchannels", "late_notice")


def played(home: Path, *more: str, **settings: str) -> dict[str, Any]:
    words = ["demo", "--rehearse", "--scene", "table", "--headless", *more]
    done = subprocess.run(
        [sys.executable, "-m", "bot", *words],
        cwd=ROOT,
        env={**os.environ, f"{PREFIX}HOME": str(home), **settings},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )
    print(done.stderr)
    whole: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert (done.returncode == 0) is whole["ok"], done.stderr
    return whole


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return played(tmp_path_factory.mktemp("h"))


def test_the_bot_behaves_among_three_people(scene: dict[str, Any]) -> None:
    assert scene["ok"], scene["problems"]
    assert scene["streams"] == "separate" and scene["scene_s"] < 150


def test_each_has_a_stream_and_a_name(scene: dict[str, Any]) -> None:
    assert scene["names_right"] >= 0.99
    assert {segment["speaker"] for segment in scene["transcript"]} >= {"Ada", "Ben", "Carl"}


def test_all_figures_are_there(scene: dict[str, Any]) -> None:
    assert scene.keys() >= set(FIGURES)
    assert len(scene["interruptions"]) == 1 and scene["backchannels"]["count"] == 2
    assert scene["interruptions"][0]["received_onset_to_silence_ms"] is not None


def test_one_mixed_stream_is_played_too_and_says_what_told_voices_apart(tmp_path: Path) -> None:
    whole = played(tmp_path / "h", "--mixed")
    assert whole["ok"], whole["problems"]
    assert whole["streams"] == "mix" and whole["diarization"] and whole["der"] is not None


def test_voices_of_the_mix_go_through_pyannote_with_weights_that_prove_the_path_only(tmp_path: Path) -> None:
    pytest.importorskip("pyannote.audio", reason="the extra [hearing] is not installed")
    model = tmp_path / "model"
    subprocess.run([sys.executable, "-m", "bot.hearing.diarization.random_model", model], check=True, timeout=LIMIT_S)
    whole = played(tmp_path / "h", "--mixed", **{f"{PREFIX}DIARIZATION_MODEL": str(model)})
    assert whole["ok"], whole["problems"]
    assert whole["der"] is not None and "random" in whole["diarization"]
