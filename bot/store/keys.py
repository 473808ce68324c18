"""API keys: `uk_<id>_<secret>`, shown once. Kept is the SHA-256 of the secret, random enough to need no more.

A key has a role, and may do what this version says the role may; or it has scopes of its own, and no more ever.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from bot.domain import roles
from bot.domain.roles import ALL_SCOPES, Role
from bot.errors import BotError, Conflict, NotFound
from bot.store import occurrences, tables
from bot.store.session import Session

MOST_KEYS = 200  # of a workspace, that open something
MOST_LISTED = 1000
_SECRET_BYTES = 32  # 256 bits
_SHAPE = re.compile(r"uk_([0-9a-f]{16})_([0-9A-Za-z_-]{20,128})")
_LAST_USED_EVERY = timedelta(minutes=1)  # a busy key writes its row no oftener


class BadKey(BotError):
    """The API key is missing, wrong, expired or revoked; send `Authorization: Bearer uk_...`."""

    code, http_status = "unauthorized", 401


class UnknownKey(NotFound):
    """There is no such API key in this workspace."""

    code = "unknown_key"


class TooManyKeys(Conflict):
    """This workspace has as many API keys as it may; revoke one."""

    code = "too_many_keys"


@dataclass(frozen=True, kw_only=True, slots=True)
class ApiKey:
    id: str
    workspace_id: str
    name: str
    role: Role | None  # None: scopes of its own
    scopes: Sequence[str]
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None
    expires_at: datetime | None  # None: when it is revoked


async def create(
    session: Session,
    *,
    workspace_id: str,
    name: str,
    role: Role | None = None,
    scopes: Sequence[str] = ALL_SCOPES,
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """A new key and the text to hand to its user, which cannot be had again. With a `role` the scopes are its own."""
    key_id, secret = secrets.token_hex(8), secrets.token_urlsafe(_SECRET_BYTES)
    given = sorted(roles.SCOPES[role]) if role is not None else list(scopes)
    row: dict[str, Any] = {"id": key_id, "workspace_id": workspace_id, "name": name, "role": role, "scopes": given}
    row |= {"expires_at": expires_at, "secret_sha256": _digest(secret)}
    statement = sa.insert(tables.api_keys).values(**row).returning(tables.api_keys)
    return _key((await session.execute(statement)).one()), f"uk_{key_id}_{secret}"


async def verify(session: Session, text: str, *, now: datetime) -> ApiKey:
    """The key this text is. Raises BadKey, the same for every reason."""
    shape = _SHAPE.fullmatch(text)
    if shape is None:
        raise BadKey
    row = (await session.execute(sa.select(tables.api_keys).where(tables.api_keys.c.id == shape[1]))).one_or_none()
    known = row.secret_sha256 if row is not None else _digest("")
    if not hmac.compare_digest(known, _digest(shape[2])) or row is None or row.revoked_at is not None:
        raise BadKey
    if row.expires_at is not None and row.expires_at <= now:
        raise BadKey
    return _key(row)


def is_stale(key: ApiKey, now: datetime) -> bool:
    """Is it time to write down that the key was used?"""
    return key.last_used_at is None or now - key.last_used_at >= _LAST_USED_EVERY


async def touch(session: Session, key_id: str, *, now: datetime) -> None:
    await session.execute(sa.update(tables.api_keys).where(tables.api_keys.c.id == key_id).values(last_used_at=now))


async def make_room(session: Session, *, workspace_id: str, now: datetime) -> None:
    """For one more; two that ask at once count one after the other. Raises TooManyKeys."""
    await occurrences.lock_workspace(session, workspace_id)
    query = sa.select(sa.func.count()).where(tables.api_keys.c.workspace_id == workspace_id, *_opens(now))
    if (await session.execute(query)).scalar_one() >= MOST_KEYS:
        raise TooManyKeys(most=MOST_KEYS)


async def newest(session: Session, *, workspace_id: str, now: datetime, over: bool = False) -> list[ApiKey]:
    """Newest first, as many as are ever listed; `over`: also those that open nothing any more."""
    table = tables.api_keys
    query = sa.select(table).where(table.c.workspace_id == workspace_id, *(() if over else _opens(now)))
    query = query.order_by(table.c.created_at.desc(), table.c.id).limit(MOST_LISTED)
    return [_key(row) for row in await session.execute(query)]


def _opens(now: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    table = tables.api_keys
    return table.c.revoked_at.is_(None), sa.or_(table.c.expires_at.is_(None), table.c.expires_at > now)


async def list_all(session: Session, *, workspace_id: str) -> list[ApiKey]:
    """Oldest first."""
    table = tables.api_keys
    query = sa.select(table).where(table.c.workspace_id == workspace_id).order_by(table.c.created_at, table.c.id)
    return [_key(row) for row in await session.execute(query)]


async def revoke(session: Session, key_id: str, *, workspace_id: str, now: datetime) -> ApiKey:
    """From now on the key opens nothing. Safe twice. Raises UnknownKey."""
    table = tables.api_keys
    statement = sa.update(table).where(table.c.id == key_id, table.c.workspace_id == workspace_id)
    statement = statement.values(
        revoked_at=sa.func.coalesce(table.c.revoked_at, sa.bindparam("now", now, table.c.revoked_at.type))
    )
    row = (await session.execute(statement.returning(table))).one_or_none()
    if row is None:
        raise UnknownKey(key_id=key_id)
    return _key(row)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _key(row: sa.Row[Any]) -> ApiKey:
    values = dict(row._mapping)
    del values["secret_sha256"]
    role = roles.named(values["role"])  # of one that only a later version has: the scopes written beside it
    scopes = sorted(roles.SCOPES[role]) if role is not None else values["scopes"]
    return ApiKey(**values | {"role": role, "scopes": scopes})
