"""How a bot's stay ends, as a table: every refusal and every reason to leave, its final state, what people are told,
and whether trying again can help. Knows no platform and no database.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from bot.conversation.notices import GOODBYE
from bot.domain.lifecycle import BotState
from connectors.base import Refusal

SILENCE_GOODBYE = "It has been quiet for a while, so I'll leave now. Goodbye."
TIME_GOODBYE = "My time in this meeting is over. Goodbye, and thank you for having me."


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """`exit_code` is the bot process's own; 0 for a meeting that was attended and left in order. `goodbye`: said before
    leaving, where someone is there to hear it; empty for an end that leaves no time or needs no words."""

    state: BotState
    code: str
    sentence: str
    retryable: bool = False
    exit_code: int = 0
    goodbye: str = ""


def _refused(refusal: Refusal, exit_code: int, *, retryable: bool = False) -> Outcome:
    return Outcome(
        state=BotState.FAILED, code=refusal.value, sentence=refusal.text, retryable=retryable, exit_code=exit_code
    )


# Only what can heal by itself is retryable; a person's or a platform's "no" never is.
REFUSALS: dict[Refusal, Outcome] = {
    Refusal.INVALID_LINK: _refused(Refusal.INVALID_LINK, 10),
    Refusal.NOT_FOUND: _refused(Refusal.NOT_FOUND, 11),
    Refusal.NOT_STARTED: _refused(Refusal.NOT_STARTED, 12, retryable=True),
    Refusal.ENDED: _refused(Refusal.ENDED, 13),
    Refusal.FULL: _refused(Refusal.FULL, 14, retryable=True),
    Refusal.LOCKED: _refused(Refusal.LOCKED, 15),
    Refusal.DENIED: _refused(Refusal.DENIED, 16),
    Refusal.LOBBY_TIMEOUT: _refused(Refusal.LOBBY_TIMEOUT, 17),
    Refusal.SIGN_IN_REQUIRED: _refused(Refusal.SIGN_IN_REQUIRED, 18),
    Refusal.PASSCODE_WRONG: _refused(Refusal.PASSCODE_WRONG, 19),
    Refusal.BOTS_BLOCKED: _refused(Refusal.BOTS_BLOCKED, 20),
    Refusal.CAPTCHA: _refused(Refusal.CAPTCHA, 21),
    Refusal.UNREACHABLE: _refused(Refusal.UNREACHABLE, 22, retryable=True),
    Refusal.PAGE_NOT_UNDERSTOOD: _refused(Refusal.PAGE_NOT_UNDERSTOOD, 23),
    Refusal.BLOCKED_BY_POLICY: _refused(Refusal.BLOCKED_BY_POLICY, 24),
    Refusal.CONSENT_REQUIRED: _refused(Refusal.CONSENT_REQUIRED, 25),
    Refusal.ENCRYPTED: _refused(Refusal.ENCRYPTED, 26),
    Refusal.REGISTRATION_REQUIRED: _refused(Refusal.REGISTRATION_REQUIRED, 27),
    Refusal.SDK_REQUIRED: _refused(Refusal.SDK_REQUIRED, 28),
    Refusal.PLATFORM_ERROR: _refused(Refusal.PLATFORM_ERROR, 29, retryable=True),
}


def _left(code: str, sentence: str, *, goodbye: str = "") -> Outcome:
    return Outcome(state=BotState.ENDED, code=code, sentence=sentence, goodbye=goodbye)


# Why an attended meeting was left. The key is the code; `bot.domain.leave_rules` says when, and which one stays.
REASONS: dict[str, Outcome] = {
    outcome.code: outcome
    for outcome in (
        _left("asked_by_user", "A user made the bot leave.", goodbye=GOODBYE),
        _left("said_goodbye", "A participant said goodbye to the bot or asked it to leave."),  # and was answered
        _left("removed_by_host", "A host removed the bot from the meeting."),
        _left("meeting_ended", "The meeting ended for everyone."),
        _left("everyone_left", "Everyone else had left."),
        _left("nobody_came", "Nobody else came to the meeting in time."),
        _left("silence", "Nobody had spoken for the longest silence that is configured.", goodbye=SILENCE_GOODBYE),
        _left("time_limit", "The longest stay that is configured was reached.", goodbye=TIME_GOODBYE),
        _left("host_shutdown", "The bot's host was shut down, so the bot left.", goodbye=GOODBYE),
        _left("consent_ended", "The consent to show the character's face ended; the bot took it off and left."),
        _left("killed", "The kill switch was used; the bot fell silent and left."),
    )
}


def _failed(code: str, sentence: str, exit_code: int, *, retryable: bool = False) -> Outcome:
    return Outcome(state=BotState.FAILED, code=code, sentence=sentence, retryable=retryable, exit_code=exit_code)


# What broke. The key is the `code` of the error's class, or of the nearest class above it.
FAILURES: dict[str, Outcome] = {
    outcome.code: outcome
    for outcome in (
        _failed("unknown_platform", "No connector knows this meeting link.", 30),
        _failed("device_failed", "A virtual device did not start, or failed; `understudy doctor` may say why.", 31),
        _failed("browser_died", "The bot's browser ended before the bot did.", 32, retryable=True),
        _failed("engine_died", "The avatar engine ended before the bot did.", 33, retryable=True),
        _failed("consent_missing", "The character has no valid consent record.", 34),
        _failed("bad_character", "The character's picture cannot be used.", 35),
        _failed("hearing_error", "The recogniser could not go on.", 36, retryable=True),
        _failed("voice_error", "The voice could not speak.", 37, retryable=True),
        _failed("unknown_voice", "The character's voice does not exist on this host.", 38),
        _failed("unknown_character", "The character of this bot no longer exists.", 39),
        _failed("internal_error", "The bot process failed; its log says where.", 40),
        _failed("bad_format", "The character's engine cannot make a picture of the size that is set.", 41),
        _failed("bad_settings", "A setting cannot be used; the bot's log names it.", 42),
        _failed("engine_error", "The avatar engine could not go on.", 43),
        _failed("connector_error", "The connector could not go on.", 44),
        _failed("connection_lost", "The meeting's page lost its connection.", 45, retryable=True),
        _failed("left_unasked", "The meeting's page left the call without the bot having asked for it.", 46),
    )
}

# Not an end: nobody in the meeting has seen the bot. Its host went; or it was ready, and its time was moved far away.
SENT_ANEW = Outcome(
    state=BotState.SCHEDULED,
    code="host_shutdown",
    sentence="The bot's host was shut down before the bot had begun to join; it is sent anew.",
)
STOOD_DOWN = Outcome(state=BotState.SCHEDULED, code="retimed", sentence="The bot's time was moved; it is sent anew.")


def failure_of(error: BaseException) -> Outcome:
    """The row of the error's class or of the nearest one above it. A narrower class says what to do in its docstring,
    which is the product's own text, and may know that trying again is no use."""
    kind = type(error)
    row = next((one for one in kind.__mro__ if one.__dict__.get("code") in FAILURES), None)
    if row is None:
        return FAILURES["internal_error"]
    outcome = FAILURES[row.__dict__["code"]]
    advice = "" if row is kind else " ".join((kind.__doc__ or "").split())
    retryable = outcome.retryable and getattr(error, "retryable", True)
    return replace(outcome, sentence=f"{outcome.sentence} {advice}".strip(), retryable=retryable)


FENCED_EXIT_CODE = 50  # another process owns this bot now: nothing is written, the meeting is left
