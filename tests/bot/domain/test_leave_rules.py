"""When the bot leaves: the table, row by row."""

from __future__ import annotations

from dataclasses import fields, replace
from itertools import pairwise, permutations

import pytest

from bot.domain.leave_rules import LEAVE_RULES, Limits, Rank, Snapshot, reason_to_leave, stronger

LIMITS = Limits(alone_s=60.0, unattended_s=1200.0, silent_s=900.0, in_call_s=14_400.0)
QUIET = Snapshot()
BY_CLOCK = {"everyone_left": "alone_s", "nobody_came": "unattended_s", "silence": "silent_s", "time_limit": "in_call_s"}
REASONS = [reason for reason, _, _ in LEAVE_RULES]
TOLD = [reason for reason in REASONS if reason not in BY_CLOCK]


def test_every_limit_has_its_rule() -> None:
    assert set(BY_CLOCK.values()) == {field.name for field in fields(Limits)}


@pytest.mark.parametrize(("reason", "field"), BY_CLOCK.items())
def test_the_clock_ends_a_stay_at_the_limit_and_not_before(reason: str, field: str) -> None:
    limit_s = getattr(LIMITS, field)
    assert reason_to_leave(replace(QUIET, **{field: limit_s - 0.001}), LIMITS) is None
    assert reason_to_leave(replace(QUIET, **{field: limit_s}), LIMITS) == reason


@pytest.mark.parametrize("reason", TOLD)
def test_what_the_bot_is_told_ends_the_stay_at_once(reason: str) -> None:
    assert reason_to_leave(replace(QUIET, told=frozenset({reason})), LIMITS) == reason


def test_of_rules_that_apply_at_once_the_first_of_the_table_is_the_reason() -> None:
    for first, second in pairwise(TOLD):
        assert reason_to_leave(replace(QUIET, told=frozenset({first, second})), LIMITS) == first


def test_the_table_is_in_order_of_rank() -> None:
    ranks = [rank for _, rank, _ in LEAVE_RULES]
    assert ranks == sorted(ranks, reverse=True) and set(ranks) == set(Rank)


def test_a_stronger_reason_replaces_one_that_came_before_and_no_other_does() -> None:
    rank = {reason: rank for reason, rank, _ in LEAVE_RULES}
    for before, after in permutations(REASONS, 2):
        assert stronger(after, before) is (rank[after] > rank[before])
    assert stronger("silence", None)
