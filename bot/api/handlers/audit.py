"""The audit trail, read."""

from __future__ import annotations

from typing import Any, Self

from pydantic import AwareDatetime, BaseModel, Field

from bot.api.routes import Call, NoBody, NoPath, Route
from bot.api.schemas import After
from bot.store import audit
from bot.store.audit import Entry


class AuditEntry(BaseModel):
    sequence: int = Field(description="1, 2, 3... of the workspace")
    at: AwareDatetime
    action: str = Field(description="the operation's id, as in this description, or `sign_in`")
    object: str
    actor: dict[str, Any]
    details: dict[str, Any]
    previous_sha256: str
    sha256: str

    @classmethod
    def of(cls, entry: Entry) -> Self:
        return cls.model_validate(entry, from_attributes=True)


class AuditTrail(BaseModel):
    data: list[AuditEntry]


async def read(call: Call[NoPath, After, NoBody]) -> AuditTrail:
    async with call.services.database.read() as session:
        found = await audit.page(
            session, workspace_id=call.workspace_id, after=call.query.after, limit=call.query.limit
        )
    return AuditTrail(data=[AuditEntry.of(entry) for entry in found])


ROUTES = (
    Route(
        method="GET",
        path="/audit",
        name="read_audit_trail",
        summary="Who changed what, in order; each entry carries the hash of the one before it",
        tag="audit",
        scope="audit:read",
        handler=read,
        query=After,
        answer=AuditTrail,
    ),
)
