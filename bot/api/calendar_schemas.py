"""Calendars as clients of the API see them."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AwareDatetime, BaseModel, Field, StringConstraints

from bot.api.routes import Strict
from bot.calendars import shape
from bot.calendars.links import choose
from bot.calendars.model import Join, Link, Rules, Verdict
from bot.calendars.rules import REASONS
from bot.egress.addresses import MAX_URL_CHARACTERS
from bot.store.calendar_events import Meeting, StoredEvent
from bot.store.calendars import Calendar

Word = Annotated[str, StringConstraints(min_length=1, max_length=100, strip_whitespace=True)]
Name = Annotated[str, StringConstraints(max_length=200, strip_whitespace=True)]
Mail = Annotated[str, StringConstraints(max_length=254, strip_whitespace=True)]
MOST_WORDS, MOST_SERIES = 50, 500
PRIVATE = "Private event"


class CalendarPath(Strict):
    calendar_id: Annotated[str, StringConstraints(max_length=64)]


class EventPath(Strict):
    event_id: Annotated[str, StringConstraints(max_length=64)]


class RulesBody(Strict):
    """Which events a bot joins. Every rule that is set must be met; a choice for one event stands above them."""

    join: Join = Field(
        default=Join.CHOSEN, description="chosen: only events chosen one by one; accepted; all but declined"
    )
    external_only: bool = Field(default=False, description="only with someone from outside `domains`")
    domains: list[Word] = Field(default_factory=list, max_length=MOST_WORDS)
    keywords: list[Word] = Field(default_factory=list, max_length=MOST_WORDS, description="one of them in the title")
    never_keywords: list[Word] = Field(default_factory=list, max_length=MOST_WORDS, description="none in the title")
    series: dict[Annotated[str, StringConstraints(max_length=1000)], bool] = Field(
        default_factory=dict, max_length=MOST_SERIES, description="by `series_id`: all of it, or none"
    )
    bot_mailbox: Mail = Field(default="", description="who invites this address wants the bot")

    def rules(self) -> Rules:
        return shape.rules_of(self.model_dump())

    @classmethod
    def of(cls, calendar: Calendar) -> Self:
        return cls.model_validate(shape.rules_body(shape.rules_of(calendar.rules)))


class NewCalendar(Strict):
    url: Annotated[str, StringConstraints(min_length=1, max_length=MAX_URL_CHARACTERS)] = Field(
        description="of an iCalendar feed: https or webcal, on a public server. It is a secret and not shown again"
    )
    character_id: Annotated[str, StringConstraints(max_length=64)] = Field(description="who goes")
    name: Name = ""
    owner: Mail = Field(
        default="", description="the e-mail address of whose calendar it is, to tell what they answered"
    )
    rules: RulesBody = Field(default_factory=lambda: RulesBody())


class NewGrantedCalendar(Strict):
    owner: Annotated[str, StringConstraints(min_length=3, max_length=254, strip_whitespace=True)] = Field(
        description="the account's e-mail address"
    )
    calendar: Annotated[str, StringConstraints(min_length=1, max_length=254)] = "primary"
    character_id: Annotated[str, StringConstraints(max_length=64)] = Field(description="who goes")
    rules: RulesBody = Field(default_factory=lambda: RulesBody())


class NewGoogleCalendar(NewGrantedCalendar):
    """Of an account with Google."""


class NewMicrosoftCalendar(NewGrantedCalendar):
    """Of an account with Microsoft 365 or Outlook.com."""


class Consent(BaseModel):
    consent_url: str = Field(description="open it in the owner's browser within ten minutes; good for that one alone")


class CalendarChange(Strict):
    """What is left out stays as it is."""

    name: Name | None = None
    owner: Mail | None = None
    character_id: Annotated[str, StringConstraints(max_length=64)] | None = None
    rules: RulesBody | None = None


class Sync(Strict):
    """Nothing can be said with it; another field is an error."""


class Override(Strict):
    join: bool | None = Field(description="true: a bot joins; false: none does; null: as the rules say")


class EventsQuery(Strict):
    limit: int = Field(100, ge=1, le=500)
    cursor: str | None = Field(None, max_length=200, description="`next_cursor` of the page before")
    calendar_id: str | None = Field(None, max_length=64)


class CalendarView(BaseModel):
    id: str
    provider: str
    name: str
    address: str = Field(description="not all of it")
    owner: str
    character_id: str
    rules: RulesBody
    state: str = Field(description="active; action_required: nothing is read until you do something, see `detail`")
    code: str | None = Field(description="of what went wrong last")
    detail: str
    next_sync_at: AwareDatetime
    synced_at: AwareDatetime | None
    created_at: AwareDatetime

    @classmethod
    def of(cls, calendar: Calendar) -> Self:
        names = cls.model_fields.keys() - {"address", "rules"}
        shown = {name: getattr(calendar, name) for name in names}
        return cls(**shown, address=calendar.shown_address, rules=RulesBody.of(calendar))


class CalendarList(BaseModel):
    data: list[CalendarView]


class LinkView(BaseModel):
    source: str = Field(description="the field it stands in: conference, location, description or title")
    platform: str
    url: str


class EventView(BaseModel):
    id: str
    calendar_id: str
    series_id: str = Field(description="the same for all instances of a series, and in everybody's calendar")
    title: str = Field(description="of one marked private nothing but that")
    starts_at: AwareDatetime | None
    ends_at: AwareDatetime | None
    zone: str
    removed: bool
    override: bool | None
    verdict: str = Field(description="join, stay_away or let_be; empty: not decided yet")
    reason: str = Field(description="stable, for programs")
    because: str = Field(description="the same in words")
    links: list[LinkView] = Field(
        description="every meeting the event leads to; none of one marked private that no bot joins"
    )
    chosen_link: LinkView | None
    chosen_because: str
    meeting: str | None = Field(description="planned, booked, taken (by a bot sent otherwise), served or stopped")
    bot_id: str | None
    bot_state: str | None

    @classmethod
    def of(cls, stored: StoredEvent, meeting: Meeting | None) -> Self:
        event = shape.event_of(stored.body, calendar_id=stored.calendar_id, removed=stored.removed)
        shown: tuple[Link, ...] = () if event.private and stored.verdict != Verdict.JOIN else event.links
        links = [LinkView(source=one.source, platform=one.platform, url=one.url) for one in shown]
        chosen = choose(shown)
        return cls(
            id=stored.id,
            calendar_id=stored.calendar_id,
            series_id=event.uid,
            title=PRIVATE if event.private else event.title,
            starts_at=event.start,
            ends_at=event.end,
            zone=event.zone,
            removed=stored.removed,
            override=stored.override,
            verdict=stored.verdict,
            reason=stored.reason,
            because=REASONS.get(stored.reason, ""),
            links=links,
            chosen_link=links[shown.index(chosen[0])] if chosen else None,
            chosen_because=chosen[1] if chosen else "",
            meeting=meeting.state if meeting else None,
            bot_id=meeting.bot_id if meeting else None,
            bot_state=meeting.bot_state if meeting else None,
        )


class EventList(BaseModel):
    data: list[EventView]
    next_cursor: str | None
    has_more: bool
