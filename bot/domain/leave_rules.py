"""When should the bot leave? Pure rules over a snapshot; knows no clock, no platform, no database."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum


class Rank(IntEnum):
    """Which reason stays when several come together: the highest; among equals the first."""

    BY_ITSELF = 0  # the clock, or a meeting that ends
    HOST_MACHINE = 1  # the bot's own host is being shut down
    A_PERSON = 2  # whoever says so first: a user, a participant, the meeting's host
    KILL = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Snapshot:
    """How it stands. Each of the seconds is 0 while its condition does not hold."""

    told: frozenset[str] = frozenset()  # reasons that people, the platform or the host have given
    alone_s: float = 0.0  # since the last other person left
    unattended_s: float = 0.0  # in the call, and nobody has come yet
    silent_s: float = 0.0  # in the call, since anyone but the bot last spoke or wrote
    in_call_s: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    alone_s: float
    unattended_s: float
    silent_s: float
    in_call_s: float


Applies = Callable[[Snapshot, Limits], bool]


def _was_told(reason: str) -> Applies:
    return lambda now, limits: reason in now.told


LEAVE_RULES: tuple[tuple[str, Rank, Applies], ...] = (  # the strongest first
    ("killed", Rank.KILL, _was_told("killed")),
    ("asked_by_user", Rank.A_PERSON, _was_told("asked_by_user")),
    ("removed_by_host", Rank.A_PERSON, _was_told("removed_by_host")),
    ("said_goodbye", Rank.A_PERSON, _was_told("said_goodbye")),
    ("consent_ended", Rank.A_PERSON, _was_told("consent_ended")),  # whose face it is has the say, by word or by date
    ("host_shutdown", Rank.HOST_MACHINE, _was_told("host_shutdown")),
    ("meeting_ended", Rank.BY_ITSELF, _was_told("meeting_ended")),
    ("everyone_left", Rank.BY_ITSELF, lambda now, limits: now.alone_s >= limits.alone_s),
    ("nobody_came", Rank.BY_ITSELF, lambda now, limits: now.unattended_s >= limits.unattended_s),
    ("silence", Rank.BY_ITSELF, lambda now, limits: now.silent_s >= limits.silent_s),
    ("time_limit", Rank.BY_ITSELF, lambda now, limits: now.in_call_s >= limits.in_call_s),
)

_RANKS = {reason: rank for reason, rank, _ in LEAVE_RULES}


def reason_to_leave(now: Snapshot, limits: Limits) -> str | None:
    return next((reason for reason, _, applies in LEAVE_RULES if applies(now, limits)), None)


def stronger(reason: str, than: str | None) -> bool:
    """Does `reason` replace `than`? A person's word dominates what happens by itself: a user's stop while the meeting
    ends is still a user's stop. Raises KeyError for a reason that has no rule."""
    return than is None or _RANKS[reason] > _RANKS[than]
