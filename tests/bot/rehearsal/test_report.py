"""A rehearsal passes only when everything it promises was seen."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from bot.rehearsal.measure import Span
from bot.rehearsal.questions import Question
from bot.rehearsal.report import Findings, Picture, Received, pair_turns, report, table
from bot.rehearsal.script import Turn
from bot.rehearsal.usage import Cost


def received(at_s: float, *, passage: str | None = "Lamp", answered: bool = True) -> Received:
    span = Span(start_s=at_s + 1.2, end_s=at_s + 5) if answered else None
    question = Question(text=f"At {at_s}?", passage=passage)
    turn = Turn(question=question, asked=Span(start_s=at_s - 2, end_s=at_s), answered=span)
    return Received(turn=turn, av_offset_s=0.02, av_method="reference")


def record(t0_s: float, **changes: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {"t0_s": t0_s, "heard": "at", "answer": "It is.", "passages": ["p1", "Lamp"]}
    return {**fields, "latency_device_ms": 900.4, "av_offset_device_ms": -3.0, "stages_ms": {"vad": 300}, **changes}


def said(speaker: str, text: str) -> dict[str, Any]:
    return {"speaker_name": speaker, "text": text, "start_ms": 1000, "end_ms": 2500}


def findings(**changes: Any) -> Findings:
    good = Findings(
        bot_id="b",
        task_id="t",
        pids={"dispatcher": 2, "worker": 3, "bot": 4},
        running={"dispatcher": True, "worker": True, "bot": True},
        asker="Alex",
        joined_s=4.0,
        final_state="ended",
        received=[received(510.0), received(520.5), received(531.0)],
        records=[record(10.0), record(20.4), record(31.1)],
        picture=Picture(width=640, height=360, fps=24.0, fps_with_repeats=30.0, mouth_r=0.7, mouth_lag_frames=-0.5),
        cost=Cost(share_of_core=0.6, pss_mb=700.0, processes=12),
        transcript=[said("Alex", "at"), said("Iris (AI)", "It is.")],
    )
    return replace(good, **changes)


def test_an_answer_to_nothing_that_was_asked_is_counted() -> None:
    answered = [record(at_s, decision="answer") for at_s in (10.0, 20.4, 31.1, 45.0)]
    assert report(findings(records=[*answered, {"decision": "ignore"}]))["unasked_answers"] == 1


def test_a_good_rehearsal_is_ok_and_is_json() -> None:
    whole = report(findings())
    assert whole["ok"] and whole["problems"] == []
    assert json.loads(json.dumps(whole))["turns"][0]["latency_ms"] == 1200.0
    assert whole["medians"]["latency_device_ms"] == 900.0
    assert whole["turn_records"]["kept"] == 3 and whole["unasked_answers"] == 0
    assert "right" in table(whole)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"pids": {"dispatcher": 2, "worker": 2, "bot": 4}}, "not three processes"),
        ({"pids": {"dispatcher": 2, "worker": 3, "bot": None}}, "no running process.*bot"),
        ({"running": {"dispatcher": True, "worker": False, "bot": True}}, "no running process.*worker"),
        ({"task_id": None}, "no Celery task"),
        ({"received": []}, "nothing was asked"),
        ({"received": [received(510.0), received(520.5, answered=False)]}, "no answer was heard to: At 520.5"),
        ({"records": [record(10.0), record(20.4)]}, "1 turns have no record"),
        ({"records": [record(10.0, passages=[]), record(20.4, passages=["x"]), record(31.1)]}, "only 1 of 3"),
        ({"final_state": "failed"}, "'failed'"),
        ({"transcript": [said("Iris (AI)", "Hello")]}, "nothing by Alex"),
        ({"transcript": [said("Alex", "Hello")]}, "nothing by the bot"),
        ({"picture": Picture(width=640, height=360, fps=24.0, fps_with_repeats=30.0)}, "mouth_r, mouth_lag_frames"),
        ({"cost": None}, "cost"),
        ({"left": ["process 12 chromium"]}, "left behind: process 12"),
        ({"errors": ["the asker was not admitted"]}, "not admitted"),
    ],
)
def test_whatever_is_missing_is_a_problem(changes: dict[str, Any], problem: str) -> None:
    whole = report(findings(**changes))
    assert not whole["ok"]
    assert any(re.search(problem, said) for said in whole["problems"]), whole["problems"]
    assert "problem: " in table(whole)


def test_one_wrong_passage_of_three_is_forgiven_and_unjudged_ones_do_not_count() -> None:
    one_wrong = report(findings(records=[record(10.0), record(20.4, passages=[]), record(31.1)]))
    assert one_wrong["ok"] and [turn["passage_right"] for turn in one_wrong["turns"]] == [True, False, True]
    unjudged = report(findings(received=[received(510.0, passage=None)], records=[record(10.0, passages=[])]))
    assert unjudged["ok"] and unjudged["turns"][0]["passage_right"] is None


def test_questions_meet_their_records_by_time_although_the_clocks_differ() -> None:
    asked = [received(100.0), received(112.0), received(125.0)]
    records = [record(3.0, heard="the notice"), record(10.1), record(35.2)]
    assert [own["t0_s"] if own else None for _, own in pair_turns(asked, records)] == [10.1, None, 35.2]


def test_no_record_is_used_twice() -> None:
    asked = [received(100.0), received(101.0)]
    assert [own is None for _, own in pair_turns(asked, [record(10.0)])].count(False) == 1
    assert pair_turns(asked, []) == [(asked[0], None), (asked[1], None)]


def test_figures_stand_beside_what_the_product_is_built_for():
    whole = report(findings())
    met = {target["figure"]: target["met"] for target in whole["targets"]}
    assert met["fps"] is True and set(met) >= {"latency_device_ms", "av_offset_received_ms", "mouth_r"}
    slow = report(findings(picture=Picture(width=640, height=360, fps=12.0, fps_with_repeats=30.0)))
    assert {target["figure"]: target["met"] for target in slow["targets"]}["fps"] is False
    assert "target missed: fps is 12.0" in table(slow)
