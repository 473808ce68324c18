"""API keys: made, listed, revoked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from bot.client.connection import Connection, read


@dataclass(frozen=True, kw_only=True, slots=True)
class Key:
    """`role` None: it has scopes of its own."""

    id: str
    name: str
    role: str | None
    scopes: list[str]
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyWithSecret(Key):
    """`key` is what opens; it is told this once."""

    key: str = field(repr=False)


class Keys(Connection):
    async def keys(self, *, over: bool = False) -> list[Key]:
        """Newest first; `over`: also those that are revoked or have ended."""
        return await self._list(Key, "/keys", over=over)

    async def create_key(
        self,
        *,
        name: str,
        role: str | None = None,
        scopes: Sequence[str] | None = None,
        expires_at: datetime | None = None,
    ) -> KeyWithSecret:
        """With a role or with scopes, one of them. Raises ApiError: `beyond_own_rights`, `expires_in_the_past`."""
        chosen = None if scopes is None else list(scopes)
        wanted = {"name": name, "role": role, "scopes": chosen, "expires_at": expires_at}
        return read(KeyWithSecret, await self._ask("POST", "/keys", body=wanted))

    async def revoke_key(self, key_id: str) -> Key:
        """What it was; it opens nothing any more, the own one too."""
        return read(Key, await self._ask("DELETE", f"/keys/{key_id}"))
