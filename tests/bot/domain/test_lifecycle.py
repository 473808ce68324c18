"""The table of states, walked."""

from __future__ import annotations

import pytest

from bot.domain.lifecycle import LIVE, RUNNING, TERMINAL, TRANSITIONS, BotState, can_move, origins


def test_every_state_has_a_row_and_every_state_but_the_first_can_be_reached():
    assert set(TRANSITIONS) == set(BotState)
    assert {state for state in BotState if origins(state)} == set(BotState)


def test_from_every_state_the_bot_can_still_come_to_an_end():
    for state in BotState:
        reached, frontier = {state}, [state]
        while frontier:
            for target in TRANSITIONS[frontier.pop()] - reached:
                reached.add(target)
                frontier.append(target)
        assert reached & TERMINAL


@pytest.mark.parametrize("state", sorted(TERMINAL - {BotState.DATA_DELETED}))
def test_after_the_end_only_the_data_can_go(state):
    assert TRANSITIONS[state] == {BotState.DATA_DELETED}


@pytest.mark.parametrize("state", sorted(RUNNING))
def test_a_running_bot_can_always_fail_or_be_lost(state):
    assert can_move(state, BotState.FAILED) and can_move(state, BotState.LOST)


def test_a_bot_that_is_over_holds_no_meeting_and_one_that_writes_up_has_left_it():
    assert not LIVE & TERMINAL
    assert BotState.POST_PROCESSING in RUNNING - LIVE
