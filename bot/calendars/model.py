"""Nouns of calendars: an event as one calendar shows it, what a user wants of their calendar, what follows. Pure.

An `Event` is one occurrence: of a series each instance is one. Providers differ in everything; they all end up here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

SAME_START = timedelta(minutes=5)
"""Two starts no further apart, in one room, are one meeting: calendars round, and copies lag."""


class Response(StrEnum):
    """What the calendar's owner has answered to an invitation."""

    ACCEPTED = "accepted"
    TENTATIVE = "tentative"
    DECLINED = "declined"
    WAITING = "waiting"  # not answered
    OWN = "own"  # nothing to answer: their own event, or one without guests


class Kind(StrEnum):
    """What an event is there for; nobody meets in any but the first."""

    MEETING = "meeting"
    FOCUS = "focus"
    AWAY = "away"
    PLACE = "place"  # where someone works that day
    BIRTHDAY = "birthday"


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """A meeting that an event leads to; `source` names the field that says so."""

    source: str
    platform: str
    room: str  # the meeting's key, platform included
    url: str = field(repr=False)
    added_by_calendar: bool = False  # to whatever is created, by Google or Outlook


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    id: str  # the provider's, within the calendar
    calendar_id: str
    uid: str  # shared by all copies of the invitation, and by all instances of a series
    original_start: datetime | None = None  # of an instance: when its series has it; moving it changes nothing
    start: datetime | None = None  # UTC; None: a day, or not told (what is cancelled often says no more)
    end: datetime | None = None
    zone: str = "UTC"  # IANA: where its wall clock hangs
    all_day: bool = False
    cancelled: bool = False
    removed: bool = False  # the calendar does not have it any more
    kind: Kind = Kind.MEETING
    private: bool = False  # nobody else is to know of it
    response: Response = Response.OWN
    title: str = ""
    organiser: str = ""  # e-mail addresses are in lower case
    attendees: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()  # of the attendees those that are no people: rooms, equipment
    links: tuple[Link, ...] = ()
    sequence: int = 0  # of two copies the one with the higher is the newer
    updated: datetime | None = None

    @property
    def identity(self) -> str:
        """The same in everybody's calendar, wherever the occurrence is moved."""
        instance = "" if self.original_start is None else self.original_start.isoformat()
        return f"{self.uid}/{instance}"


class Join(StrEnum):
    """Which of a calendar's events a bot joins, before the other rules."""

    CHOSEN = "chosen"  # none but those with an override
    ACCEPTED = "accepted"
    ALL = "all"  # but not what is declined


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """What a user wants of one calendar. Every rule that is set must be met."""

    join: Join = Join.CHOSEN
    external_only: bool = False  # someone from outside `domains` is there
    domains: tuple[str, ...] = ()  # the user's own
    keywords: tuple[str, ...] = ()  # one of them is in the title
    never_keywords: tuple[str, ...] = ()  # none of them is
    series: Mapping[str, bool] = field(default_factory=dict)  # uid: join all of it, or none
    bot_mailbox: str = ""  # who invites this address wants the bot


class Verdict(StrEnum):
    JOIN = "join"
    STAY_AWAY = "stay_away"  # a bot that is on its way, or there, is taken back
    LET_BE = "let_be"  # nothing new is begun, and what runs is left alone


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    verdict: Verdict
    reason: str  # a row of `rules.REASONS`
    link: Link | None = None  # the one chosen


@dataclass(frozen=True, kw_only=True, slots=True)
class Subscriber:
    """One calendar's copy of an event, with what its owner wants."""

    event: Event
    rules: Rules
    override: bool | None = None  # of this event alone: join, stay away; None: as the rules say
    character_id: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Want:
    """One meeting that a bot is to be in, or may stay in: of however many calendars."""

    room: str
    url: str = field(repr=False)
    start: datetime
    end: datetime
    verdict: Verdict  # JOIN or LET_BE
    reason: str
    identities: frozenset[str]
    subscribers: tuple[tuple[str, str], ...]  # (calendar, event) of those who want it
    character_id: str
    pinned: bool = False  # someone chose this very meeting
    times: tuple[tuple[datetime, datetime], ...] = ()  # of each event that it is

    def under_way(self, now: datetime) -> bool:
        return any(start <= now + SAME_START and now < end for start, end in self.times)
