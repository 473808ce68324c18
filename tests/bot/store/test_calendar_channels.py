"""Channels on each database: whose they are and whether their calendar waits, looked for one by one and together."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from bot.store import calendar_channels, calendars
from bot.store.calendar_tables import calendars as table
from bot.store.tables import new_id
from tests.bot.stores import NOW, Seeded

SOON = NOW + timedelta(seconds=1)
LATER = {"next_sync_at": NOW + timedelta(hours=1)}
CALENDARS: tuple[tuple[dict[str, Any], bool], ...] = (  # a calendar, and does it wait
    (LATER, True),
    ({"next_sync_at": SOON}, False),
    ({**LATER, "code": "feed_gone"}, True),
    ({**LATER, "code": "google_limited"}, False),
    ({**LATER, "code": "microsoft_limited"}, False),
    ({**LATER, "state": "action_required"}, False),
)


async def test_one_look_tells_which_of_the_channels_there_are_have_a_calendar_that_waits(store: Seeded) -> None:
    mine: dict[str, Any] = {"workspace_id": store.workspace.id}
    values = {"provider": "google", "name": "Ann", "sealed_secret": "-", "shown_address": "-", "owner": "", "rules": {}}
    expected, known = dict[str, bool](), {"soon": SOON, "without": {"google_limited", "microsoft_limited"}}
    async with store.database.write() as session:
        for more, waits in CALENDARS:
            calendar_id, channel_id = new_id(), new_id()
            given = {**values, **mine, "id": calendar_id, "source_sha256": calendar_id, "now": NOW}
            await calendars.create(session, character_id=store.character.id, **given)
            await session.execute(sa.update(table).where(table.c.id == calendar_id).values(**more))
            await calendar_channels.create(
                session, channel_id, calendar_id=calendar_id, token_sha256="-", now=NOW, **mine
            )
            expected[channel_id] = waits
    async with store.database.read() as session:
        together = await calendar_channels.find_told(session, [*expected, new_id()], **known)
        assert {channel_id: one.waits for channel_id, one in together.items()} == expected
        for channel_id in expected:
            assert await calendar_channels.find_told(session, [channel_id], **known) == {
                channel_id: together[channel_id]
            }
        assert await calendar_channels.find_told(session, [new_id()], **known) == {}
        assert together[channel_id].channel == await calendar_channels.find(session, channel_id)
