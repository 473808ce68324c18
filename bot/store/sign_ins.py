"""Signing in with a browser: a set-up token, shown once and good once, is exchanged for a session.

Kept are the SHA-256 of token and session, both random enough to need no more. Knows no cookie.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from bot.domain import roles
from bot.domain.roles import Role
from bot.errors import BotError
from bot.store import tables
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
    """A person at a browser."""

    workspace_id: str
    role: Role
    expires_at: datetime

    @property
    def scopes(self) -> Sequence[str]:
        return sorted(roles.SCOPES[self.role])


async def issue_token(session: Session, *, workspace_id: str, role: Role = Role.ADMIN, now: datetime) -> str:
    """The text of a new set-up token, which cannot be had again; who signs in with it has the `role`."""
    for table in (tables.setup_tokens, tables.browser_sessions):
        await session.execute(sa.delete(table).where(table.c.expires_at <= now))
    secret, row = _new(workspace_id, role, now, TOKEN_LIFE)
    await session.execute(sa.insert(tables.setup_tokens).values(**row))
    return secret


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
    found = (await session.execute(used.returning(table.c.workspace_id, table.c.role))).one_or_none()
    if found is None:
        raise BadSetupToken
    secret, row = _new(found.workspace_id, _role(found.role), now, SESSION_LIFE)
    made = await session.execute(sa.insert(tables.browser_sessions).values(**row).returning(tables.browser_sessions))
    return _session(made.one()), secret


async def verify(session: Session, secret: str, *, now: datetime) -> BrowserSession:
    """The session of this secret. Raises SignedOut."""
    table = tables.browser_sessions
    query = sa.select(table).where(table.c.sha256 == _digest(secret), table.c.expires_at > now)
    row = (await session.execute(query)).one_or_none()
    if row is None:
        raise SignedOut
    return _session(row)


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


def _new(workspace_id: str, role: Role, now: datetime, life: timedelta) -> tuple[str, dict[str, Any]]:
    """A secret, and the row that knows it again."""
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    row = {"sha256": _digest(secret), "workspace_id": workspace_id, "role": role}
    return secret, row | {"created_at": now, "expires_at": now + life}


def _session(row: sa.Row[Any]) -> BrowserSession:
    return BrowserSession(workspace_id=row.workspace_id, role=_role(row.role), expires_at=row.expires_at)


def _role(name: str) -> Role:
    return roles.named(name) or Role.VIEWER  # of a role that only a later version has: what all of them may


def _digest(secret: str) -> str:
    return hashlib.sha256(secret[:MAX_SECRET_CHARACTERS].encode(errors="replace")).hexdigest()
