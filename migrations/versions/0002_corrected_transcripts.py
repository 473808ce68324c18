"""A segment of a transcript may correct an earlier one, and says how sure its speaker is."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("transcript_segments", sa.Column("speaker_confidence", sa.Float(), nullable=True))
    op.add_column("transcript_segments", sa.Column("supersedes", sa.Integer(), nullable=True))
    op.create_index("ix_transcript_segments_supersedes", "transcript_segments", ["bot_id", "supersedes"])
