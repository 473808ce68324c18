"""An event as Google's Calendar API gives it, as an `Event`. Pure.

Field by field: developers.google.com/workspace/calendar/api/v3/reference/events. Of a cancelled instance only id,
recurringEventId and originalStartTime are promised, of other cancelled events the id alone.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime, time
from typing import Any

from bot.calendars import links
from bot.calendars.fields import fields, instant, items, text
from bot.calendars.model import Event, Kind, Link, Response

_KINDS = {  # eventType
    "focusTime": Kind.FOCUS,
    "outOfOffice": Kind.AWAY,
    "workingLocation": Kind.PLACE,
    "birthday": Kind.BIRTHDAY,
}
_RESPONSES = {  # attendees[].responseStatus
    "accepted": Response.ACCEPTED,
    "declined": Response.DECLINED,
    "tentative": Response.TENTATIVE,
    "needsAction": Response.WAITING,
}
_MADE_BY_GOOGLE = "hangoutsMeet"  # conferenceSolution.key.type; an add-on's is addOn


def event_of(item: Mapping[str, Any], *, calendar_id: str, own_hosts: Collection[str] = ()) -> Event | None:
    """None for what has no id. `own_hosts`: of the operator's own meeting servers."""
    if not isinstance(item.get("id"), str):
        return None
    start, end = _moment(item.get("start")), _moment(item.get("end"))
    begins = fields(item.get("start"))
    attendees = [fields(one) for one in items(item.get("attendees"))]
    return Event(
        id=item["id"],
        calendar_id=calendar_id,
        uid=text(item.get("iCalUID")) or text(item.get("recurringEventId")) or item["id"],
        original_start=_moment(item.get("originalStartTime")),
        start=start,
        end=end,
        zone=text(begins.get("timeZone")) or "UTC",
        all_day="date" in begins,
        cancelled=item.get("status") == "cancelled",
        kind=_KINDS.get(text(item.get("eventType")), Kind.MEETING),
        response=_response(attendees),
        private=item.get("visibility") in ("private", "confidential"),
        title=text(item.get("summary")),
        organiser=text(fields(item.get("organizer")).get("email")).casefold(),
        attendees=tuple(text(one.get("email")).casefold() for one in attendees),
        resources=tuple(text(one.get("email")).casefold() for one in attendees if one.get("resource") is True),
        links=_links(item, own_hosts),
        sequence=item["sequence"] if isinstance(item.get("sequence"), int) else 0,
        updated=instant(item.get("updated")),
    )


def _links(item: Mapping[str, Any], own_hosts: Collection[str]) -> tuple[Link, ...]:
    conference = fields(item.get("conferenceData"))
    entries = [fields(one) for one in items(conference.get("entryPoints"))]
    entries = [one for one in entries if one.get("entryPointType") == "video"]  # a telephone's code opens no page
    videos = [text(one.get("uri")) for one in entries]
    passcodes = {text(one.get("uri")): text(one.get("passcode")) or text(one.get("password")) for one in entries}
    solution = fields(fields(conference.get("conferenceSolution")).get("key"))
    texts = [(links.CONFERENCE, uri) for uri in (*videos, text(item.get("hangoutLink")))]
    texts += [(links.LOCATION, text(item.get("location"))), (links.DESCRIPTION, text(item.get("description")))]
    texts.append((links.TITLE, text(item.get("summary"))))
    by_google = not videos or solution.get("type") == _MADE_BY_GOOGLE
    return links.candidates(texts, added_by_calendar=by_google, own_hosts=own_hosts, passcodes=passcodes)


def _response(attendees: list[Mapping[str, Any]]) -> Response:
    own = next((one for one in attendees if one.get("self") is True), None)
    if own is None or (own.get("organizer") is True and own.get("responseStatus") != "declined"):
        return Response.OWN
    return _RESPONSES.get(text(own.get("responseStatus")), Response.WAITING)


def _moment(value: Any) -> datetime | None:
    """Of a start, end or originalStartTime; a day begins in UTC."""
    said = fields(value)
    at = instant(said.get("dateTime"))
    if at is not None:
        return at
    try:
        return datetime.combine(date.fromisoformat(text(said.get("date"))), time(), UTC)
    except ValueError:
        return None
