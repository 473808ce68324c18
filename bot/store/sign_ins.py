"""Signing in with a browser: a set-up token, shown once and good once, is exchanged for a session.

Kept are the SHA-256 of token and session, both random enough to need no more. Knows no cookie.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from bot.errors import BotError
from bot.store import tables
from bot.store.keys import ALL_SCOPES
from bot.store.session import Session

TOKEN_LIFE = timedelta(hours=1)
SESSION_LIFE = timedelta(days=7)
_SECRET_BYTES = 32  # 256 bits
MAX_SECRET_CHARACTERS = 200


class BadSetupToken(BotError):
    """This set-up token is wrong, used or too old; `understudy keys sign-in` prints a new one."""

    code, http_status = "bad_setup_token", 401


class SignedOut(BotError):
    """Nobody is signed in here, or the session is over; sign in again."""

    code, http_status = "signed_out", 401


@dataclass(frozen=True, kw_only=True, slots=True)
class BrowserSession:
    """A person at a browser; may do all there is to do in the workspace."""

    workspace_id: str
    expires_at: datetime
    scopes: Sequence[str] = ALL_SCOPES


async def issue_token(session: Session, *, workspace_id: str, now: datetime) -> str:
    """The text of a new set-up token, which cannot be had again."""
    for table in (tables.setup_tokens, tables.browser_sessions):
        await session.execute(sa.delete(table).where(table.c.expires_at <= now))
    return await _keep(session, tables.setup_tokens, workspace_id, now, TOKEN_LIFE)


async def check_token(session: Session, token: str, *, now: datetime) -> None:
    """Raises BadSetupToken where `exchange` would, and changes nothing."""
    table = tables.setup_tokens
    known = sa.select(table.c.sha256).where(table.c.sha256 == _digest(token), table.c.expires_at > now)
    if (await session.execute(known)).one_or_none() is None:
        raise BadSetupToken


async def exchange(session: Session, token: str, *, now: datetime) -> tuple[BrowserSession, str]:
    """A new session and its secret; the token is used up. Raises BadSetupToken, the same for every reason."""
    table = tables.setup_tokens
    used = sa.delete(table).where(table.c.sha256 == _digest(token), table.c.expires_at > now)
    workspace_id = (await session.execute(used.returning(table.c.workspace_id))).scalar_one_or_none()
    if workspace_id is None:
        raise BadSetupToken
    secret = await _keep(session, tables.browser_sessions, workspace_id, now, SESSION_LIFE)
    return BrowserSession(workspace_id=workspace_id, expires_at=now + SESSION_LIFE), secret


async def verify(session: Session, secret: str, *, now: datetime) -> BrowserSession:
    """The session of this secret. Raises SignedOut."""
    table = tables.browser_sessions
    query = sa.select(table).where(table.c.sha256 == _digest(secret), table.c.expires_at > now)
    row = (await session.execute(query)).one_or_none()
    if row is None:
        raise SignedOut
    return BrowserSession(workspace_id=row.workspace_id, expires_at=row.expires_at)


async def end(session: Session, secret: str) -> None:
    """From now on the secret opens nothing. Safe twice."""
    table = tables.browser_sessions
    await session.execute(sa.delete(table).where(table.c.sha256 == _digest(secret)))


async def end_all(session: Session, *, workspace_id: str) -> int:
    """From now on no session of the workspace opens anything, nor does a token that waits to become one; how many
    sessions there were, over or not."""
    table = tables.browser_sessions
    await session.execute(sa.delete(tables.setup_tokens).where(tables.setup_tokens.c.workspace_id == workspace_id))
    ended = sa.delete(table).where(table.c.workspace_id == workspace_id)
    return len((await session.execute(ended.returning(table.c.sha256))).all())


async def _keep(session: Session, table: sa.Table, workspace_id: str, now: datetime, life: timedelta) -> str:
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    row = {"sha256": _digest(secret), "workspace_id": workspace_id, "created_at": now, "expires_at": now + life}
    await session.execute(sa.insert(table).values(**row))
    return secret


def _digest(secret: str) -> str:
    return hashlib.sha256(secret[:MAX_SECRET_CHARACTERS].encode(errors="replace")).hexdigest()
