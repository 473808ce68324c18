"""The tables of calendars: calendars, their events, the meetings a bot is to be in. They belong to the metadata of
`tables.py`."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from bot.store.tables import Id, Json, UtcDateTime, metadata, new_id


def _key(name: str, target: str, *, ondelete: str = "CASCADE", **options: Any) -> sa.Column[Any]:
    options = {"nullable": False, **options}
    return sa.Column(name, Id, sa.ForeignKey(f"{target}.id", ondelete=ondelete), **options)


def _time(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, UtcDateTime, nullable=nullable)


def _text(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Text, nullable=False, server_default="")


calendars = sa.Table(
    "calendars",
    metadata,
    sa.Column("id", Id, primary_key=True),
    _key("workspace_id", "workspaces"),
    sa.Column("provider", sa.Text, nullable=False),  # ics | google | microsoft
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("sealed_secret", sa.Text, nullable=False),  # what opens it: a feed's address, a refresh token
    sa.Column("source_sha256", sa.Text, nullable=False),  # one calendar is connected once
    _text("shown_address"),
    _text("owner"),  # e-mail address
    _key("character_id", "characters"),
    sa.Column("rules", Json, nullable=False),
    sa.Column("state", sa.Text, nullable=False),  # active | action_required | leaving
    sa.Column("code", sa.Text),  # of what went wrong last
    _text("detail"),
    sa.Column("failures", sa.Integer, nullable=False),  # in a row
    sa.Column("cursor", Json, nullable=False),  # where the next sync goes on
    _time("next_sync_at"),
    _time("synced_at", nullable=True),
    _time("created_at"),
    _time("updated_at"),
    sa.UniqueConstraint("workspace_id", "source_sha256"),
    sa.Index(None, "next_sync_at"),
)

calendar_events = sa.Table(  # one calendar's copy of an event
    "calendar_events",
    metadata,
    sa.Column("id", Id, primary_key=True, default=new_id),
    _key("workspace_id", "workspaces"),
    _key("calendar_id", "calendars"),
    sa.Column("event_id", sa.Text, nullable=False),  # the provider's
    sa.Column("body", Json, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),  # of the body: equal, and nothing has changed
    _time("start_at", nullable=True),
    _time("end_at", nullable=True),
    sa.Column("removed", sa.Boolean, nullable=False),
    sa.Column("override", sa.Boolean),
    _text("verdict"),
    _text("reason"),
    sa.Column("meeting_id", Id),
    _time("updated_at"),
    sa.UniqueConstraint("calendar_id", "event_id"),
    sa.Index(None, "workspace_id", "start_at"),
)

calendar_channels = sa.Table(  # by which a provider tells us that a calendar has changed
    "calendar_channels",
    metadata,
    sa.Column("id", Id, primary_key=True),
    _key("workspace_id", "workspaces"),
    _key("calendar_id", "calendars"),
    sa.Column("token_sha256", sa.Text, nullable=False),
    sa.Column("resource_id", sa.Text),  # the provider's; None: it has not answered yet
    _time("expires_at", nullable=True),
    _time("created_at"),
    sa.Index(None, "calendar_id"),
)

calendar_meetings = sa.Table(  # what a bot is made for, or was
    "calendar_meetings",
    metadata,
    sa.Column("id", Id, primary_key=True),
    _key("workspace_id", "workspaces"),
    sa.Column("room", sa.Text, nullable=False),
    _time("start_at"),
    _time("end_at"),
    sa.Column("identities", Json, nullable=False),
    sa.Column("state", sa.Text, nullable=False),  # planned | booked | taken | served | stopped
    _key("bot_id", "bots", ondelete="SET NULL", nullable=True),
    _time("updated_at"),
    sa.Index(None, "workspace_id", "end_at"),
)
