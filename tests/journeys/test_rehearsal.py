"""`understudy demo --rehearse`: a person is played, asks, is answered, and nothing stays behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bot.config import PREFIX
from tests.journeys.needs import real_parts

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(420), *real_parts]
ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 400


@pytest.fixture(scope="module")
def rehearsal(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    home = tmp_path_factory.mktemp("h")
    done = subprocess.run(
        [sys.executable, "-m", "bot", "demo", "--rehearse", "--headless", "--json", str(home / "report.json")],
        cwd=ROOT,
        env={**os.environ, f"{PREFIX}HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )
    whole: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    print(done.stderr)
    assert whole == json.loads((home / "report.json").read_text())
    assert (done.returncode == 0) is whole["ok"], done.stderr
    return whole


def test_a_rehearsal_is_ok(rehearsal: dict[str, Any]) -> None:
    assert rehearsal["ok"], rehearsal["problems"]


def test_the_transcript_has_questions_and_answers_in_turn(rehearsal: dict[str, Any]) -> None:
    speakers = [segment["speaker"] for segment in rehearsal["transcript"]]
    assert speakers[0] != "Alex", "the bot says what it is before anything else"
    talk = [speaker == "Alex" for speaker in speakers[1 : 1 + 2 * len(rehearsal["turns"])]]
    assert talk == [True, False] * len(rehearsal["turns"])
    starts = [segment["start_s"] for segment in rehearsal["transcript"]]
    assert starts == sorted(starts)


def test_every_turn_is_measured_at_both_ends(rehearsal: dict[str, Any]) -> None:
    for turn in rehearsal["turns"]:
        assert turn["heard"] and turn["passage"] and turn["stages"]
        assert 0 < turn["latency_device_ms"] < turn["latency_ms"]
        assert turn["overhead_ms"] is not None and turn["wait_for_frame_ms"] is not None
        assert turn["av_offset_device_ms"] is not None


def test_every_turn_kept_is_counted_in_the_metrics(rehearsal: dict[str, Any]) -> None:
    records = rehearsal["turn_records"]
    assert records["counted"] == records["kept"] >= len(rehearsal["turns"])


def test_dispatcher_worker_and_bot_were_three_processes_and_are_gone(rehearsal: dict[str, Any]) -> None:
    pids = rehearsal["pids"]
    assert len({pids["dispatcher"], pids["worker"], pids["bot"]}) == 3 and rehearsal["task_id"]
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids.values())
    assert rehearsal["left"] == []
