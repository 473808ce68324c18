"""Calendars: connect one, say which events a bot joins, see what is decided for each and why, decide otherwise."""

from __future__ import annotations

from typing import Any

from bot.api import cursors
from bot.api.calendar_schemas import (
    CalendarChange,
    CalendarList,
    CalendarPath,
    CalendarView,
    Consent,
    EventList,
    EventPath,
    EventsQuery,
    EventView,
    NewCalendar,
    NewGoogleCalendar,
    NewGrantedCalendar,
    NewMicrosoftCalendar,
    Override,
    Sync,
)
from bot.api.routes import Call, NoBody, NoPath, NoQuery, Route, Services
from bot.calendars import shape
from bot.calendars.connect import connect
from bot.calendars.owners import BadOwner, owner_of
from bot.calendars.reconcile import reconcile
from bot.egress.addresses import AddressRefused
from bot.errors import Conflict
from bot.store import calendar_events, calendars, characters, occurrences
from bot.store.calendar_events import UnknownEvent
from bot.store.calendars import CalendarConnected, TooManyCalendars, UnknownCalendar
from bot.store.characters import UnknownCharacter

_BY_START = "start"  # the order of events, which a cursor names


async def create(call: Call[NoPath, NoQuery, NewCalendar]) -> CalendarView:
    wanted, services = call.body, call.services
    async with services.database.write() as session:
        made = await connect(
            session,
            services.vault,
            workspace_id=call.workspace_id,
            address=wanted.url,
            character_id=wanted.character_id,
            rules=wanted.rules.rules(),
            name=wanted.name,
            owner=wanted.owner,
            allow=services.egress_allow,
            now=call.now,
        )
    return CalendarView.of(made)


class NoGoogle(Conflict):
    """This installation is not registered with Google: UNDERSTUDY_GOOGLE_CLIENT_ID and its like are not set."""

    code = "no_google"


class NoMicrosoft(Conflict):
    """This installation is not registered with Microsoft: UNDERSTUDY_MICROSOFT_CLIENT_ID and its like are not set."""

    code = "no_microsoft"


async def create_google(call: Call[NoPath, NoQuery, NewGoogleCalendar]) -> Consent:
    return await _consent(call.services, "google", call.body, call.workspace_id, otherwise=NoGoogle)


async def create_microsoft(call: Call[NoPath, NoQuery, NewMicrosoftCalendar]) -> Consent:
    return await _consent(call.services, "microsoft", call.body, call.workspace_id, otherwise=NoMicrosoft)


async def _consent(
    services: Services, provider: str, wanted: NewGrantedCalendar, workspace_id: str, *, otherwise: type[Conflict]
) -> Consent:
    consents = services.consents.get(provider)
    if consents is None:
        raise otherwise
    async with services.database.read() as session:
        character = await characters.get(session, wanted.character_id, workspace_id=workspace_id)
    url = consents.consent_url(
        workspace_id=workspace_id,
        owner=wanted.owner,
        calendar=wanted.calendar,
        character_id=character.id,
        rules=wanted.rules.rules(),
    )
    return Consent(consent_url=url)


async def list_all(call: Call[NoPath, NoQuery, NoBody]) -> CalendarList:
    async with call.services.database.read() as session:
        found = await calendars.list_all(session, workspace_id=call.workspace_id)
    return CalendarList(data=[CalendarView.of(calendar) for calendar in found])


async def show(call: Call[CalendarPath, NoQuery, NoBody]) -> CalendarView:
    async with call.services.database.read() as session:
        return CalendarView.of(await calendars.get(session, call.path.calendar_id, workspace_id=call.workspace_id))


async def change(call: Call[CalendarPath, NoQuery, CalendarChange]) -> CalendarView:
    given = call.body
    values: dict[str, Any] = given.model_dump(exclude_none=True, exclude={"rules"})
    if given.owner is not None:
        values["owner"] = owner_of(given.owner)
    if given.rules is not None:
        values["rules"] = shape.rules_body(given.rules.rules())
    async with call.services.database.write() as session:
        if given.character_id is not None:
            await characters.get(session, given.character_id, workspace_id=call.workspace_id)
        changed = await calendars.change(
            session, call.path.calendar_id, workspace_id=call.workspace_id, values=values, now=call.now
        )
        await reconcile(session, call.workspace_id, now=call.now)
    return CalendarView.of(changed)


async def remove(call: Call[CalendarPath, NoQuery, NoBody]) -> CalendarView:
    async with call.services.database.write() as session:
        removed = await calendars.remove(session, call.path.calendar_id, workspace_id=call.workspace_id, now=call.now)
        await reconcile(session, call.workspace_id, now=call.now)
    return CalendarView.of(removed)


async def sync(call: Call[CalendarPath, NoQuery, Sync]) -> CalendarView:
    async with call.services.database.write() as session:
        due = await calendars.due_now(session, call.path.calendar_id, workspace_id=call.workspace_id, now=call.now)
    return CalendarView.of(due)


async def events(call: Call[NoPath, EventsQuery, NoBody]) -> EventList:
    query, workspace_id = call.query, call.workspace_id
    after = cursors.decode(query.cursor, order=_BY_START) if query.cursor else None
    given: dict[str, Any] = {"calendar_id": query.calendar_id, "limit": query.limit + 1, "after": after}
    async with call.services.database.read() as session:
        found = await calendar_events.upcoming(session, workspace_id=workspace_id, ended_after=call.now, **given)
        parts = await calendar_events.meetings(session, workspace_id=workspace_id, of=found)
    meetings = {one.id: one for one in parts}
    page = found[: query.limit]
    next_cursor = None
    if len(found) > query.limit and page[-1].start_at is not None:
        next_cursor = cursors.encode(page[-1].start_at, page[-1].id, order=_BY_START)
    views = [EventView.of(one, meetings.get(one.meeting_id or "")) for one in page]
    return EventList(data=views, next_cursor=next_cursor, has_more=next_cursor is not None)


async def why(call: Call[EventPath, NoQuery, NoBody]) -> EventView:
    return await _view(call.services, call.path.event_id, call.workspace_id)


async def override(call: Call[EventPath, NoQuery, Override]) -> EventView:
    event_id, workspace_id, join = call.path.event_id, call.workspace_id, call.body.join
    async with call.services.database.write() as session:
        await occurrences.lock_workspace(session, workspace_id)  # before its events, as who reads them does
        await calendar_events.set_override(session, event_id, workspace_id=workspace_id, join=join, now=call.now)
        await reconcile(session, workspace_id, now=call.now, insist_on=event_id if join else None)
    return await _view(call.services, event_id, workspace_id)


async def _view(services: Services, event_id: str, workspace_id: str) -> EventView:
    async with services.database.read() as session:
        found = await calendar_events.get(session, event_id, workspace_id=workspace_id)
        parts = await calendar_events.meetings(session, workspace_id=workspace_id, of=[found])
    return EventView.of(found, parts[0] if parts else None)


_TAG, _READ, _WRITE = "calendars", "calendars:read", "calendars:write"

ROUTES = (
    Route(
        method="POST",
        path="/calendars",
        name="connect_calendar",
        summary="Connect an iCalendar feed; it is read within seconds, and from then on every five minutes",
        tag=_TAG,
        scope=_WRITE,
        handler=create,
        body=NewCalendar,
        answer=CalendarView,
        status=201,
        errors=(AddressRefused, BadOwner, UnknownCharacter, CalendarConnected, TooManyCalendars),
    ),
    Route(
        method="POST",
        path="/calendars/google",
        name="connect_google_calendar",
        summary="Where the owner of a Google calendar lets it be read; then it is connected and followed by push",
        tag=_TAG,
        scope=_WRITE,
        handler=create_google,
        body=NewGoogleCalendar,
        answer=Consent,
        errors=(BadOwner, UnknownCharacter, NoGoogle),
    ),
    Route(
        method="POST",
        path="/calendars/microsoft",
        name="connect_microsoft_calendar",
        summary="Where the owner of a Microsoft calendar lets it be read; then it is connected and followed by push",
        tag=_TAG,
        scope=_WRITE,
        handler=create_microsoft,
        body=NewMicrosoftCalendar,
        answer=Consent,
        errors=(BadOwner, UnknownCharacter, NoMicrosoft),
    ),
    Route(
        method="GET",
        path="/calendars",
        name="list_calendars",
        summary="The calendars of the workspace, and how reading them goes",
        tag=_TAG,
        scope=_READ,
        handler=list_all,
        answer=CalendarList,
    ),
    Route(
        method="GET",
        path="/calendars/{calendar_id}",
        name="show_calendar",
        summary="One calendar",
        tag=_TAG,
        scope=_READ,
        handler=show,
        path_model=CalendarPath,
        answer=CalendarView,
        errors=(UnknownCalendar,),
    ),
    Route(
        method="PATCH",
        path="/calendars/{calendar_id}",
        name="change_calendar",
        summary="Change its rules, name, owner or character; bots follow at once",
        tag=_TAG,
        scope=_WRITE,
        handler=change,
        path_model=CalendarPath,
        body=CalendarChange,
        answer=CalendarView,
        errors=(BadOwner, UnknownCalendar, UnknownCharacter),
    ),
    Route(
        method="POST",
        path="/calendars/{calendar_id}/sync",
        name="sync_calendar",
        summary="Read it within seconds, also one that asked for something to be done first",
        tag=_TAG,
        scope=_WRITE,
        handler=sync,
        path_model=CalendarPath,
        body=Sync,
        answer=CalendarView,
        status=202,
        errors=(UnknownCalendar,),
    ),
    Route(
        method="GET",
        path="/calendar-events",
        name="list_calendar_events",
        summary="What comes up, by start, each with what is decided and why",
        tag=_TAG,
        scope=_READ,
        handler=events,
        query=EventsQuery,
        answer=EventList,
    ),
    Route(
        method="GET",
        path="/calendar-events/{event_id}",
        name="show_calendar_event",
        summary="One event: whether a bot joins, why or why not, and by which of its links",
        tag=_TAG,
        scope=_READ,
        handler=why,
        path_model=EventPath,
        answer=EventView,
        errors=(UnknownEvent,),
    ),
    Route(
        method="PUT",
        path="/calendar-events/{event_id}/override",
        name="override_calendar_event",
        summary="Decide for this event alone; true brings a bot also where one was stopped before",
        tag=_TAG,
        scope=_WRITE,
        handler=override,
        path_model=EventPath,
        body=Override,
        answer=EventView,
        errors=(UnknownEvent,),
    ),
    Route(
        method="DELETE",
        path="/calendars/{calendar_id}",
        name="disconnect_calendar",
        summary="Forget it and its events; bots that are on their way because of it are taken back",
        tag=_TAG,
        scope=_WRITE,
        handler=remove,
        path_model=CalendarPath,
        answer=CalendarView,
        errors=(UnknownCalendar,),
    ),
)
