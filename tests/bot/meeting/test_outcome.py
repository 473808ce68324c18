import re
from types import ModuleType

import pytest

from bot.commands import run
from bot.domain.lifecycle import TERMINAL, BotState
from bot.domain.occurrence import BY_CODE
from bot.hearing.diarization.errors import ModelGated, ModelNotFetched
from bot.hearing.whisper_recogniser import WeightsMissing
from bot.meeting.outcome import FAILURES, FENCED_EXIT_CODE, REASONS, REFUSALS, failure_of
from bot.store.occurrences import WITHDRAWN
from connectors.base import ConnectionLost, LeftUnasked, NotSupported, Refusal
from engine.diffusion.errors import BadCheckpoint
from engine.portrait.importing.errors import FaceCutOff


def test_every_refusal_has_an_outcome() -> None:
    assert set(REFUSALS) == set(Refusal)
    assert all(outcome.state is BotState.FAILED and outcome.sentence for outcome in REFUSALS.values())


def test_exit_codes_tell_every_failure_apart() -> None:
    codes = [outcome.exit_code for outcome in (*REFUSALS.values(), *FAILURES.values())] + [FENCED_EXIT_CODE]
    assert len(set(codes)) == len(codes)
    assert 0 not in codes


def test_the_exit_codes_people_are_told_are_those_there_are() -> None:
    (refused, failed, fenced) = re.search(
        r"(\d+-\d+) the meeting.* (\d+-\d+) a part.* (\d+) another", told(run)
    ).groups()
    for span, outcomes in ((refused, REFUSALS), (failed, FAILURES)):
        codes = [outcome.exit_code for outcome in outcomes.values()]
        assert span == f"{min(codes)}-{max(codes)}"
    assert int(fenced) == FENCED_EXIT_CODE


def told(module: ModuleType) -> str:
    return " ".join((module.__doc__ or "").split())


def test_a_no_is_never_tried_again() -> None:
    final = {Refusal.DENIED, Refusal.BOTS_BLOCKED, Refusal.CAPTCHA, Refusal.SIGN_IN_REQUIRED, Refusal.LOCKED}
    final |= {Refusal.BLOCKED_BY_POLICY, Refusal.SDK_REQUIRED, Refusal.CONSENT_REQUIRED, Refusal.ENCRYPTED}
    assert not any(REFUSALS[refusal].retryable for refusal in final)


def test_every_reason_to_leave_is_an_orderly_end() -> None:
    assert all(outcome.state in TERMINAL and outcome.exit_code == 0 for outcome in REASONS.values())


def test_what_becomes_of_an_occurrence_is_told_by_codes_that_bots_end_with() -> None:
    before_it_ran = {WITHDRAWN, "asked_to_leave", "already_there"}
    assert set(BY_CODE) - before_it_ran <= {outcome.code for outcome in (*REFUSALS.values(), *REASONS.values())}


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (WeightsMissing("/models/small lacks model.bin"), "hearing_error"),
        (ModelGated("gated"), "hearing_error"),
        (BadCheckpoint("cut off"), "engine_error"),
        (FaceCutOff(), "bad_character"),
        (NotSupported(), "connector_error"),
    ],
)
def test_what_broke_is_told_by_its_nearest_row_with_what_to_do(error, code) -> None:
    outcome = failure_of(error)
    assert (outcome.code, outcome.exit_code) == (code, FAILURES[code].exit_code)
    assert outcome.sentence.startswith(FAILURES[code].sentence)
    assert " ".join(type(error).__doc__.split()) in outcome.sentence
    assert str(error) not in outcome.sentence or str(error) in type(error).__doc__, "a message may name people's files"
    assert not outcome.retryable


def test_a_page_that_left_by_itself_is_not_followed_by_another_bot_and_a_lost_connection_may_be() -> None:
    left, lost = failure_of(LeftUnasked()), failure_of(ConnectionLost())
    assert (left.code, left.retryable) == ("left_unasked", False)
    assert (lost.code, lost.retryable) == ("connection_lost", True)


def test_what_can_heal_stays_retryable_and_what_has_no_row_is_ours() -> None:
    assert failure_of(ModelNotFetched("no answer")).retryable
    assert failure_of(ZeroDivisionError()) == FAILURES["internal_error"]
