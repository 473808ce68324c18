"""One bot per occurrence of a meeting: what becomes of an occurrence, and who may send another bot to it. Tables over
states and codes; knows no clock and no database.

An occurrence is one meeting at one time: a link and a start. A standing room has one for every time people meet there.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from bot.domain.lifecycle import BotState

NEAR = timedelta(minutes=5)
"""Two starts no further apart are one occurrence: calendars round, people send a bot a little early or late."""

STOP_HOLDS = timedelta(hours=4)
"""So long after a stop a bot that is sent to the same room "now" counts as sent to the occurrence that was stopped: the
longest a meeting lasts by default. A start that is given is compared with starts alone, for ever."""


class Disposition(StrEnum):
    """What has become of an occurrence, its bot that may be under way apart."""

    OPEN = "open"  # no bot has been there, or its bot was withdrawn by who had sent it
    STOPPED = "stopped"  # a user stopped its bot
    TURNED_AWAY = "turned_away"  # someone in the meeting did not want it: denied, removed
    SERVED = "served"  # its bot was there and has left in order
    RETRIED = "retried"  # its bot could not join and is scheduled again
    FAILED = "failed"  # its bot could not join, and trying again did not help or cannot
    LOST = "lost"  # its bot vanished from the meeting


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """May a bot be made? `by_rule`: a calendar or another automatism asks; `on_request`: someone sends a bot."""

    by_rule: bool
    on_request: bool
    sentence: str


_D = Disposition
RULES: dict[Disposition, Rule] = {
    _D.OPEN: Rule(by_rule=True, on_request=True, sentence="Nothing stands against a bot."),
    _D.STOPPED: Rule(by_rule=False, on_request=False, sentence="A user stopped the bot of this meeting."),
    _D.TURNED_AWAY: Rule(by_rule=False, on_request=False, sentence="The bot of this meeting was turned away there."),
    _D.SERVED: Rule(by_rule=False, on_request=False, sentence="The bot of this meeting has been there and has left."),
    _D.RETRIED: Rule(
        by_rule=False, on_request=True, sentence="The bot of this meeting could not join and tries again."
    ),
    _D.FAILED: Rule(by_rule=False, on_request=True, sentence="The bot of this meeting could not join."),
    _D.LOST: Rule(by_rule=False, on_request=True, sentence="The bot of this meeting was lost in it."),
}
"""An explicit override passes all of them. No override sends a second bot beside one that is under way."""

STICKY = frozenset({_D.STOPPED, _D.TURNED_AWAY})
"""A person's no: how the bot then ends changes nothing about it."""

# What an end means for its occurrence: first by the bot's code, then by its state.
BY_CODE: dict[str, Disposition] = {
    "asked_to_leave": _D.STOPPED,
    "asked_by_user": _D.STOPPED,
    "killed": _D.STOPPED,
    "withdrawn": _D.OPEN,
    "removed_by_host": _D.TURNED_AWAY,
    "request_denied": _D.TURNED_AWAY,
    "bots_blocked": _D.TURNED_AWAY,
    "blocked_by_policy": _D.TURNED_AWAY,
    "already_there": _D.SERVED,
}
_ASKED = frozenset({"asked_to_leave", "asked_by_user"})
BY_STATE: dict[BotState, Disposition] = {
    BotState.ENDED: _D.SERVED,
    BotState.FAILED: _D.FAILED,
    BotState.CANCELLED: _D.STOPPED,
    BotState.LOST: _D.LOST,
}


def may_spawn(disposition: Disposition, *, by_rule: bool, override: bool) -> bool:
    rule = RULES[disposition]
    return override or (rule.by_rule if by_rule else rule.on_request)


def settled(was: Disposition, *, state: BotState, code: str | None, withdrawn: bool = False) -> Disposition:
    """What the occurrence is once its bot has come to this final state with this code; `withdrawn`: who had sent it
    took it back, and no user."""
    if was in STICKY:
        return was
    if withdrawn and code in _ASKED:
        return Disposition.OPEN
    return BY_CODE.get(code or "", BY_STATE.get(state, was))
