"""The benchmark of a turn: its figures and its picture."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

from bot.domain.turn_record import STAGES
from tests.benchmarks._waterfall import COLOURS, Row, median_row, svg
from tests.benchmarks.turn import figures_of, questions


def turn(latency_ms: float | None, **changes: Any) -> dict[str, Any]:
    stages = {} if latency_ms is None else {"vad": 500.0, "device_first_sound": latency_ms - 500.0}
    return {
        "question": "Why <so>?",
        "stages": stages,
        "latency_device_ms": latency_ms,
        "latency_ms": latency_ms,
        "first_frame_device_ms": latency_ms,
        "overhead_ms": 20.0 if stages else None,
        "overhead_parts_ms": {"device": 20.0} if stages else {},
        "arrival_ms": 12.0 if stages else None,
        "wait_for_frame_ms": 80.0 if stages else None,
        "av_offset_device_ms": 3.0,
        "passage_right": True,
        **changes,
    }


def test_figures_are_of_the_answered_and_the_others_are_counted() -> None:
    turns = [turn(1000.0), turn(2000.0, passage_right=False), turn(None)]
    figures = figures_of({"ok": False, "problems": ["x"], "turns": turns, "unasked_answers": 1})
    assert (figures["n"], figures["median_ms"], figures["p95_ms"]) == (2, 1500.0, 1950.0)
    assert (figures["missed_answers"], figures["false_answers"], figures["passages_wrong"]) == (1, 1, 1)
    assert figures["stages_ms"]["vad"]["p50"] == 500.0 and figures["overhead_p95_ms"] == 20.0


def test_a_target_that_is_missed_is_a_problem() -> None:
    good = {"ok": True, "problems": [], "turns": [turn(1000.0), turn(1200.0)]}
    assert figures_of(good)["ok"] and not figures_of(good)["problems"]
    slow = figures_of({**good, "turns": [turn(1000.0, overhead_ms=80.0)]})
    assert not slow["ok"] and slow["problems"] == ["overhead p95 is 80 ms, more than 50 ms"]


def test_without_any_answer_there_are_no_figures_but_no_error() -> None:
    figures = figures_of({"ok": False, "problems": [], "turns": [turn(None)]})
    assert figures["median_ms"] is None and figures["n"] == 0


def test_the_picture_is_xml_with_a_row_for_the_median_and_one_a_turn() -> None:
    rows = [Row(label=f"{n}. Why <so>?", stages_ms={"vad": 500.0, "voice_first_sound": 40.0 * n}) for n in (1, 3)]
    picture = ElementTree.fromstring(svg("A & B", rows, marks_ms={"p95 2200": 2200.0}))
    texts = [text.text for text in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert {"A & B", "1. Why <so>?", "p95 2200", "580", "620"} <= set(texts)
    assert median_row(rows).stages_ms == {"vad": 500.0, "voice_first_sound": 80.0}


def test_every_stage_of_a_record_has_a_colour() -> None:
    assert list(COLOURS) == [stage for stage, _ in STAGES]


def test_a_file_of_questions_is_begun_again_until_there_are_enough(tmp_path: Any) -> None:
    file = tmp_path / "q.json"
    file.write_text('["a", "b", "c"]')
    assert questions([file], 5) == ["a", "b", "c", "a", "b"] and len(questions([file], 2)) == 2
