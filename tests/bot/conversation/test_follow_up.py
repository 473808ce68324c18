"""What the person just answered says next, where others are: `replies.json`. Every sentence there was chosen to be
hard, so its shares are far above a meeting's. To none of `held_out` was a rule tuned."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bot.conversation.addressing import Because, Remark, why

REPLIES = json.loads(Path(__file__).with_name("replies.json").read_text("utf-8"))


def taken_for_ours(sentences: list[str]) -> list[str]:
    remarks = [Remark(text=one, others=3, names=("Iris",), since_answer_s=3.0) for one in sentences]
    return [remark.text for remark in remarks if why(remark) is Because.REPLY]


@pytest.mark.parametrize(
    ("name", "most_false", "most_missed"), [("written_first", 0.08, 0.03), ("held_out", 0.26, 0.08)]
)
def test_the_askers_next_words_are_told_apart(name: str, most_false: float, most_missed: float) -> None:
    others, ours = REPLIES[name]["to_others"], REPLIES[name]["to_us"]
    false, found = taken_for_ours(others), taken_for_ours(ours)
    missed = [one for one in ours if one not in found]
    print(f"{name}: false {len(false)} of {len(others)}, missed {len(missed)} of {len(ours)}")
    assert len(false) / len(others) <= most_false, false
    assert len(missed) / len(ours) <= most_missed, missed


def test_what_is_added_to_a_question_not_yet_answered_belongs_to_it() -> None:
    added = "it is for the bed behind my house"
    assert why(Remark(text=added, others=3, names=("Iris",), since_answer_s=0.0)) is Because.REPLY
    assert why(Remark(text=added, others=3, names=("Iris",), since_answer_s=0.1)) is Because.NOT_ADDRESSED
