"""The audit trail, read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.client.connection import Connection


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditEntry:
    """Each has the hash of the one before it."""

    sequence: int
    at: datetime
    action: str
    object: str
    actor: dict[str, Any]
    details: dict[str, Any]
    previous_sha256: str
    sha256: str


class Audit(Connection):
    def audit(self, *, after: int = 0) -> AsyncIterator[AuditEntry]:
        """In order, page by page."""
        return self._numbered(AuditEntry, "/audit", after)
