"""What `bench minute` tells of bots that were due together, from the events of each."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from bot.domain.lifecycle import BotState
from bot.store.bots import BotEvent
from tests.benchmarks import minute
from tests.bot.stores import NOW

LIFE = (
    *((BotState.SCHEDULED, -75.0), (BotState.CLAIMED, -40.0), (BotState.STARTING, -39.0), (BotState.JOINING, 0.1)),
    *((BotState.IN_CALL, 2.0), (BotState.LEAVING, 7.0), (BotState.POST_PROCESSING, 8.0), (BotState.ENDED, 9.0)),
)


def life(*, late_s: float = 0.1, later_s: float = 0.0, code: str = "asked_by_user") -> minute.Came:
    events = [
        BotEvent(
            bot_id="b",
            sequence=number,
            attempt=1,
            kind="state",
            state=state,
            code=code if state is BotState.ENDED else None,
            sub_code=None,
            detail="",
            data={"late_s": late_s} if state is BotState.JOINING else {},
            at=NOW + timedelta(seconds=at_s + later_s),
        )
        for number, (state, at_s) in enumerate(LIFE)
    ]
    return minute.came(events, NOW)


def test_what_is_told_of_a_bot_is_read_from_its_events() -> None:
    one = life()
    assert (one.knocks, one.late_s, one.in_call_s, one.claims, one.end) == (1, 0.1, 2.0, 1, "ended:asked_by_user")
    assert minute.at_once([one, life(), life(later_s=100.0)]) == 2
    assert minute.troubles([one, life(later_s=100.0)], most=1) == []


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([{}, {}], "2 at once"),
        ([{"code": "alone"}], "ended as ended:alone"),
        ([{"late_s": -1.0}], "-1.0 s late"),
        ([{"late_s": 901.0}], "901.0 s late"),
    ],
)
def test_a_bot_that_is_not_as_promised_is_told(rows: list[dict[str, Any]], words: str) -> None:
    (told,) = minute.troubles([life(**row) for row in rows], most=1)
    assert words in told
