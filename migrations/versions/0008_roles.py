"""Roles of API keys and of sign-ins. Keys that are there keep the scopes they have, browsers all they may."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

SIGN_INS = ("setup_tokens", "browser_sessions")


def upgrade() -> None:
    op.add_column("api_keys", sa.Column("role", sa.Text()))
    for table in SIGN_INS:
        op.add_column(table, sa.Column("role", sa.Text(), server_default="admin", nullable=False))


def downgrade() -> None:
    for table in SIGN_INS:
        op.drop_column(table, "role")
    op.drop_column("api_keys", "role")
