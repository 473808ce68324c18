"""Requests that carry a key of the client's: done once, however often they are sent. Knows no HTTP.

The first one claims the key and keeps its answer when it has succeeded; one that failed gives the key back, so that a
repetition is tried. A claim whose process died is taken over after a while: what it did is then found out by doing it
again, which the rules of the thing itself must bear (one bot per occurrence).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from bot.errors import BadInput, Conflict
from bot.store import tables
from bot.store.session import Session, insert
from bot.store.trail_tables import idempotent_requests as table

ABANDONED = timedelta(seconds=60)  # a request takes no longer
KEPT = timedelta(hours=24)


class KeyReused(BadInput):
    """This Idempotency-Key came with another request before; a new request needs a new key."""

    code = "idempotency_key_reused"


class StillRunning(Conflict):
    """The first request with this Idempotency-Key is still being worked on."""

    code, retryable = "request_in_progress", True


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """`sealed_answer` None: the request is to be done, by whoever holds this."""

    id: str
    status: int | None
    sealed_answer: str | None


async def claim(session: Session, *, workspace_id: str, key: str, fingerprint: str, now: datetime) -> Claim:
    """Raises KeyReused, StillRunning."""
    row = {"id": tables.new_id(), "workspace_id": workspace_id, "key": key, "fingerprint": fingerprint}
    statement = insert(session, table).values(**row, began_at=now)
    statement = statement.on_conflict_do_nothing(index_elements=["workspace_id", "key"]).returning(table.c.id)
    made = (await session.execute(statement)).scalar_one_or_none()
    if made is not None:
        return Claim(id=made, status=None, sealed_answer=None)
    query = sa.select(table).where(table.c.workspace_id == workspace_id, table.c.key == key)
    there = (await session.execute(query.with_for_update())).one_or_none()
    if there is None:  # given back between the two statements
        raise StillRunning
    if there.began_at < now - KEPT:
        values = {"fingerprint": fingerprint, "began_at": now, "status": None, "sealed_answer": None}
        await session.execute(sa.update(table).where(table.c.id == there.id).values(**values))
        return Claim(id=there.id, status=None, sealed_answer=None)
    if there.fingerprint != fingerprint:
        raise KeyReused
    if there.sealed_answer is None:
        if there.began_at > now - ABANDONED:
            raise StillRunning
        await session.execute(sa.update(table).where(table.c.id == there.id).values(began_at=now))
    return Claim(id=there.id, status=there.status, sealed_answer=there.sealed_answer)


async def keep(session: Session, claim_id: str, *, status: int, sealed_answer: str) -> None:
    values = {"status": status, "sealed_answer": sealed_answer}
    await session.execute(sa.update(table).where(table.c.id == claim_id).values(**values))


async def give_back(session: Session, claim_id: str) -> None:
    await session.execute(sa.delete(table).where(table.c.id == claim_id, table.c.sealed_answer.is_(None)))


async def prune(session: Session, *, now: datetime) -> int:
    """Forget keys of long ago; returns how many."""
    return (await session.execute(sa.delete(table).where(table.c.began_at < now - KEPT))).rowcount
