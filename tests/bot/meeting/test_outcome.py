from bot.domain.lifecycle import TERMINAL, BotState
from bot.meeting.outcome import FAILURES, FENCED_EXIT_CODE, REASONS, REFUSALS
from connectors.base import Refusal


def test_every_refusal_has_an_outcome() -> None:
    assert set(REFUSALS) == set(Refusal)
    assert all(outcome.state is BotState.FAILED and outcome.sentence for outcome in REFUSALS.values())


def test_exit_codes_tell_every_failure_apart() -> None:
    codes = [outcome.exit_code for outcome in (*REFUSALS.values(), *FAILURES.values())] + [FENCED_EXIT_CODE]
    assert len(set(codes)) == len(codes)
    assert 0 not in codes


def test_a_no_is_never_tried_again() -> None:
    final = {Refusal.DENIED, Refusal.BOTS_BLOCKED, Refusal.CAPTCHA, Refusal.SIGN_IN_REQUIRED, Refusal.LOCKED}
    final |= {Refusal.BLOCKED_BY_POLICY, Refusal.SDK_REQUIRED, Refusal.CONSENT_REQUIRED, Refusal.ENCRYPTED}
    assert not any(REFUSALS[refusal].retryable for refusal in final)


def test_every_reason_to_leave_is_an_orderly_end() -> None:
    assert all(outcome.state in TERMINAL and outcome.exit_code == 0 for outcome in REASONS.values())
