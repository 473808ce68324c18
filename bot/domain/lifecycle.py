"""The states of a bot and the moves between them, as data. Knows no database, no clock, no process.

A bot is scheduled, claimed by a dispatcher (which gives it an attempt number), started by a bot host, and from then on
moved by its own process. `attempt` fences: only the process of the current attempt may move the bot.
"""

from __future__ import annotations

from enum import StrEnum


class BotState(StrEnum):
    SCHEDULED = "scheduled"
    CLAIMED = "claimed"
    STARTING = "starting"
    JOINING = "joining"
    WAITING_ROOM = "waiting_room"
    IN_CALL = "in_call"
    LEAVING = "leaving"
    POST_PROCESSING = "post_processing"
    ENDED = "ended"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"
    DATA_DELETED = "data_deleted"


class Command(StrEnum):
    """What a user may ask of a bot that is running; it reads this in the answer to its heartbeat."""

    LEAVE = "leave"  # say goodbye and leave as a person would
    KILL = "kill"  # be silent and gone at once


_S = BotState
TRANSITIONS: dict[BotState, frozenset[BotState]] = {
    _S.SCHEDULED: frozenset({_S.CLAIMED, _S.CANCELLED, _S.FAILED}),
    # Back to scheduled: nothing was ever heard of the launch, and there is still time to join.
    _S.CLAIMED: frozenset({_S.STARTING, _S.SCHEDULED, _S.CANCELLED, _S.FAILED, _S.LOST}),
    _S.STARTING: frozenset({_S.SCHEDULED, _S.JOINING, _S.LEAVING, _S.CANCELLED, _S.FAILED, _S.LOST}),
    # And here: the meeting could not be joined yet, and trying again can help (`retry.py`).
    _S.JOINING: frozenset({_S.SCHEDULED, _S.WAITING_ROOM, _S.IN_CALL, _S.LEAVING, _S.FAILED, _S.LOST}),
    _S.WAITING_ROOM: frozenset({_S.SCHEDULED, _S.IN_CALL, _S.LEAVING, _S.FAILED, _S.LOST}),
    # Straight to post-processing: removed by a host, or the meeting ended; there is nothing left to leave.
    _S.IN_CALL: frozenset({_S.LEAVING, _S.POST_PROCESSING, _S.FAILED, _S.LOST}),
    _S.LEAVING: frozenset({_S.POST_PROCESSING, _S.ENDED, _S.FAILED, _S.LOST}),
    _S.POST_PROCESSING: frozenset({_S.ENDED, _S.FAILED, _S.LOST}),
    _S.ENDED: frozenset({_S.DATA_DELETED}),
    _S.FAILED: frozenset({_S.DATA_DELETED}),
    _S.CANCELLED: frozenset({_S.DATA_DELETED}),
    _S.LOST: frozenset({_S.DATA_DELETED}),
    _S.DATA_DELETED: frozenset(),
}

TERMINAL = frozenset({_S.ENDED, _S.FAILED, _S.CANCELLED, _S.LOST, _S.DATA_DELETED})
"""A bot in one of these does nothing more; only its data may still be deleted."""

LIVE = frozenset({_S.SCHEDULED, _S.CLAIMED, _S.STARTING, _S.JOINING, _S.WAITING_ROOM, _S.IN_CALL, _S.LEAVING})
"""A bot in one of these holds its occurrence: a workspace has at most one such bot per occurrence of a meeting."""

IN_ROOM = LIVE - {_S.SCHEDULED}
"""A bot in one of these is in its meeting's room or on its way there: a workspace has at most one such bot a room."""

RUNNING = LIVE - {_S.SCHEDULED, _S.CLAIMED} | {_S.POST_PROCESSING}
"""A bot in one of these has a process, which is told to leave through its lease."""

PHASES: dict[str, frozenset[BotState]] = {
    "live": RUNNING | {_S.CLAIMED},
    "upcoming": frozenset({_S.SCHEDULED}),
    "ended": TERMINAL,
}
"""How people look at bots; every state is in exactly one."""


def can_move(origin: BotState, target: BotState) -> bool:
    return target in TRANSITIONS[origin]


def origins(target: BotState) -> frozenset[BotState]:
    """The states from which `target` can be reached in one move."""
    return frozenset(origin for origin, targets in TRANSITIONS.items() if target in targets)
