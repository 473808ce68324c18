"""Every table, once. Core tables, no mapped classes: the functions of this package return frozen dataclasses.

Each row carries its `workspace_id`, the installation's own counters apart. Times are UTC. The full-text parts (an FTS5
table on SQLite, a generated column on PostgreSQL) differ by database and are made by `fulltext.py`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from bot.domain.lifecycle import IN_ROOM, LIVE, BotState
from bot.domain.occurrence import Disposition

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class UtcDateTime(sa.types.TypeDecorator[datetime]):
    """Aware datetimes in UTC on every database; SQLite itself keeps no zone."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone was given to the store")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


@lru_cache(4096)  # a bot's and its workspace's are written again and again
def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        return UUID(int=0)


class Id(sa.types.TypeDecorator[str]):
    """A UUID, text in the program. Text that is no UUID names nothing: it is looked up as the nil UUID."""

    impl = sa.Uuid
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> UUID | None:
        return _uuid(value) if value is not None else None

    def process_result_value(self, value: UUID | None, dialect: sa.Dialect) -> str | None:
        return str(value) if value is not None else None


def new_id() -> str:
    return str(uuid4())


Json = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # SQLite counts up only an INTEGER key


def _id() -> sa.Column[Any]:
    return sa.Column("id", Id, primary_key=True, default=new_id)


def _workspace() -> sa.Column[Any]:
    return sa.Column("workspace_id", Id, sa.ForeignKey("workspaces.id", ondelete="CASCADE"), nullable=False)


def _bot(**options: Any) -> sa.Column[Any]:
    return sa.Column("bot_id", Id, sa.ForeignKey("bots.id", ondelete="CASCADE"), nullable=False, **options)


def _text(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Text, nullable=False, server_default="")


def _time(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, UtcDateTime, nullable=nullable)


def _created() -> sa.Column[Any]:
    return sa.Column("created_at", UtcDateTime, nullable=False, default=lambda: datetime.now(UTC))


workspaces = sa.Table(
    "workspaces",
    metadata,
    _id(),
    sa.Column("slug", sa.Text, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    _created(),
    sa.Column("retention_days", sa.Integer),  # what was said is kept so long; None: as the installation says
)

knowledge_bases = sa.Table(
    "knowledge_bases",
    metadata,
    _id(),
    _workspace(),
    sa.Column("name", sa.Text, nullable=False),
    _created(),
    sa.Index(None, "workspace_id"),
)

documents = sa.Table(
    "documents",
    metadata,
    _id(),
    _workspace(),
    sa.Column("knowledge_base_id", Id, sa.ForeignKey("knowledge_bases.id", ondelete="CASCADE"), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("media_type", sa.Text, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
    _created(),
    sa.UniqueConstraint("knowledge_base_id", "sha256"),
)

passages = sa.Table(
    "passages",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    _workspace(),
    sa.Column("knowledge_base_id", Id, sa.ForeignKey("knowledge_bases.id", ondelete="CASCADE"), nullable=False),
    sa.Column("document_id", Id, sa.ForeignKey("documents.id", ondelete="CASCADE"), nullable=False),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("heading", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.UniqueConstraint("document_id", "position"),
    sa.Index(None, "knowledge_base_id"),
)

characters = sa.Table(
    "characters",
    metadata,
    _id(),
    _workspace(),
    sa.Column("slug", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("aliases", Json, nullable=False),
    _text("persona"),
    _text("greeting"),
    _text("voice"),
    sa.Column("image_path", sa.Text, nullable=False),
    sa.Column("record_path", sa.Text),
    sa.Column("likeness", sa.Text, nullable=False),
    sa.Column("consent_proof", sa.Text),
    _time("consent_expires_at", nullable=True),
    sa.Column("engine", sa.Text, nullable=False),
    sa.Column("knowledge_base_id", Id, sa.ForeignKey("knowledge_bases.id"), nullable=False),
    sa.Column("settings", Json, nullable=False),
    _created(),
    _time("updated_at"),
    _time("deleted_at", nullable=True),  # the row is empty from then on, and there for the bots it had
    sa.UniqueConstraint("workspace_id", "slug"),
)

occurrences = sa.Table(  # one meeting at one time, and what has become of it
    "occurrences",
    metadata,
    _id(),
    _workspace(),
    sa.Column("meeting_key", sa.Text, nullable=False),
    _time("starts_at"),
    sa.Column("disposition", sa.Text, nullable=False),
    sa.Column("code", sa.Text),  # of the end that led to it
    sa.Column("bot_id", Id),  # the latest that was made for it
    sa.Column("made", sa.Integer, nullable=False),  # bots
    _created(),
    _time("updated_at"),
    sa.CheckConstraint(
        sa.column("disposition").in_([sa.literal_column(f"'{one}'") for one in Disposition]), name="disposition"
    ),
    sa.Index(None, "workspace_id", "meeting_key", "starts_at"),
)

bots = sa.Table(
    "bots",
    metadata,
    _id(),
    _workspace(),
    sa.Column("character_id", Id, sa.ForeignKey("characters.id"), nullable=False),
    sa.Column("meeting_url", sa.Text, nullable=False),
    sa.Column("meeting_key", sa.Text, nullable=False),
    sa.Column("bot_name", sa.Text, nullable=False),
    _time("join_at"),
    sa.Column("metadata", Json, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("code", sa.Text),
    sa.Column("sub_code", sa.Text),
    _text("detail"),
    _created(),
    _time("updated_at"),
    _time("joined_at", nullable=True),
    _time("ended_at", nullable=True),
    _time("launch_at", nullable=True),  # when a dispatcher may claim it; a little before `join_at`
    sa.Column("occurrence_id", Id),
    sa.Column("deduplication_key", sa.Text),
    sa.Column("tries", sa.Integer, nullable=False, server_default="0"),  # joins that failed and were tried again
    sa.CheckConstraint(sa.column("state").in_([sa.literal_column(f"'{state}'") for state in BotState]), name="state"),
    sa.Index("ix_bots_due", "state", "launch_at"),
    sa.Index("ix_bots_newest", "workspace_id", "created_at", "id"),
)


def _among(states: frozenset[BotState], *, given: str = "") -> dict[str, Any]:
    """Where the state is one of these, and the column `given` is there: an index in which most rows are alike is taken
    by a planner that knows no better, and each look at it is one at all of them."""
    there = f"{given} IS NOT NULL AND " if given else ""
    where = sa.text("{}state IN ({})".format(there, ", ".join(f"'{state}'" for state in sorted(states))))
    return {"sqlite_where": where, "postgresql_where": where}


# One live bot per occurrence and per key of the caller's; in one room, or on its way into it, one bot at a time.
live_occurrence = sa.Index("uq_bots_live_occurrence", bots.c.occurrence_id, unique=True, **_among(LIVE))
live_deduplication = sa.Index(
    "uq_bots_live_deduplication",
    bots.c.workspace_id,
    bots.c.deduplication_key,
    unique=True,
    **_among(LIVE, given="deduplication_key"),
)
sa.Index("ix_bots_deduplication", bots.c.workspace_id, bots.c.deduplication_key, bots.c.created_at)
sa.Index("ix_bots_state_newest", bots.c.workspace_id, bots.c.state, bots.c.created_at, bots.c.id)
live_room = sa.Index("uq_bots_live_room", bots.c.workspace_id, bots.c.meeting_key, unique=True, **_among(IN_ROOM))
sa.Index("ix_bots_live_meeting", bots.c.workspace_id, bots.c.meeting_key, bots.c.join_at, **_among(LIVE))

bot_events = sa.Table(
    "bot_events",
    metadata,
    _bot(primary_key=True),
    sa.Column("sequence", sa.Integer, primary_key=True),
    _workspace(),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),  # "state" for a move; else what a note is about
    sa.Column("state", sa.Text, nullable=False),  # the bot's state once this had happened
    sa.Column("code", sa.Text),
    sa.Column("sub_code", sa.Text),
    _text("detail"),
    sa.Column("data", Json, nullable=False),
    _time("at"),
)

leases = sa.Table(
    "leases",
    metadata,
    _bot(primary_key=True),
    _workspace(),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("pid", sa.Integer),
    _time("expires_at"),
    sa.Index(None, "expires_at"),
)

heartbeats = sa.Table(
    "heartbeats",
    metadata,
    _bot(primary_key=True),
    _workspace(),
    sa.Column("attempt", sa.Integer, nullable=False),
    _time("at"),
    sa.Column("command", sa.Text),
)

transcript_segments = sa.Table(
    "transcript_segments",
    metadata,
    _bot(primary_key=True),
    sa.Column("sequence", sa.Integer, primary_key=True),
    _workspace(),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("speaker_id", sa.Text, nullable=False),
    sa.Column("speaker_name", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("start_ms", sa.Integer, nullable=False),
    sa.Column("end_ms", sa.Integer, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("confidence", sa.Float),
    sa.Column("own", sa.Boolean, nullable=False),
    sa.Column("cut", sa.Boolean, nullable=False),
    sa.Column("speaker_confidence", sa.Float),
    sa.Column("supersedes", sa.Integer),  # the sequence of an earlier segment that no longer holds
    sa.Index("ix_transcript_segments_supersedes", "bot_id", "supersedes"),
)

turn_records = sa.Table(
    "turn_records",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    _bot(),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("epoch", sa.Integer),  # None: a remark the bot said nothing to
    _workspace(),
    sa.Column("record", Json, nullable=False),
    sa.UniqueConstraint("bot_id", "attempt", "epoch"),
    sa.Index(None, "bot_id", "id"),
)

counters = sa.Table(  # the installation's own, without a workspace: nobody's data
    "counters",
    metadata,
    sa.Column("figure", sa.Text, primary_key=True),
    sa.Column("labels", sa.Text, primary_key=True),  # a JSON list of the values
    sa.Column("part", sa.Text, primary_key=True),  # a histogram's bucket or sum; empty for a counter
    sa.Column("shard", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("value", sa.Float, nullable=False),
)

outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    _workspace(),
    _bot(),
    sa.Column("topic", sa.Text, nullable=False),
    sa.Column("payload", Json, nullable=False),
    _created(),
    _time("available_at"),  # taken by a relay: hidden from the others until then
    sa.Column("tries", sa.Integer, nullable=False),
    _time("sent_at", nullable=True),
    _time("told_at", nullable=True),  # webhooks were made of it, or there are none
)
sa.Index(
    "ix_outbox_untold",
    outbox.c.bot_id,
    outbox.c.id,
    sqlite_where=sa.text("told_at IS NULL"),
    postgresql_where=sa.text("told_at IS NULL"),
)
sa.Index(
    "ix_outbox_unsent",
    outbox.c.available_at,
    outbox.c.id,
    sqlite_where=sa.text("sent_at IS NULL"),
    postgresql_where=sa.text("sent_at IS NULL"),
)

api_keys = sa.Table(
    "api_keys",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    _workspace(),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("secret_sha256", sa.Text, nullable=False),
    sa.Column("role", sa.Text),  # None: the scopes are the key's own
    sa.Column("scopes", Json, nullable=False),  # with a role: what it might do when the key was made
    _created(),
    _time("last_used_at", nullable=True),
    _time("revoked_at", nullable=True),
    _time("expires_at", nullable=True),
    sa.Index(None, "workspace_id"),
)


def _way_in(name: str) -> sa.Table:
    return sa.Table(
        name,
        metadata,
        sa.Column("sha256", sa.Text, primary_key=True),
        _workspace(),
        sa.Column("role", sa.Text, nullable=False, server_default="admin"),
        _created(),
        _time("expires_at"),
    )


setup_tokens = _way_in("setup_tokens")  # each opens the dashboard once
browser_sessions = _way_in("browser_sessions")

bot_lines = sa.Table(  # what users want a bot to say, until its process takes it
    "bot_lines",
    metadata,
    _bot(primary_key=True),
    sa.Column("sequence", sa.Integer, primary_key=True),
    _workspace(),
    sa.Column("text", sa.Text, nullable=False),
    _time("at"),
)
