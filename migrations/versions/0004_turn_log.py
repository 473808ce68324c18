"""Turn records in order, also of remarks the bot said nothing to; counters."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
KEPT = "bot_id, attempt, epoch, workspace_id, record"


def _key(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=f"fk_{table}_{column}_{target}", ondelete="CASCADE")


def _turn_records(*key: sa.schema.SchemaItem, epoch_optional: bool) -> None:
    op.create_table(
        "turn_records",
        *key,
        sa.Column("bot_id", sa.Uuid(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=epoch_optional),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("record", JSON, nullable=False),
        _key("turn_records", "bot_id", "bots"),
        _key("turn_records", "workspace_id", "workspaces"),
    )


def upgrade() -> None:
    # Made anew, because SQLite cannot change a primary key. The version before writes and reads it as it did: what it
    # writes between the copy and the drop would be gone, so nobody writes (SQLite has one writer anyway).
    if op.get_context().dialect.name == "postgresql":
        op.execute("LOCK TABLE turn_records IN ACCESS EXCLUSIVE MODE")
    op.execute(f"CREATE TABLE kept_records AS SELECT {KEPT} FROM turn_records")
    op.drop_table("turn_records")
    _turn_records(
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_turn_records"),
        sa.UniqueConstraint("bot_id", "attempt", "epoch", name="uq_turn_records_bot_id_attempt_epoch"),
        epoch_optional=True,
    )
    op.create_index("ix_turn_records_bot_id_id", "turn_records", ["bot_id", "id"])
    op.execute(f"INSERT INTO turn_records ({KEPT}) SELECT {KEPT} FROM kept_records ORDER BY bot_id, attempt, epoch")
    op.drop_table("kept_records")
    op.create_table(
        "counters",
        sa.Column("figure", sa.Text(), nullable=False),
        sa.Column("labels", sa.Text(), nullable=False),
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("shard", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("figure", "labels", "part", "shard", name="pk_counters"),
    )


def downgrade() -> None:
    op.drop_table("counters")
    op.execute(f"CREATE TABLE kept_records AS SELECT {KEPT} FROM turn_records WHERE epoch IS NOT NULL")
    op.drop_table("turn_records")
    _turn_records(sa.PrimaryKeyConstraint("bot_id", "attempt", "epoch", name="pk_turn_records"), epoch_optional=False)
    op.execute(f"INSERT INTO turn_records ({KEPT}) SELECT {KEPT} FROM kept_records")
    op.drop_table("kept_records")
