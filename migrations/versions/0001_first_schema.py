"""The first schema."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from bot.store import fulltext

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
STATES = (
    "state IN ('scheduled', 'claimed', 'starting', 'joining', 'waiting_room', 'in_call', 'leaving', "
    "'post_processing', 'ended', 'failed', 'cancelled', 'lost', 'data_deleted')"
)
LIVE = sa.text("state IN ('claimed', 'in_call', 'joining', 'leaving', 'scheduled', 'starting', 'waiting_room')")
UNSENT = sa.text("sent_at IS NULL")


def _key(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=f"fk_{table}_{column}_{target}", ondelete="CASCADE")


def upgrade() -> None:
    op.create_table(
        "workspaces",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_workspaces"),
        sa.UniqueConstraint("slug", name="uq_workspaces_slug"),
    )
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("secret_sha256", sa.Text(), nullable=False),
        sa.Column("scopes", JSON, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("last_used_at", TIME, nullable=True),
        sa.Column("revoked_at", TIME, nullable=True),
        _key("api_keys", "workspace_id", "workspaces"),
        sa.PrimaryKeyConstraint("id", name="pk_api_keys"),
    )
    op.create_index("ix_api_keys_workspace_id", "api_keys", ["workspace_id"])

    op.create_table(
        "knowledge_bases",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        _key("knowledge_bases", "workspace_id", "workspaces"),
        sa.PrimaryKeyConstraint("id", name="pk_knowledge_bases"),
    )
    op.create_index("ix_knowledge_bases_workspace_id", "knowledge_bases", ["workspace_id"])

    op.create_table(
        "characters",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("aliases", JSON, nullable=False),
        sa.Column("persona", sa.Text(), server_default="", nullable=False),
        sa.Column("greeting", sa.Text(), server_default="", nullable=False),
        sa.Column("voice", sa.Text(), server_default="", nullable=False),
        sa.Column("image_path", sa.Text(), nullable=False),
        sa.Column("record_path", sa.Text(), nullable=True),
        sa.Column("likeness", sa.Text(), nullable=False),
        sa.Column("consent_proof", sa.Text(), nullable=True),
        sa.Column("consent_expires_at", TIME, nullable=True),
        sa.Column("engine", sa.Text(), nullable=False),
        sa.Column("knowledge_base_id", sa.Uuid(), nullable=False),
        sa.Column("settings", JSON, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["knowledge_base_id"], ["knowledge_bases.id"], name="fk_characters_knowledge_base_id_knowledge_bases"
        ),
        _key("characters", "workspace_id", "workspaces"),
        sa.PrimaryKeyConstraint("id", name="pk_characters"),
        sa.UniqueConstraint("workspace_id", "slug", name="uq_characters_workspace_id_slug"),
    )
    op.create_table(
        "documents",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("knowledge_base_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        _key("documents", "knowledge_base_id", "knowledge_bases"),
        _key("documents", "workspace_id", "workspaces"),
        sa.PrimaryKeyConstraint("id", name="pk_documents"),
        sa.UniqueConstraint("knowledge_base_id", "sha256", name="uq_documents_knowledge_base_id_sha256"),
    )
    op.create_table(
        "bots",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("character_id", sa.Uuid(), nullable=False),
        sa.Column("meeting_url", sa.Text(), nullable=False),
        sa.Column("meeting_key", sa.Text(), nullable=False),
        sa.Column("bot_name", sa.Text(), nullable=False),
        sa.Column("join_at", TIME, nullable=False),
        sa.Column("metadata", JSON, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("sub_code", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.Column("joined_at", TIME, nullable=True),
        sa.Column("ended_at", TIME, nullable=True),
        sa.CheckConstraint(STATES, name="ck_bots_state"),
        sa.ForeignKeyConstraint(["character_id"], ["characters.id"], name="fk_bots_character_id_characters"),
        _key("bots", "workspace_id", "workspaces"),
        sa.PrimaryKeyConstraint("id", name="pk_bots"),
    )
    op.create_index("ix_bots_due", "bots", ["state", "join_at"])
    op.create_index("ix_bots_newest", "bots", ["workspace_id", "created_at", "id"])
    op.create_index(
        "uq_bots_live_meeting",
        "bots",
        ["workspace_id", "meeting_key"],
        unique=True,
        sqlite_where=LIVE,
        postgresql_where=LIVE,
    )

    op.create_table(
        "passages",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("knowledge_base_id", sa.Uuid(), nullable=False),
        sa.Column("document_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("heading", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        _key("passages", "document_id", "documents"),
        _key("passages", "knowledge_base_id", "knowledge_bases"),
        _key("passages", "workspace_id", "workspaces"),
        sa.PrimaryKeyConstraint("id", name="pk_passages"),
        sa.UniqueConstraint("document_id", "position", name="uq_passages_document_id_position"),
    )
    op.create_index("ix_passages_knowledge_base_id", "passages", ["knowledge_base_id"])

    op.create_table(
        "bot_events",
        sa.Column("bot_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("sub_code", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.Column("data", JSON, nullable=False),
        sa.Column("at", TIME, nullable=False),
        _key("bot_events", "bot_id", "bots"),
        _key("bot_events", "workspace_id", "workspaces"),
        sa.PrimaryKeyConstraint("bot_id", "sequence", name="pk_bot_events"),
    )
    op.create_table(
        "heartbeats",
        sa.Column("bot_id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("command", sa.Text(), nullable=True),
        _key("heartbeats", "bot_id", "bots"),
        _key("heartbeats", "workspace_id", "workspaces"),
        sa.PrimaryKeyConstraint("bot_id", name="pk_heartbeats"),
    )
    op.create_table(
        "leases",
        sa.Column("bot_id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=True),
        sa.Column("expires_at", TIME, nullable=False),
        _key("leases", "bot_id", "bots"),
        _key("leases", "workspace_id", "workspaces"),
        sa.PrimaryKeyConstraint("bot_id", name="pk_leases"),
    )
    op.create_index("ix_leases_expires_at", "leases", ["expires_at"])

    op.create_table(
        "outbox",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("bot_id", sa.Uuid(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("payload", JSON, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("available_at", TIME, nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("sent_at", TIME, nullable=True),
        _key("outbox", "bot_id", "bots"),
        _key("outbox", "workspace_id", "workspaces"),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
    )
    op.create_index("ix_outbox_unsent", "outbox", ["available_at", "id"], sqlite_where=UNSENT, postgresql_where=UNSENT)

    op.create_table(
        "transcript_segments",
        sa.Column("bot_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("speaker_id", sa.Text(), nullable=False),
        sa.Column("speaker_name", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("start_ms", sa.Integer(), nullable=False),
        sa.Column("end_ms", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=True),
        sa.Column("own", sa.Boolean(), nullable=False),
        sa.Column("cut", sa.Boolean(), nullable=False),
        _key("transcript_segments", "bot_id", "bots"),
        _key("transcript_segments", "workspace_id", "workspaces"),
        sa.PrimaryKeyConstraint("bot_id", "sequence", name="pk_transcript_segments"),
    )
    op.create_table(
        "turn_records",
        sa.Column("bot_id", sa.Uuid(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("record", JSON, nullable=False),
        _key("turn_records", "bot_id", "bots"),
        _key("turn_records", "workspace_id", "workspaces"),
        sa.PrimaryKeyConstraint("bot_id", "attempt", "epoch", name="pk_turn_records"),
    )

    for statement in fulltext.statements(op.get_context().dialect.name):
        op.execute(statement)


def downgrade() -> None:
    for table in (
        "turn_records",
        "transcript_segments",
        "outbox",
        "leases",
        "heartbeats",
        "bot_events",
        "passages_fts",
        "passages",
        "bots",
        "documents",
        "characters",
        "knowledge_bases",
        "api_keys",
        "workspaces",
    ):
        op.execute(f"DROP TABLE IF EXISTS {table}")
