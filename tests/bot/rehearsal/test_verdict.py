"""A scene passes only when the bot behaved: each way of not behaving is a problem of its own."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from bot.rehearsal.measure import Span
from bot.rehearsal.questions import Question
from bot.rehearsal.report import Findings, Picture, Received
from bot.rehearsal.scene import Act, Over, OverActed, Played, Step
from bot.rehearsal.script import Turn
from bot.rehearsal.truth import Diarized, Spoken, moved
from bot.rehearsal.usage import Cost
from bot.rehearsal.verdict import SceneFindings, scene_report, scene_table

CLOCK_S = 500.0  # between the script's clock and the bot's timeline


def span(start_s: float, end_s: float) -> Span:
    return Span(start_s=start_s, end_s=end_s)


def over(do: str, who: str, start_s: float, end_s: float) -> OverActed:
    return OverActed(over=Over(do=do, who=who, text="Yeah.", after_s=1.0), said=span(start_s, end_s))


def act(do: str, who: str, began_s: float, ended_s: float, **played: Any) -> Act:
    step = Step(do=do, who=who, text="Iris, when?")
    return Act(step=step, began_s=began_s, ended_s=ended_s, **played)


PLAYED = Played(
    began_s=500.0,
    ended_s=570.0,
    notice=span(501.0, 506.0),
    acts=(
        act("aside", "Ben", 510.0, 516.0, said=span(510.0, 513.0)),
        act(
            "ask",
            "Ben",
            516.0,
            530.0,
            said=span(516.0, 518.0),
            answered=span(519.0, 529.0),
            over=(over("backchannel", "Ada", 521.0, 521.3), over("backchannel", "Ada", 524.0, 524.3)),
        ),
        act("join", "Carl", 531.0, 540.0, answered=span(533.0, 538.0), written=1),
        act(
            "ask",
            "Ben",
            541.0,
            552.0,
            said=span(541.0, 543.0),
            answered=span(544.0, 546.6),
            over=(over("interruption", "Ada", 546.0, 549.5),),
        ),
        act("goodbye", "Ada", 553.0, 560.0, said=span(553.0, 555.0), answered=span(556.0, 558.0)),
    ),
)
HEARD = [span(*times) for times in ((501.0, 506.0), (519.0, 523.0), (523.6, 529.0), (533.0, 538.0), (544.0, 546.6))]
TRUTH = [
    Spoken(who=who, span=span(*times))
    for who, *times in (
        ("Ben", 510.0, 513.0),
        ("Ben", 516.0, 518.0),
        ("Ada", 521.0, 521.3),
        ("Ben", 541.0, 543.0),
        ("Ada", 546.0, 549.5),
        ("Ada", 553.0, 555.0),
    )
]
CUT = {"by": "p1", "decided_to_silence_ms": 120.0, "onset_to_silence_ms": 640.0}


def record(t0_s: float, **changes: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {"t0_s": t0_s, "heard": "when", "answer": "In May.", "passages": [], "interrupted": False}
    return {**fields, "latency_device_ms": 900.0, **changes}


RECORDS = [record(18.1), record(43.1, interrupted=True, interruption=CUT)]


def findings(records: list[dict[str, Any]]) -> Findings:
    asked = [one for one in PLAYED.acts if one.step.do == "ask" and one.said]
    turns = [Turn(question=Question(text="x"), asked=one.said, answered=one.answered) for one in asked if one.said]
    said = [{"speaker_name": name, "text": "x", "start_ms": 1, "end_ms": 2} for name in ("Ada", "Iris")]
    return Findings(
        bot_id="b",
        task_id="t",
        pids={"dispatcher": 2, "worker": 3, "bot": 4},
        running={"bot": True},
        asker="Ada",
        joined_s=4.0,
        final_state="ended",
        received=[Received(turn=turn) for turn in turns],
        records=records,
        picture=Picture(),
        cost=Cost(share_of_core=0.6, pss_mb=700.0, processes=12),
        transcript=said,
    )


def judged(
    records: list[dict[str, Any]] | None = None, *, error: Diarized | None = None, **changes: Any
) -> dict[str, Any]:
    good = SceneFindings(
        name="table",
        streams="separate",
        played=PLAYED,
        heard=HEARD,
        truth=TRUTH,
        claim=moved(TRUTH, -CLOCK_S),
        obeyed=True,
        diarization="streams",
    )
    return scene_report(
        findings(RECORDS if records is None else records),
        replace(good, **changes),
        lambda truth, claim: error or Diarized(rate=0.031),
    )


def played(index: int, **changes: Any) -> Played:
    acts = list(PLAYED.acts)
    acts[index] = replace(acts[index], **changes)
    return replace(PLAYED, acts=tuple(acts))


def test_a_bot_that_behaves_is_ok() -> None:
    whole = judged()
    assert whole["ok"], whole["problems"]
    assert (whole["false_turns"], whole["missed_turns"], whole["names_right"]) == (0, 0, 1.0)
    assert whole["backchannels"] == {"count": 2, "cut": 0}
    assert whole["late_notice"] == [{"to": "Carl", "spoken": True, "written": 1}]
    cut = whole["interruptions"][0]
    assert cut["cut"] and (cut["decided_to_silence_ms"], cut["onset_to_silence_ms"]) == (120.0, 640.0)
    assert cut["received_onset_to_silence_ms"] == 600.0
    assert json.loads(json.dumps(whole))["scene_s"] == 70.0 and whole["der"] == 0.031
    assert "interrupted by Ada: cut" in scene_table(whole)


STAYS = [*HEARD[:4], span(544.0, 549.9)]
GOES_ON = [*HEARD[:4], span(544.0, 546.6), span(551.0, 551.9)]
NODDED_AWAY = [HEARD[0], span(519.0, 521.5), *HEARD[3:]]
WRONG_NAMES = [replace(one, who="Ada") for one in moved(TRUTH, -CLOCK_S)]
SILENT_RECORD = [record(18.1), record(43.1)]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"heard": [HEARD[0], span(514.5, 515.5), *HEARD[1:]]}, r"nobody had asked it, at 14.5 s"),
        ({"heard": GOES_ON}, r"nobody had asked it, at 51.0 s"),
        ({"heard": STAYS}, "did not stop for Ada"),
        ({"records": SILENT_RECORD}, "did not stop for Ada"),
        ({"played": played(3, answered=None, over=())}, "1 questions were not answered"),
        ({"heard": NODDED_AWAY, "records": [record(18.1, interrupted=True), RECORDS[1]]}, "2 of 2 nods"),
        ({"played": played(2, answered=None, written=0)}, "to Carl, who came late"),
        ({"obeyed": False}, "told goodbye"),
        ({"claim": WRONG_NAMES}, "only 45% of the transcript's seconds"),
        ({"claim": []}, "only 0%"),
        ({"played": None}, "not played to its end"),
        ({"error": Diarized(rate=0.062)}, "error rate of who spoke when is 6.2%"),
        ({"error": Diarized(rate=None, reason="no pyannote.metrics")}, "not measured: no pyannote.metrics"),
        ({"streams": "mix", "error": Diarized(rate=None, reason="no x")}, "not measured: no x"),
        ({"played": played(3, over=())}, "nobody interrupted"),
        ({"records": [RECORDS[0], record(43.1, interrupted=True)]}, "no times of its stop for Ada"),
    ],
)
def test_each_way_of_not_behaving_is_a_problem(changes: dict[str, Any], problem: str) -> None:
    whole = judged(**changes)
    assert not whole["ok"]
    assert any(re.search(problem, said) for said in whole["problems"]), whole["problems"]
    assert "problem: " in scene_table(whole)


def test_a_late_one_may_be_told_by_voice_or_in_writing() -> None:
    for told in ({"written": 0}, {"answered": None}):
        assert judged(played=played(2, **told))["ok"]


def test_names_of_a_mix_are_reported_not_judged() -> None:
    random = Diarized(rate=0.5)
    whole = judged(streams="mix", claim=WRONG_NAMES, error=random, diarization="random weights prove the path only")
    assert whole["ok"] and whole["names_right"] < 0.5
    assert "der" not in {target["figure"] for target in whole["targets"]}
    assert "random weights" in scene_table(whole)


def test_times_are_targets_not_problems() -> None:
    slow = {**CUT, "decided_to_silence_ms": 450.0, "onset_to_silence_ms": 1900.0}
    whole = judged([RECORDS[0], record(43.1, interrupted=True, interruption=slow)])
    met = {target["figure"]: target["met"] for target in whole["targets"]}
    assert whole["ok"] and met["decided_to_silence_ms"] is met["onset_to_silence_ms"] is False


def test_without_the_bots_records_the_listeners_ears_judge() -> None:
    whole = judged([])
    assert whole["interruptions"][0]["cut"] and whole["interruptions"][0]["decided_to_silence_ms"] is None
    assert whole["backchannels"]["cut"] == 0
