"""An event as Microsoft Graph gives it, as an `Event`. Pure.

Field by field: learn.microsoft.com/graph/api/resources/event. A copy's iCalUId is of its occurrence; the series' own is
inside it, by [MS-OXOCAL] 2.2.1.27, and so is the id that another calendar gave an invitation.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from typing import Any

from bot.calendars import links
from bot.calendars.fields import fields, instant, items, text
from bot.calendars.ics.times import Zones, name_of
from bot.calendars.model import Event, Kind, Link, Response

_KINDS = {"oof": Kind.AWAY, "workingElsewhere": Kind.PLACE}  # showAs; people also meet in what shows as free
_RESPONSES = {  # responseStatus.response
    "organizer": Response.OWN,
    "accepted": Response.ACCEPTED,
    "declined": Response.DECLINED,
    "tentativelyAccepted": Response.TENTATIVE,
    "notResponded": Response.WAITING,
}
_PRIVATE = frozenset({"personal", "private", "confidential"})  # sensitivity
_INSTANCES = frozenset({"occurrence", "exception"})  # type

_GLOBAL_ID = re.compile(r"040000008200E00074C5B7101A82E008[0-9A-F]{48,}", re.ASCII | re.IGNORECASE)
_DATE_AT, _DATA_AT = 32, 80  # hexadecimal digits: the occurrence's date, and what names the series
_FOREIGN = b"vCal-Uid\x01\x00\x00\x00"  # what follows is the id of another maker's calendar


def event_of(item: Mapping[str, Any], *, calendar_id: str, own_hosts: Collection[str] = ()) -> Event | None:
    """None for what has no id, for what is gone, and for a series, whose occurrences stand beside it."""
    if not text(item.get("id")) or "@removed" in item or item.get("type") == "seriesMaster":
        return None
    start, end = _moment(item.get("start")), _moment(item.get("end"))
    invited = [fields(one) for one in items(item.get("attendees"))]
    attendees = [_address(one) for one in invited]
    instance = item.get("type") in _INSTANCES
    return Event(
        id=item["id"],
        calendar_id=calendar_id,
        uid=uid_of(text(item.get("iCalUId"))) or text(item.get("seriesMasterId")) or item["id"],
        original_start=(instant(item.get("originalStart")) or start) if instance else None,
        start=start,
        end=end,
        zone=_zone_name(text(item.get("originalStartTimeZone"))),
        all_day=item.get("isAllDay") is True,
        cancelled=item.get("isCancelled") is True,
        kind=_KINDS.get(text(item.get("showAs")), Kind.MEETING),
        private=text(item.get("sensitivity")) in _PRIVATE,
        response=_response(item, attendees),
        title=text(item.get("subject")),
        organiser=_address(item.get("organizer")),
        attendees=tuple(attendees),
        resources=tuple(_address(one) for one in invited if one.get("type") == "resource"),
        links=_links(item, own_hosts),
        updated=instant(item.get("lastModifiedDateTime")),
    )


def uid_of(of_occurrence: str) -> str:
    """The id that all copies and occurrences share, as feeds and other calendars have it."""
    if not _GLOBAL_ID.fullmatch(of_occurrence):
        return of_occurrence
    data = bytes.fromhex(of_occurrence[_DATA_AT : len(of_occurrence) // 2 * 2])
    if data.startswith(_FOREIGN):
        return data.removeprefix(_FOREIGN).partition(b"\x00")[0].decode("utf-8", errors="replace")
    return f"{of_occurrence[:_DATE_AT]}00000000{of_occurrence[_DATE_AT + 8 :]}"


def _links(item: Mapping[str, Any], own_hosts: Collection[str]) -> tuple[Link, ...]:
    places = [fields(one) for one in (item.get("location"), *items(item.get("locations")))]
    texts = [(links.CONFERENCE, text(fields(item.get("onlineMeeting")).get("joinUrl")))]
    texts.append((links.CONFERENCE, text(item.get("onlineMeetingUrl"))))
    texts += [(links.LOCATION, text(one.get(name))) for one in places for name in ("displayName", "locationUri")]
    texts.append((links.DESCRIPTION, text(fields(item.get("body")).get("content"))))
    texts.append((links.TITLE, text(item.get("subject"))))
    return links.candidates(texts, added_by_calendar=True, own_hosts=own_hosts)


def _response(item: Mapping[str, Any], attendees: list[str]) -> Response:
    """`none` is said of one's own appointments, and of invitations without an answer."""
    if item.get("isOrganizer") is True:
        return Response.OWN
    otherwise = Response.WAITING if attendees else Response.OWN
    return _RESPONSES.get(text(fields(item.get("responseStatus")).get("response")), otherwise)


def _address(value: Any) -> str:
    return text(fields(fields(value).get("emailAddress")).get("address")).strip().casefold()


def _moment(value: Any) -> datetime | None:
    """A wall clock and its zone; a zone that nobody knows counts as UTC, which was asked for."""
    said = fields(value)
    try:
        local = datetime.fromisoformat(text(said.get("dateTime")))
        zone = local.tzinfo or _zone(text(said.get("timeZone"))) or UTC
        return local.replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _zone_name(name: str) -> str:
    zone = _zone(name)
    return name_of(zone) if zone is not None else "UTC"


@lru_cache(maxsize=256)
def _zone(name: str) -> tzinfo | None:
    """By IANA's name or Windows's."""
    return Zones({}).named(name) if 0 < len(name) < 100 else None
