"""One bot per occurrence of a meeting; launches ahead of time; repeatable requests; the audit trail; retention.

The version before cannot make bots on this schema: its INSERT names an index that stood for one bot per link and is
gone, because a standing room has many occurrences. Its bots in meetings go on.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
TIME = sa.DateTime(timezone=True)
IN_ROOM = "state IN ('claimed', 'in_call', 'joining', 'leaving', 'starting', 'waiting_room')"
LIVE = "state IN ('claimed', 'in_call', 'joining', 'leaving', 'scheduled', 'starting', 'waiting_room')"
DISPOSITIONS = "'open', 'stopped', 'turned_away', 'served', 'retried', 'failed', 'lost'"
KEYED = f"deduplication_key IS NOT NULL AND {LIVE}"
INDEXES = (  # name, columns, unique, where
    ("uq_bots_live_occurrence", ["occurrence_id"], True, LIVE),
    ("uq_bots_live_deduplication", ["workspace_id", "deduplication_key"], True, KEYED),
    ("uq_bots_live_room", ["workspace_id", "meeting_key"], True, IN_ROOM),
    ("ix_bots_live_meeting", ["workspace_id", "meeting_key", "join_at"], False, LIVE),
)


def _workspace(table: str) -> sa.ForeignKeyConstraint:
    name = f"fk_{table}_workspace_id_workspaces"
    return sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=name, ondelete="CASCADE")


def _partial(name: str, columns: list[str], unique: bool, where: str) -> None:
    clause = sa.text(where)
    op.create_index(name, "bots", columns, unique=unique, sqlite_where=clause, postgresql_where=clause)


def upgrade() -> None:
    op.create_table(
        "occurrences",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("meeting_key", sa.Text(), nullable=False),
        sa.Column("starts_at", TIME, nullable=False),
        sa.Column("disposition", sa.Text(), nullable=False),
        sa.Column("code", sa.Text()),
        sa.Column("bot_id", sa.Uuid()),
        sa.Column("made", sa.Integer(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.CheckConstraint(f"disposition IN ({DISPOSITIONS})", name="ck_occurrences_disposition"),
        _workspace("occurrences"),
        sa.PrimaryKeyConstraint("id", name="pk_occurrences"),
    )
    place = ["workspace_id", "meeting_key", "starts_at"]
    op.create_index("ix_occurrences_workspace_id_meeting_key_starts_at", "occurrences", place)
    _bots()
    op.add_column("workspaces", sa.Column("retention_days", sa.Integer()))
    op.add_column("api_keys", sa.Column("expires_at", TIME))
    _trail()


def _bots() -> None:
    op.add_column("bots", sa.Column("launch_at", TIME))
    op.add_column("bots", sa.Column("occurrence_id", sa.Uuid()))
    op.add_column("bots", sa.Column("deduplication_key", sa.Text()))
    op.add_column("bots", sa.Column("tries", sa.Integer(), nullable=False, server_default="0"))
    op.execute("UPDATE bots SET launch_at = join_at")
    op.drop_index("uq_bots_live_meeting", "bots")
    op.drop_index("ix_bots_due", "bots")
    op.create_index("ix_bots_due", "bots", ["state", "launch_at"])
    for index in INDEXES:
        _partial(*index)
    op.create_index("ix_bots_deduplication", "bots", ["workspace_id", "deduplication_key", "created_at"])
    op.create_index("ix_bots_state_newest", "bots", ["workspace_id", "state", "created_at", "id"])


def _trail() -> None:
    op.create_table(
        "idempotent_requests",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer()),
        sa.Column("sealed_answer", sa.Text()),
        sa.Column("began_at", TIME, nullable=False),
        _workspace("idempotent_requests"),
        sa.PrimaryKeyConstraint("id", name="pk_idempotent_requests"),
        sa.UniqueConstraint("workspace_id", "key", name="uq_idempotent_requests_workspace_id_key"),
    )
    op.create_index("ix_idempotent_requests_began_at", "idempotent_requests", ["began_at"])
    op.create_table(
        "audit_entries",
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("object", sa.Text(), nullable=False),
        sa.Column("actor", JSON, nullable=False),
        sa.Column("details", JSON, nullable=False),
        sa.Column("previous_sha256", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        _workspace("audit_entries"),
        sa.PrimaryKeyConstraint("workspace_id", "sequence", name="pk_audit_entries"),
    )


def downgrade() -> None:
    op.drop_table("audit_entries")
    op.drop_table("idempotent_requests")
    op.drop_column("api_keys", "expires_at")
    op.drop_column("workspaces", "retention_days")
    for name, *_ in INDEXES:
        op.drop_index(name, "bots")
    for name in ("ix_bots_due", "ix_bots_deduplication", "ix_bots_state_newest"):
        op.drop_index(name, "bots")
    for column in ("tries", "deduplication_key", "occurrence_id", "launch_at"):
        op.drop_column("bots", column)
    op.create_index("ix_bots_due", "bots", ["state", "join_at"])
    live = sa.text(LIVE)
    unique = ["workspace_id", "meeting_key"]
    op.create_index("uq_bots_live_meeting", "bots", unique, unique=True, sqlite_where=live, postgresql_where=live)
    op.drop_table("occurrences")
