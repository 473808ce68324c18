"""Signing in to the dashboard, and lines that users want a bot to say."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def _key(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=f"fk_{table}_{column}_{target}", ondelete="CASCADE")


def upgrade() -> None:
    for table in ("setup_tokens", "browser_sessions"):
        op.create_table(
            table,
            sa.Column("sha256", sa.Text(), nullable=False),
            sa.Column("workspace_id", sa.Uuid(), nullable=False),
            sa.Column("created_at", TIME, nullable=False),
            sa.Column("expires_at", TIME, nullable=False),
            _key(table, "workspace_id", "workspaces"),
            sa.PrimaryKeyConstraint("sha256", name=f"pk_{table}"),
        )
    op.create_table(
        "bot_lines",
        sa.Column("bot_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        _key("bot_lines", "bot_id", "bots"),
        _key("bot_lines", "workspace_id", "workspaces"),
        sa.PrimaryKeyConstraint("bot_id", "sequence", name="pk_bot_lines"),
    )


def downgrade() -> None:
    for table in ("bot_lines", "browser_sessions", "setup_tokens"):
        op.drop_table(table)
