"""Does a bot join this event? One table, walked from above; the first row that applies decides and is the reason. Pure.

A user's choice for one event stands above their rules; below what makes a meeting impossible.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from bot.calendars.links import JOINABLE, choose
from bot.calendars.model import Decision, Event, Join, Kind, Link, Response, Subscriber, Verdict
from bot.domain.join_time import JOIN_WINDOW

JOIN, AWAY, LET_BE = Verdict.JOIN, Verdict.STAY_AWAY, Verdict.LET_BE


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """All that a row may look at."""

    of: Subscriber
    link: Link | None
    now: datetime

    @property
    def event(self) -> Event:
        return self.of.event


_CALENDARS = ".calendar.google.com"
"""Of addresses that are rooms and shared calendars of any Google domain, and nobody from outside."""

Row = tuple[str, Verdict, Callable[[Case], bool], str]


def _has_word(case: Case, words: tuple[str, ...]) -> bool:
    title = case.event.title.casefold()
    return any(word.casefold() in title for word in words)


def _outsiders(case: Case) -> bool:
    people = {case.event.organiser, *case.event.attendees} - {
        *case.event.resources,
        case.of.rules.bot_mailbox.casefold(),
    }
    own = {domain.casefold() for domain in case.of.rules.domains}
    domains = {person.rpartition("@")[2] for person in people if "@" in person}
    return any(not domain.endswith(_CALENDARS) for domain in domains - own)


def _invites_the_bot(case: Case) -> bool:
    mailbox = case.of.rules.bot_mailbox.casefold()
    return bool(mailbox) and mailbox in case.event.attendees


def _began_long_ago(case: Case) -> bool:
    return case.event.start is not None and case.event.start < case.now - JOIN_WINDOW


# reason, verdict, when it applies, in words
TABLE: tuple[Row, ...] = (
    ("removed", AWAY, lambda c: c.event.removed, "The calendar does not have the event any more."),
    ("cancelled", AWAY, lambda c: c.event.cancelled, "The event is cancelled."),
    ("all_day", AWAY, lambda c: c.event.all_day, "An all-day event is no meeting."),
    ("no_time", AWAY, lambda c: c.event.start is None or c.event.end is None, "The event has no start or no end."),
    ("no_link", AWAY, lambda c: c.link is None, "No field of the event has a link of a meeting."),
    ("cannot_join", AWAY, lambda c: c.link is not None and c.link.platform not in JOINABLE, "No bot can join there."),
    ("kept_away", AWAY, lambda c: c.of.override is False, "You chose that no bot joins this event."),
    ("over", LET_BE, lambda c: c.event.end is not None and c.event.end <= c.now, "The event is over."),
    ("chosen", JOIN, lambda c: c.of.override is True, "You chose that a bot joins this event."),
    ("declined", AWAY, lambda c: c.event.response is Response.DECLINED, "You declined the event."),
    ("no_meeting", AWAY, lambda c: c.event.kind is not Kind.MEETING, "The event is time kept free, not a meeting."),
    ("series_out", AWAY, lambda c: c.of.rules.series.get(c.event.uid) is False, "You chose no bot for this series."),
    ("series_in", JOIN, lambda c: c.of.rules.series.get(c.event.uid) is True, "You chose a bot for this series."),
    ("invited", JOIN, _invites_the_bot, "The bot's own mailbox is invited."),
    ("private", AWAY, lambda c: c.event.private, "The event is marked private."),
    ("not_chosen", AWAY, lambda c: c.of.rules.join is Join.CHOSEN, "Only events you choose get a bot."),
    (
        "not_accepted",
        AWAY,
        lambda c: c.of.rules.join is Join.ACCEPTED and c.event.response not in (Response.ACCEPTED, Response.OWN),
        "You have not accepted the event.",
    ),
    ("keyword_out", AWAY, lambda c: _has_word(c, c.of.rules.never_keywords), "The title has a word you excluded."),
    (
        "keyword_missing",
        AWAY,
        lambda c: bool(c.of.rules.keywords) and not _has_word(c, c.of.rules.keywords),
        "The title has none of your words.",
    ),
    (
        "nobody_external",
        AWAY,
        lambda c: c.of.rules.external_only and not _outsiders(c),
        "Nobody from outside is invited.",
    ),
    ("rules", JOIN, lambda _: True, "Your rules include it."),
)

BEGAN = "began"
REASONS: dict[str, str] = {reason: words for reason, _, _, words in TABLE} | {
    BEGAN: "It began too long ago to join now."
}


def decide_one(of: Subscriber, now: datetime) -> Decision:
    """What one calendar's owner gets for one event."""
    chosen = choose(of.event.links)
    case = Case(of=of, link=chosen[0] if chosen else None, now=now)
    for reason, verdict, applies, _ in TABLE:
        if applies(case):
            if verdict is JOIN and reason != "chosen" and _began_long_ago(case):
                return Decision(verdict=LET_BE, reason=BEGAN, link=case.link)
            return Decision(verdict=verdict, reason=reason, link=case.link)
    raise AssertionError("the last row applies always")
