"""What is counted of a turn and of a bot's life."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bot.domain.figures import FIGURES, Observation, bucket, of_move, of_turn, word
from bot.domain.lifecycle import BotState
from bot.domain.turn_record import STAGES, TurnRecord

NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
OF_A_BOT = {"join_delay", "bot_stay", "bot_cpu"}


def test_every_observation_of_a_whole_record_has_its_figure_and_its_labels() -> None:
    stages = {stage: 10.0 for stage, _ in STAGES}
    silence = {"decided_to_silence_ms": 80.0, "onset_to_silence_ms": 500.0}
    record = TurnRecord(
        stages_ms=stages, latency_device_ms=1.0, first_frame_device_ms=1.0, overhead_ms=1.0, wait_for_frame_ms=1.0,
        av_offset_device_ms=1.0, interruption=silence, interrupted=True, generated_characters=9, heard_characters=4,
    )  # fmt: skip
    seen = list(of_turn(record.to_json()))
    assert all(len(one.labels) == len(FIGURES[one.figure].labels) for one in seen)
    of_turns = {name for name, figure in FIGURES.items() if figure.bounds} - OF_A_BOT
    assert {one.figure for one in seen} == of_turns | {"turns", "interruptions", "characters"}
    assert [one.value for one in seen if one.figure == "characters"] == [9, 4]
    assert [one.labels for one in seen if one.figure == "interruptions"] == [("answer",)]
    assert {one.labels[0] for one in seen if one.figure == "turn_stage"} == set(stages)


def test_an_empty_record_is_still_a_turn() -> None:
    assert list(of_turn({})) == [Observation(figure="turns", labels=("other", "other"))]


@pytest.mark.parametrize("text", ["Ask Bob", "", None, 7, "x" * 60, "a\nb", "é"])
def test_a_label_is_never_anything_but_a_word_of_ours(text: object) -> None:
    assert word(text) == "other"


def test_a_value_on_a_bound_is_below_it_and_one_beyond_all_has_a_bucket() -> None:
    figure = FIGURES["turn_latency"]
    assert [bucket(figure, value) for value in (0.0, 0.25, 0.2501, 99.0)] == ["0.25", "0.25", "0.5", "+Inf"]
    assert bucket(FIGURES["av_offset"], -0.05) == "-0.045"


def moved(to: BotState, *, code: str | None = None, came_from: BotState, joined: bool = False) -> list[Observation]:
    joined_at = NOW + timedelta(seconds=20) if joined else None
    at = NOW + timedelta(seconds=50)
    return list(of_move(code, came_from=came_from, to=to, join_at=NOW, joined_at=joined_at, at=at))


def test_an_end_is_counted_once_with_its_code_and_how_long_the_bot_was_in_its_meeting() -> None:
    over = Observation(figure="bots_over", labels=("failed", "meeting_full"))
    assert moved(BotState.FAILED, code="meeting_full", came_from=BotState.JOINING) == [over]
    left = moved(BotState.ENDED, code="x", came_from=BotState.POST_PROCESSING, joined=True)
    assert left[1:] == [Observation(figure="bot_stay", value=30.0)]
    assert not moved(BotState.DATA_DELETED, came_from=BotState.FAILED)


def test_a_join_is_counted_with_how_late_it_was() -> None:
    let_in = moved(BotState.IN_CALL, came_from=BotState.WAITING_ROOM)
    assert let_in == [Observation(figure="joins"), Observation(figure="join_delay", value=50.0)]
