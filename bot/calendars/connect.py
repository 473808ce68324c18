"""Connecting a calendar: its address judged, sealed, and due at once. For the API and the command line alike."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime

from bot.calendars import shape
from bot.calendars.ics import feed
from bot.calendars.model import Rules
from bot.calendars.owners import owner_of
from bot.egress.addresses import Network
from bot.store import calendars, characters
from bot.store.calendars import Calendar
from bot.store.session import Session
from bot.store.tables import new_id
from bot.vault import Vault


async def connect(
    session: Session,
    vault: Vault,
    *,
    workspace_id: str,
    address: str,
    character_id: str,
    rules: Rules,
    name: str = "",
    owner: str = "",
    allow: Sequence[Network] = (),
    now: datetime,
) -> Calendar:
    """Raises AddressRefused, BadOwner, UnknownCharacter, CalendarConnected, TooManyCalendars."""
    url = feed.feed_address(address, tuple(allow))
    character = await characters.get(session, character_id, workspace_id=workspace_id)
    calendar_id = new_id()
    return await calendars.create(
        session,
        workspace_id=workspace_id,
        now=now,
        id=calendar_id,
        provider="ics",
        name=name or feed.shown(url),
        sealed_secret=vault.seal(url, place=calendars.place(calendar_id)),
        source_sha256=hashlib.sha256(url.encode()).hexdigest(),
        shown_address=feed.shown(url),
        owner=owner_of(owner),
        character_id=character.id,
        rules=shape.rules_body(rules),
    )


async def connect_granted(
    session: Session,
    vault: Vault,
    *,
    provider: str,
    workspace_id: str,
    owner: str,
    calendar: str,
    refresh_token: str,
    character_id: str,
    rules: Rules,
    now: datetime,
) -> Calendar:
    """With a new grant: connected, or connected again. Raises BadOwner, UnknownCharacter, TooManyCalendars."""
    owner = owner_of(owner)
    source = hashlib.sha256(f"{provider}:{owner}:{calendar}".encode()).hexdigest()
    mine = await calendars.list_all(session, workspace_id=workspace_id)
    known = next((one for one in mine if one.source_sha256 == source), None)
    calendar_id = known.id if known else new_id()
    sealed = vault.seal(refresh_token, place=calendars.place(calendar_id))
    if known is not None:
        await calendars.opened_by(session, calendar_id, sealed_secret=sealed, now=now)
        return await calendars.due_now(session, calendar_id, workspace_id=workspace_id, now=now)
    character = await characters.get(session, character_id, workspace_id=workspace_id)
    return await calendars.create(
        session,
        workspace_id=workspace_id,
        now=now,
        id=calendar_id,
        provider=provider,
        name=owner or calendar,
        sealed_secret=sealed,
        source_sha256=source,
        shown_address=calendar,
        owner=owner,
        character_id=character.id,
        rules=shape.rules_body(rules),
    )
