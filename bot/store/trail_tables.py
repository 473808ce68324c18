"""The tables of what was asked of the API: requests that may be repeated, and the trail of who did what. They belong to
the metadata of `tables.py`."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from bot.store.tables import Id, Json, UtcDateTime, metadata, new_id


def _workspace(**options: Any) -> sa.Column[str]:
    return sa.Column("workspace_id", Id, sa.ForeignKey("workspaces.id", ondelete="CASCADE"), nullable=False, **options)


idempotent_requests = sa.Table(
    "idempotent_requests",
    metadata,
    sa.Column("id", Id, primary_key=True, default=new_id),
    _workspace(),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("fingerprint", sa.Text, nullable=False),  # SHA-256 of method, path and body
    sa.Column("status", sa.Integer),  # None: the first one is still at work
    sa.Column("sealed_answer", sa.Text),  # an answer may carry a secret
    sa.Column("began_at", UtcDateTime, nullable=False),
    sa.UniqueConstraint("workspace_id", "key"),
    sa.Index(None, "began_at"),
)

audit_entries = sa.Table(  # only added to; each carries the hash of the one before it
    "audit_entries",
    metadata,
    _workspace(primary_key=True),
    sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("object", sa.Text, nullable=False),
    sa.Column("actor", Json, nullable=False),
    sa.Column("details", Json, nullable=False),
    sa.Column("previous_sha256", sa.Text, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
)
