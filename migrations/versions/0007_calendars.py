"""Calendars, their events, and the meetings bots are made for."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
TIME = sa.DateTime(timezone=True)


def _key(table: str, column: str, target: str, ondelete: str = "CASCADE") -> sa.ForeignKeyConstraint:
    name = f"fk_{table}_{column}_{target}"
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=name, ondelete=ondelete)


def upgrade() -> None:
    op.create_table(
        "calendars",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sealed_secret", sa.Text(), nullable=False),
        sa.Column("source_sha256", sa.Text(), nullable=False),
        sa.Column("shown_address", sa.Text(), server_default="", nullable=False),
        sa.Column("owner", sa.Text(), server_default="", nullable=False),
        sa.Column("character_id", sa.Uuid(), nullable=False),
        sa.Column("rules", JSON, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("code", sa.Text()),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("cursor", JSON, nullable=False),
        sa.Column("next_sync_at", TIME, nullable=False),
        sa.Column("synced_at", TIME),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        _key("calendars", "character_id", "characters"),
        _key("calendars", "workspace_id", "workspaces"),
        sa.PrimaryKeyConstraint("id", name="pk_calendars"),
        sa.UniqueConstraint("workspace_id", "source_sha256", name="uq_calendars_workspace_id_source_sha256"),
    )
    op.create_index("ix_calendars_next_sync_at", "calendars", ["next_sync_at"])
    op.create_table(
        "calendar_events",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("calendar_id", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("body", JSON, nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("start_at", TIME),
        sa.Column("end_at", TIME),
        sa.Column("removed", sa.Boolean(), nullable=False),
        sa.Column("override", sa.Boolean()),
        sa.Column("verdict", sa.Text(), server_default="", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("meeting_id", sa.Uuid()),
        sa.Column("updated_at", TIME, nullable=False),
        _key("calendar_events", "calendar_id", "calendars"),
        _key("calendar_events", "workspace_id", "workspaces"),
        sa.PrimaryKeyConstraint("id", name="pk_calendar_events"),
        sa.UniqueConstraint("calendar_id", "event_id", name="uq_calendar_events_calendar_id_event_id"),
    )
    op.create_index("ix_calendar_events_workspace_id_start_at", "calendar_events", ["workspace_id", "start_at"])
    op.create_table(
        "calendar_channels",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("calendar_id", sa.Uuid(), nullable=False),
        sa.Column("token_sha256", sa.Text(), nullable=False),
        sa.Column("resource_id", sa.Text()),
        sa.Column("expires_at", TIME),
        sa.Column("created_at", TIME, nullable=False),
        _key("calendar_channels", "calendar_id", "calendars"),
        _key("calendar_channels", "workspace_id", "workspaces"),
        sa.PrimaryKeyConstraint("id", name="pk_calendar_channels"),
    )
    op.create_index("ix_calendar_channels_calendar_id", "calendar_channels", ["calendar_id"])
    op.create_table(
        "calendar_meetings",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("room", sa.Text(), nullable=False),
        sa.Column("start_at", TIME, nullable=False),
        sa.Column("end_at", TIME, nullable=False),
        sa.Column("identities", JSON, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("bot_id", sa.Uuid()),
        sa.Column("updated_at", TIME, nullable=False),
        _key("calendar_meetings", "bot_id", "bots", "SET NULL"),
        _key("calendar_meetings", "workspace_id", "workspaces"),
        sa.PrimaryKeyConstraint("id", name="pk_calendar_meetings"),
    )
    op.create_index("ix_calendar_meetings_workspace_id_end_at", "calendar_meetings", ["workspace_id", "end_at"])


def downgrade() -> None:
    for table in ("calendar_meetings", "calendar_channels", "calendar_events", "calendars"):
        op.drop_table(table)
