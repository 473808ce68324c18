"""The audit trail: who did what to what, in order, each entry with the hash of the one before it.

Only added to. Whoever changes an entry of the database or takes one out breaks the chain there; `broken_at` finds it.
Whoever rewrites all that follows is found by the last hash, noted elsewhere. No words of meetings and no secrets go in.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from bot.store import occurrences
from bot.store.session import Session
from bot.store.trail_tables import audit_entries as table

BEGINNING = "0" * 64
BATCH = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    workspace_id: str
    sequence: int  # 1, 2, 3... per workspace
    at: datetime
    action: str
    object: str
    actor: Mapping[str, Any]
    details: Mapping[str, Any]
    previous_sha256: str
    sha256: str


async def add(
    session: Session,
    *,
    workspace_id: str,
    action: str,
    object: str,
    actor: Mapping[str, Any],
    details: Mapping[str, Any] | None = None,
    at: datetime,
) -> Entry:
    await occurrences.lock_workspace(session, workspace_id)  # the chain has one end
    before = await last(session, workspace_id=workspace_id)
    row = {
        "workspace_id": workspace_id,
        "sequence": before.sequence + 1 if before is not None else 1,
        "at": at,
        "action": action,
        "object": object,
        "actor": dict(actor),
        "details": dict(details or {}),
        "previous_sha256": before.sha256 if before is not None else BEGINNING,
    }
    added = await session.execute(sa.insert(table).values(**row, sha256=digest(row)).returning(table))
    return _entry(added.one())


async def page(session: Session, *, workspace_id: str, after: int = 0, limit: int = 100) -> list[Entry]:
    """In order, from sequence `after` + 1."""
    query = _of(workspace_id).where(table.c.sequence > after).order_by(table.c.sequence).limit(limit)
    return [_entry(row) for row in await session.execute(query)]


async def last(session: Session, *, workspace_id: str) -> Entry | None:
    row = (await session.execute(_of(workspace_id).order_by(table.c.sequence.desc()).limit(1))).one_or_none()
    return _entry(row) if row is not None else None


async def broken_at(session: Session, *, workspace_id: str) -> int | None:
    """The first sequence that does not follow from the one before it; None: the chain is whole."""
    after, previous = 0, BEGINNING
    while entries := await page(session, workspace_id=workspace_id, after=after, limit=BATCH):
        for entry in entries:
            row = {name: getattr(entry, name) for name in Entry.__dataclass_fields__}
            if entry.sequence != after + 1 or entry.previous_sha256 != previous or entry.sha256 != digest(row):
                return after + 1
            after, previous = entry.sequence, entry.sha256
    return None


def digest(row: Mapping[str, Any]) -> str:
    """SHA-256 of an entry's own words and the hash of the one before it."""
    at = row["at"].astimezone(UTC).isoformat(timespec="microseconds")
    names = ("workspace_id", "sequence", "action", "object", "actor", "details", "previous_sha256")
    words = [at, *(row[name] for name in names)]
    return hashlib.sha256(json.dumps(words, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _of(workspace_id: str) -> sa.Select[Any]:
    return sa.select(table).where(table.c.workspace_id == workspace_id)


def _entry(row: sa.Row[Any]) -> Entry:
    return Entry(**row._mapping)
