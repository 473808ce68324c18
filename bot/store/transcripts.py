"""Transcripts: what was heard and what was really said aloud, in order of writing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from bot.store import fence, tables
from bot.store.session import Session


@dataclass(frozen=True, kw_only=True, slots=True)
class Segment:
    """Words of one speaker. `text` and `speaker_name` come from the meeting: untrusted."""

    speaker_id: str
    speaker_name: str
    text: str
    start_ms: int  # on the meeting's timeline
    end_ms: int
    source: str  # which recogniser heard it, or "voice" for the bot's own words
    confidence: float | None = None
    own: bool = False  # spoken by the bot, as far as it was heard
    cut: bool = False  # ended by an interruption


async def append(session: Session, bot_id: str, *, attempt: int, segment: Segment) -> int:
    """Add a segment; returns its sequence, from 1. Raises UnknownBot, Fenced."""
    bot = await fence.hold(session, bot_id, attempt)
    sequence = await fence.next_sequence(session, tables.transcript_segments, bot_id)
    row = {"bot_id": bot_id, "workspace_id": bot.workspace_id, "attempt": attempt, "sequence": sequence}
    await session.execute(sa.insert(tables.transcript_segments).values(**row, **asdict(segment)))
    return sequence


async def list(session: Session, bot_id: str, *, after: int = 0, limit: int = 1000) -> Sequence[tuple[int, Segment]]:
    """(sequence, segment) in order, from sequence `after` + 1."""
    table = tables.transcript_segments
    query = sa.select(table).where(table.c.bot_id == bot_id, table.c.sequence > after)
    rows = (await session.execute(query.order_by(table.c.sequence).limit(limit))).all()
    return [(row.sequence, _segment(row)) for row in rows]


def _segment(row: sa.Row[Any]) -> Segment:
    return Segment(
        speaker_id=row.speaker_id,
        speaker_name=row.speaker_name,
        text=row.text,
        start_ms=row.start_ms,
        end_ms=row.end_ms,
        source=row.source,
        confidence=row.confidence,
        own=row.own,
        cut=row.cut,
    )
