"""From what is wanted and what stands to what is to be done: bots made, moved to another time, taken back. Pure.

What stands is a `Standing` for each meeting a bot was once wanted for, with the bot it got. A user's "no" stands for as
long as the meeting does, wherever it is moved; a bot that has been there has been there for that start alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.calendars.model import SAME_START, Verdict, Want
from bot.domain.join_time import JOIN_WINDOW
from bot.domain.lifecycle import TERMINAL, BotState
from bot.domain.occurrence import BY_CODE, STICKY


class Stand(StrEnum):
    PLANNED = "planned"  # without a bot for now
    BOOKED = "booked"  # it has a bot of ours
    TAKEN = "taken"  # a bot that someone else sent is there
    SERVED = "served"  # a bot has been there
    STOPPED = "stopped"  # a person did not want the bot


PEOPLES_NO = frozenset(code for code, disposition in BY_CODE.items() if disposition in STICKY)
"""Codes of ends that a person wanted."""

_ON_ITS_WAY = frozenset({BotState.CLAIMED, BotState.STARTING, BotState.JOINING, BotState.WAITING_ROOM})


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    id: str
    room: str
    start: datetime
    end: datetime
    identities: frozenset[str]
    stand: Stand
    bot_id: str | None = None
    bot_state: BotState | None = None
    bot_code: str | None = None
    bot_join_at: datetime | None = None
    bot_url: str | None = None
    bot_room: str | None = None


class Do(StrEnum):
    """In the order of doing: what frees a room comes before what takes one."""

    DROP = "drop"  # the bot, if there is one under way, is taken back and the meeting forgotten
    WITHDRAW = "withdraw"  # the bot is taken back, the meeting remembered without one
    REPLACE = "replace"  # the bot is taken back, another one made
    SETTLE = "settle"  # nothing more to do for it: `stand` is what it has become
    KEEP = "keep"  # as it stands; times are brought up to date
    RETIME = "retime"
    SPAWN = "spawn"
    NOTHING = "nothing"


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    do: Do
    standing: Standing | None
    want: Want | None
    stand: Stand = Stand.PLANNED


def stand_of(one: Standing) -> Stand:
    """What it is now that its bot has come to where it has."""
    if one.stand not in (Stand.BOOKED, Stand.TAKEN):
        return one.stand
    if one.bot_state is None:  # deleted
        return Stand.SERVED
    if one.bot_state not in TERMINAL:
        return one.stand
    stopped = one.bot_state is BotState.CANCELLED or one.bot_code in PEOPLES_NO
    return Stand.STOPPED if stopped else Stand.SERVED


def join_at(want: Want, now: datetime) -> datetime:
    return want.start if want.start >= now - JOIN_WINDOW else now


def plan(
    wants: Sequence[Want], standings: Sequence[Standing], now: datetime, *, insist: tuple[str, str] | None = None
) -> list[Step]:
    """Steps, those that free a room first. `insist`: the (calendar, event) that someone has just chosen; what was
    settled before does not count for its meeting."""
    matched = _matched(wants, standings)
    steps = [_step(want, standing, now, insist=insist in want.subscribers) for want, standing in matched]
    used = {standing.id for _, standing in matched if standing}
    steps += [_forgotten(one) for one in standings if one.id not in used]
    return sorted(steps, key=lambda step: _ORDER[step.do])


_ORDER = {do: place for place, do in enumerate(Do)}


def _step(want: Want, standing: Standing | None, now: datetime, *, insist: bool) -> Step:
    if standing is None:
        return Step(do=Do.SPAWN if want.verdict is Verdict.JOIN else Do.NOTHING, standing=None, want=want)
    stand = stand_of(standing)
    if stand in (Stand.SERVED, Stand.STOPPED) and not (insist and want.verdict is Verdict.JOIN):
        return Step(do=Do.SETTLE, standing=standing, want=want, stand=stand)
    if stand is Stand.BOOKED and standing.bot_state is not BotState.SCHEDULED:
        return _with_bot_under_way(want, standing, now)
    if stand is Stand.TAKEN and _holds(want, standing):
        return Step(do=Do.KEEP, standing=standing, want=want, stand=stand)
    if want.verdict is Verdict.LET_BE:
        return Step(do=Do.DROP, standing=standing, want=want)
    if stand is not Stand.BOOKED:
        return Step(do=Do.SPAWN, standing=standing, want=want)
    return Step(do=_of_waiting_bot(want, standing, now), standing=standing, want=want, stand=Stand.BOOKED)


def _of_waiting_bot(want: Want, standing: Standing, now: datetime) -> Do:
    if standing.bot_room != want.room or standing.bot_url != want.url:
        return Do.REPLACE
    moved = standing.bot_join_at != want.start and want.start >= now - JOIN_WINDOW
    return Do.RETIME if moved else Do.KEEP


def _forgotten(one: Standing) -> Step:
    """Nobody wants it any more. What was settled stays known: an event that is deleted and comes back is the same."""
    stand = stand_of(one)
    if stand in (Stand.SERVED, Stand.STOPPED):
        return Step(do=Do.SETTLE, standing=one, want=None, stand=stand)
    return Step(do=Do.DROP, standing=one, want=None)


def _with_bot_under_way(want: Want, standing: Standing, now: datetime) -> Step:
    under_way = want.under_way(now)
    assert standing.bot_join_at is not None
    moved = abs(standing.bot_join_at - want.start) > SAME_START and not under_way
    if want.verdict is Verdict.LET_BE:
        not_there_yet = standing.bot_state in _ON_ITS_WAY
        do = Do.WITHDRAW if moved and not_there_yet else Do.KEEP
        return Step(do=do, standing=standing, want=want, stand=standing.stand)
    if standing.bot_room != want.room or moved:
        return Step(do=Do.REPLACE, standing=standing, want=want)
    return Step(do=Do.KEEP, standing=standing, want=want, stand=standing.stand)


def _holds(want: Want, standing: Standing) -> bool:
    """The bot that someone else sent is there for this meeting."""
    at = standing.bot_join_at
    return standing.bot_room == want.room and at is not None and (at <= want.start + SAME_START or at < want.end)


def _matched(wants: Sequence[Want], standings: Sequence[Standing]) -> list[tuple[Want, Standing | None]]:
    """Each want with what stands for it: what is the same event before what is in the same room at the same time. Of
    months of meetings only those are compared that have an identity, or the room, in common."""
    free = {one.id: one for one in standings}
    by_identity, by_room = defaultdict[str, list[Standing]](list), defaultdict[str, list[Standing]](list)
    for one in standings:
        by_room[one.room].append(one)
        for identity in one.identities:
            by_identity[identity].append(one)
    found: dict[int, Standing] = {}
    for number, want in enumerate(wants):
        known = {one.id: one for identity in want.identities for one in by_identity[identity]}
        _take_best(found, free, number, [one for one in known.values() if _is_same_event(want, one)], want)
    for number, want in enumerate(wants):
        if number not in found:
            _take_best(found, free, number, [one for one in by_room[want.room] if _is_same_place(want, one)], want)
    return [(want, found.get(number)) for number, want in enumerate(wants)]


def _take_best(
    found: dict[int, Standing], free: dict[str, Standing], number: int, fitting: Sequence[Standing], want: Want
) -> None:
    """Of those that no other want has."""
    left = [one for one in fitting if one.id in free]
    if left:
        best = min(left, key=lambda one: (_PRIORITY[stand_of(one)], abs(one.start - want.start), one.id))
        found[number] = free.pop(best.id)


_PRIORITY = {
    stand: place for place, stand in enumerate((Stand.STOPPED, Stand.SERVED, Stand.BOOKED, Stand.TAKEN, Stand.PLANNED))
}


def _is_same_event(want: Want, one: Standing) -> bool:
    if stand_of(one) is Stand.SERVED:
        return bool(want.identities & one.identities) and _is_same_place(want, one)
    return bool(want.identities & one.identities)


def _is_same_place(want: Want, one: Standing) -> bool:
    return want.room == one.room and abs(want.start - one.start) <= SAME_START
