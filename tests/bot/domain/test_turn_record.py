"""What follows from the times of a turn, and the shape of its record."""

from __future__ import annotations

import json
from dataclasses import fields, replace

import pytest

from bot.domain.turn_record import (
    OVERHEAD,
    STAGES,
    WORDS,
    Interruption,
    Moments,
    TurnRecord,
    times_of,
    without_words,
)

T0 = 100.0
TURN = Moments(
    last_voiced_s=T0,
    silence_s=T0 + 0.5,
    ended_s=T0 + 0.52,
    recognising_s=0.08,
    words_s=T0 + 0.603,
    decided_s=T0 + 0.604,
    first_token_s=T0 + 0.9,
    first_clause_s=T0 + 1.0,
    voice_first_s=T0 + 1.05,
    block_asked_s=T0 + 1.09,
    block_first_s=T0 + 1.13,
    block_put_s=T0 + 1.132,
    device_taken_s=T0 + 1.2,
    leading_silence_s=0.03,
    first_audible_s=T0 + 1.25,
    first_frame_s=T0 + 1.26,
)


def test_stages_add_up_to_the_latency_at_the_device() -> None:
    times = times_of(TURN)
    assert list(times["stages_ms"]) == [stage for stage, _ in STAGES]
    assert sum(times["stages_ms"].values()) == pytest.approx(times["latency_device_ms"]) == 1250.0
    assert times["reached_ms"]["llm_first_token"] == 900.0 and times["first_frame_device_ms"] == 1260.0


def test_overhead_is_neither_models_nor_silence_nor_the_wait_for_the_next_frame() -> None:
    times = times_of(TURN)
    assert times["overhead_parts_ms"] == pytest.approx(
        {"hearing": 20.0, "words": 3.0, "decide": 1.0, "publish": 2.0, "device": 20.0}
    )
    assert times["overhead_ms"] == 46.0
    assert times["wait_for_frame_ms"] == 108.0, "40 ms before the block was asked for, 68 ms in the device's queue"


def test_what_sound_took_to_reach_us_is_told_apart() -> None:
    times = times_of(replace(TURN, arrived_s=T0 + 0.512))
    assert times["arrival_ms"] == 12.0 and times["overhead_parts_ms"]["hearing"] == pytest.approx(8.0)
    assert times_of(TURN)["arrival_ms"] is None, "and belongs to hearing where nobody knows"


def test_a_decision_held_up_by_others_speech_is_no_overhead() -> None:
    held = replace(TURN, released_s=T0 + 0.9, decided_s=T0 + 0.902)
    assert times_of(held)["overhead_parts_ms"]["decide"] == pytest.approx(2.0)
    assert times_of(held)["stages_ms"]["decide"] == pytest.approx(299.0)


def test_a_block_already_asked_for_is_not_waited_for_before_it_is_asked() -> None:
    assert times_of(replace(TURN, block_asked_s=T0 + 1.0))["wait_for_frame_ms"] == 68.0


def test_what_nobody_measured_is_left_out_not_guessed() -> None:
    times = times_of(replace(TURN, device_taken_s=None, silence_s=None))
    assert times["overhead_ms"] is None and times["wait_for_frame_ms"] is None
    assert "hearing" not in times["overhead_parts_ms"]
    assert times_of(replace(TURN, first_audible_s=None)) == times_of(replace(TURN, last_voiced_s=None)) == {}


def test_a_stage_done_beside_the_one_before_it_added_nothing() -> None:
    times = times_of(replace(TURN, words_s=T0 + 0.3))
    assert times["stages_ms"]["recogniser"] == 0.0 and times["stages_ms"]["decide"] == 84.0
    assert sum(times["stages_ms"].values()) == pytest.approx(1250.0)


def test_a_record_is_json_with_its_version_and_every_field_is_described() -> None:
    record = TurnRecord(question="q" * 9000, interruption=Interruption(by="p1"), **times_of(TURN))
    kept = json.loads(json.dumps(record.to_json()))
    assert kept["version"] == 1 and len(kept["question"]) == 4000 and kept["interruption"]["by"] == "p1"
    assert all(one.metadata.get("description") for one in fields(TurnRecord))
    assert {part for part, _ in OVERHEAD} == kept["overhead_parts_ms"].keys()


def test_without_words_nothing_that_was_said_is_left() -> None:
    said = dict.fromkeys(WORDS, "secret")
    assert set(said) <= {one.name for one in fields(TurnRecord)}
    assert "secret" not in json.dumps(without_words(TurnRecord(**said).to_json()))
