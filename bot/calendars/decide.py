"""From everybody's events to the meetings a bot is to be in: one for each, in however many calendars it is.

Pure and without memory: what is wanted depends on the events as they are, not on how they came to be so. So a long
history of changes and one look at its result give the same bots.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from bot.calendars.model import SAME_START, Decision, Link, Subscriber, Verdict, Want
from bot.calendars.rules import decide_one

_BEGINNING = datetime.min.replace(tzinfo=UTC)
_WEIGHT = {Verdict.JOIN: 0, Verdict.LET_BE: 1, Verdict.STAY_AWAY: 2}


@dataclass(frozen=True, kw_only=True, slots=True)
class Decided:
    """What follows for one copy."""

    of: Subscriber
    decision: Decision


@dataclass(frozen=True, kw_only=True, slots=True)
class _Meeting:
    """All copies of one occurrence, and where and when it is by the newest of them."""

    copies: tuple[Decided, ...]  # of those who want it
    link: Link
    start: datetime
    end: datetime

    @property
    def room(self) -> str:
        return self.link.room


def decide(subscribers: Iterable[Subscriber], now: datetime) -> tuple[list[Want], list[Decided]]:
    """The meetings wanted, by start, and the decision for every copy."""
    decided = [Decided(of=one, decision=decide_one(one, now)) for one in subscribers]
    by_identity: dict[str, list[Decided]] = defaultdict(list)
    for one in decided:
        by_identity[one.of.event.identity].append(one)
    meetings = [made for copies in by_identity.values() if (made := _meeting(copies)) is not None]
    by_room: dict[str, list[_Meeting]] = defaultdict(list)
    for meeting in meetings:
        by_room[meeting.room].append(meeting)
    wants = [_want(together) for room in by_room.values() for together in _together(room)]
    return sorted(wants, key=lambda want: (want.start, want.room)), decided


def _newest(copies: Sequence[Decided]) -> Decided:
    """The copy to believe where they differ: one calendar may not have heard of a move yet."""
    return max(
        copies,
        key=lambda one: (one.of.event.sequence, one.of.event.updated or _BEGINNING, one.of.event.calendar_id),
    )


def _meeting(copies: Sequence[Decided]) -> _Meeting | None:
    """None where nobody wants it."""
    wanting = [one for one in copies if one.decision.verdict is not Verdict.STAY_AWAY]
    if not wanting:
        return None
    newest = _newest([one for one in wanting if one.decision.link is not None])
    event, link = newest.of.event, newest.decision.link
    assert link is not None and event.start is not None and event.end is not None, "the table asks for them"
    return _Meeting(copies=tuple(wanting), link=link, start=event.start, end=event.end)


def _together(room: Sequence[_Meeting]) -> list[list[_Meeting]]:
    """Those of one room that are one meeting: begun at about the same time, or one while another is on."""
    groups: list[list[_Meeting]] = []
    until = _BEGINNING
    for meeting in sorted(room, key=lambda one: (one.start, one.end)):
        if groups and (meeting.start < until or meeting.start - groups[-1][0].start <= SAME_START):
            groups[-1].append(meeting)
            until = max(until, meeting.end)
        else:
            groups.append([meeting])
            until = meeting.end
    return groups


def _want(group: Sequence[_Meeting]) -> Want:
    copies = [one for meeting in group for one in meeting.copies]
    best = min(copies, key=lambda one: (_WEIGHT[one.decision.verdict], one.of.event.calendar_id, one.of.event.id))
    begun = [meeting for meeting in group if any(one.decision.verdict is Verdict.JOIN for one in meeting.copies)]
    first = min(begun or group, key=lambda one: (one.start, one.end, one.link.url))
    return Want(
        room=first.room,
        url=first.link.url,
        start=first.start,
        end=max(meeting.end for meeting in group),
        verdict=best.decision.verdict,
        reason=best.decision.reason,
        identities=frozenset(one.of.event.identity for one in copies),
        subscribers=tuple(sorted((one.of.event.calendar_id, one.of.event.id) for one in copies)),
        character_id=best.of.character_id,
        times=tuple(sorted((meeting.start, meeting.end) for meeting in group)),
        pinned=any(one.decision.reason == "chosen" for one in copies),
    )
