"""Transcripts: what was heard and what was really said aloud, in order of writing.

Nothing is ever changed: a correction is a later segment that supersedes an earlier one. Two may supersede the same one
(its words were of two speakers), and one without text takes it back. Reading gives what holds now, or the history;
who reads on from where they were is told the corrections of what they have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from bot.errors import NotFound
from bot.store import fence, tables
from bot.store.session import Session


class UnknownSegment(NotFound):
    """The segment to be superseded is not in this bot's transcript."""

    code = "unknown_segment"


@dataclass(frozen=True, kw_only=True, slots=True)
class Segment:
    """Words of one speaker. `text` and `speaker_name` come from the meeting: untrusted. `speaker_id` is the platform's
    participant where one is known, else a voice's ("speaker-A") or "unknown"."""

    speaker_id: str
    speaker_name: str
    text: str
    start_ms: int  # on the meeting's timeline
    end_ms: int
    source: str  # who says who spoke: "platform", "acoustic" (the voice alone), or "voice" for the bot's own words
    confidence: float | None = None  # of the words
    own: bool = False  # spoken by the bot, as far as it was heard
    cut: bool = False  # ended by an interruption
    speaker_confidence: float | None = None
    supersedes: int | None = None  # sequence of the segment this one corrects


_FIELDS = tuple(Segment.__dataclass_fields__)
RECORD = ("sequence", *_FIELDS)


async def append(session: Session, bot_id: str, *, attempt: int, segment: Segment) -> int:
    """Add a segment; returns its sequence, from 1. Raises UnknownBot, Fenced, UnknownSegment."""
    bot = await fence.hold(session, bot_id, attempt)
    sequence = await fence.next_sequence(session, tables.transcript_segments, bot_id)
    if segment.supersedes is not None and not 0 < segment.supersedes < sequence:
        raise UnknownSegment(sequence=segment.supersedes)
    row = {"bot_id": bot_id, "workspace_id": bot.workspace_id, "attempt": attempt, "sequence": sequence}
    await session.execute(sa.insert(tables.transcript_segments).values(**row, **asdict(segment)))
    return sequence


async def list(
    session: Session, bot_id: str, *, after: int = 0, limit: int = 1000, history: bool = False
) -> Sequence[tuple[int, Segment]]:
    """(sequence, segment) in order of writing, from sequence `after` + 1: what holds now, or with `history` all that
    was ever written. With `after` also each correction of what came before it, without text where it is taken back.
    A correction stands where it was written: order by `start_ms` to read it as it was said."""
    rows = await _rows(session, bot_id, after=after, limit=limit, history=history)
    return [(row[0], Segment(**dict(zip(_FIELDS, row[1:], strict=True)))) for row in rows]


async def records(
    session: Session, bot_id: str, *, after: int = 0, limit: int = 1000, history: bool = False
) -> Sequence[dict[str, Any]]:
    """The same as plain records, `sequence` first, for who only passes them on: there are many, and making a noun of
    each costs more than reading it."""
    rows = await _rows(session, bot_id, after=after, limit=limit, history=history)
    return [dict(zip(RECORD, row, strict=True)) for row in rows]


async def _rows(session: Session, bot_id: str, *, after: int, limit: int, history: bool) -> Sequence[Sequence[Any]]:
    """Of the columns of a record alone: a bot's and a workspace's id would be made text of once a row."""
    table = tables.transcript_segments
    query = sa.select(*(table.c[name] for name in RECORD)).where(table.c.bot_id == bot_id, table.c.sequence > after)
    if not history:
        query = query.where(sa.or_(_holds(bot_id), _corrects_known(bot_id, after)) if after else _holds(bot_id))
    return (await session.execute(query.order_by(table.c.sequence).limit(limit))).all()


def _holds(bot_id: str) -> sa.ColumnElement[bool]:
    table, later = tables.transcript_segments, tables.transcript_segments.alias("later")
    corrected = sa.exists().where(later.c.bot_id == bot_id, later.c.supersedes == table.c.sequence)
    return sa.and_(~corrected, sa.or_(table.c.supersedes.is_(None), table.c.text != ""))


def _corrects_known(bot_id: str, after: int) -> sa.ColumnElement[bool]:
    """What tells who has read up to `after` that something there does not hold, though it may not hold itself: it names
    a segment from there, or a correction, which may be of one from there."""
    table, earlier = tables.transcript_segments, tables.transcript_segments.alias("earlier")
    again = sa.exists().where(
        earlier.c.bot_id == bot_id, earlier.c.sequence == table.c.supersedes, earlier.c.supersedes.is_not(None)
    )
    return sa.or_(table.c.supersedes <= after, again)
