"""An event as Google's Calendar API gives it, as an `Event`. Pure.

Field by field: developers.google.com/workspace/calendar/api/v3/reference/events. Of a cancelled instance only id,
recurringEventId and originalStartTime are promised, of other cancelled events the id alone.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime, time
from typing import Any

from bot.calendars import links
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
    begins = _object(item.get("start"))
    attendees = [_object(one) for one in _list(item.get("attendees"))]
    updated = _text(item.get("updated"))
    return Event(
        id=item["id"],
        calendar_id=calendar_id,
        uid=_text(item.get("iCalUID")) or _text(item.get("recurringEventId")) or item["id"],
        original_start=_moment(item.get("originalStartTime")),
        start=start,
        end=end,
        zone=_text(begins.get("timeZone")) or "UTC",
        all_day="date" in begins,
        cancelled=item.get("status") == "cancelled",
        kind=_KINDS.get(_text(item.get("eventType")), Kind.MEETING),
        response=_response(attendees),
        title=_text(item.get("summary")),
        organiser=_text(_object(item.get("organizer")).get("email")).casefold(),
        attendees=tuple(_text(one.get("email")).casefold() for one in attendees),
        links=_links(item, own_hosts),
        sequence=item["sequence"] if isinstance(item.get("sequence"), int) else 0,
        updated=_parsed(updated),
    )


def _links(item: Mapping[str, Any], own_hosts: Collection[str]) -> tuple[Link, ...]:
    conference = _object(item.get("conferenceData"))
    entries = [_object(one) for one in _list(conference.get("entryPoints"))]
    videos = [_text(one.get("uri")) for one in entries if one.get("entryPointType") == "video"]
    solution = _object(_object(conference.get("conferenceSolution")).get("key"))
    fields = [(links.CONFERENCE, uri) for uri in (*videos, _text(item.get("hangoutLink")))]
    fields += [(links.LOCATION, _text(item.get("location"))), (links.DESCRIPTION, _text(item.get("description")))]
    fields.append((links.TITLE, _text(item.get("summary"))))
    by_google = not videos or solution.get("type") == _MADE_BY_GOOGLE
    return links.candidates(fields, added_by_calendar=by_google, own_hosts=own_hosts)


def _response(attendees: list[Mapping[str, Any]]) -> Response:
    own = next((one for one in attendees if one.get("self") is True), None)
    if own is None or (own.get("organizer") is True and own.get("responseStatus") != "declined"):
        return Response.OWN
    return _RESPONSES.get(_text(own.get("responseStatus")), Response.WAITING)


def _moment(value: Any) -> datetime | None:
    """Of a start, end or originalStartTime; a day begins in UTC."""
    said = _object(value)
    at = _parsed(_text(said.get("dateTime")))
    if at is not None:
        return at
    try:
        return datetime.combine(date.fromisoformat(_text(said.get("date"))), time(), UTC)
    except ValueError:
        return None


def _parsed(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
