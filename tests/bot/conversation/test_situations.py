"""How often the bot speaks when it should not, and is silent when it should speak: on situations written as data."""

from __future__ import annotations

from functools import cache

import pytest

from tests.bot.conversation.situations import Outcome, Score, score, situations

MOST_FALSE = 0.03
MOST_MISSED = 0.08
SETS = ("situations", "situations_held_out")
READERS = "situations_by_a_reader"  # written by one who had not seen the rules; what went wrong was mended after
TUNED = "situations_office"  # the same
BLIND = ("situations_site", "situations_council")  # the same, and nobody has looked at what goes wrong in them
MOST_MISSED_WITHOUT_MARKS = 0.15  # without a comma "Iris is rain water better" is talk about Iris

told = cache(score)


@pytest.mark.parametrize("name", [*SETS, READERS, TUNED, *BLIND])
def test_the_bot_takes_for_itself_what_is_for_it(name: str) -> None:
    got: Score = told(name)
    print(f"{name}: {len(situations(name))} situations, {got}")
    assert got.share(Outcome.NOTHING) <= MOST_FALSE, got.false
    assert got.missed_share <= MOST_MISSED, got.missed


@pytest.mark.slow
@pytest.mark.parallel
@pytest.mark.parametrize("name", [*SETS, READERS, TUNED, *BLIND])
def test_without_marks_it_speaks_no_oftener(name: str) -> None:
    got = score(name, marks=False)
    print(f"{name} without marks: {got}")
    assert got.share(Outcome.NOTHING) <= MOST_FALSE, got.false
    assert got.missed_share <= MOST_MISSED_WITHOUT_MARKS, got.missed


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("outcome", [Outcome.ANSWER, Outcome.LEAVE, Outcome.STOP])
def test_none_of_its_outcomes_makes_up_for_another(name: str, outcome: Outcome) -> None:
    got: Score = told(name)
    assert got.lines[outcome] >= 4 and got.share(outcome) <= MOST_MISSED, got.wrong[outcome]


def test_a_third_of_the_situations_was_held_back() -> None:
    written, held_out = (len(situations(name)) for name in SETS)
    assert written + held_out >= 200 and held_out / (written + held_out) >= 1 / 3
