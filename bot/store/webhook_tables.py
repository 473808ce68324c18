"""The tables of webhooks: endpoints, deliveries, attempts. They belong to the metadata of `tables.py`."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from bot.store.tables import Id, Json, UtcDateTime, metadata, new_id


def _key(name: str, target: str, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, Id, sa.ForeignKey(f"{target}.id", ondelete="CASCADE"), nullable=False, **options)


def _time(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, UtcDateTime, nullable=nullable)


endpoints = sa.Table(  # where a workspace wants to be told
    "webhook_endpoints",
    metadata,
    sa.Column("id", Id, primary_key=True),
    _key("workspace_id", "workspaces"),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False, server_default=""),
    sa.Column("events", Json, nullable=False),  # types; of none in particular: all
    sa.Column("sealed_secret", sa.Text, nullable=False),
    sa.Column("sealed_previous", sa.Text),  # the secret before the last rotation
    _time("previous_until", nullable=True),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("disabled_reason", sa.Text),
    _time("disabled_at", nullable=True),
    _time("failing_since", nullable=True),  # the first failure since anything arrived
    sa.Column("last_sequence", sa.Integer, nullable=False),
    _time("created_at"),
    _time("updated_at"),
    sa.Index(None, "workspace_id"),
)

deliveries = sa.Table(  # one message to one endpoint
    "webhook_deliveries",
    metadata,
    sa.Column("id", Id, primary_key=True, default=new_id),
    _key("workspace_id", "workspaces"),
    _key("endpoint_id", "webhook_endpoints"),
    sa.Column("event_id", sa.Text, nullable=False),  # the header webhook-id: the same at every attempt and replay
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("lane", sa.Text, nullable=False),  # what is in one lane arrives in order: a bot's events
    sa.Column("sequence", sa.Integer, nullable=False),
    sa.Column("body", sa.Text, nullable=False),  # exactly as it is sent
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("tries_before", sa.Integer, nullable=False),  # of them before the last replay
    _time("next_at"),  # taken by a courier: hidden from the others until then
    sa.Column("last_status", sa.Integer),
    sa.Column("last_error", sa.Text),
    _time("created_at"),
    _time("ended_at", nullable=True),
    sa.UniqueConstraint("endpoint_id", "sequence"),
    sa.Index(None, "ended_at"),
)
_WAITING = sa.text("state = 'waiting'")
for _name, _columns in {"due": ("next_at",), "lane": ("endpoint_id", "lane", "sequence")}.items():
    sa.Index(
        f"ix_webhook_deliveries_{_name}",
        *(deliveries.c[column] for column in _columns),
        sqlite_where=_WAITING,
        postgresql_where=_WAITING,
    )

attempts = sa.Table(  # the log of a delivery
    "webhook_attempts",
    metadata,
    _key("delivery_id", "webhook_deliveries", primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    _key("workspace_id", "workspaces"),
    _time("at"),
    sa.Column("status", sa.Integer),
    sa.Column("error", sa.Text),
    sa.Column("answer", sa.Text, nullable=False),  # the first characters of what the server said
    sa.Column("duration_ms", sa.Integer, nullable=False),
)
