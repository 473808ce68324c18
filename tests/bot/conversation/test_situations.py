"""How often the bot speaks when it should not, and is silent when it should speak: on situations written as data."""

from __future__ import annotations

import pytest

from tests.bot.conversation.situations import score, situations

MOST_FALSE = 0.03
MOST_MISSED = 0.08
SETS = ("situations", "situations_held_out")


@pytest.mark.parametrize("name", SETS)
def test_the_bot_takes_for_itself_what_is_for_it(name: str) -> None:
    told = score(name)
    print(f"{name}: {len(situations(name))} situations, {told}")
    assert told.false_share <= MOST_FALSE, told.false
    assert told.missed_share <= MOST_MISSED, told.missed


def test_a_third_of_the_situations_was_held_back() -> None:
    written, held_out = (len(situations(name)) for name in SETS)
    assert written + held_out >= 60 and held_out / (written + held_out) >= 1 / 3
