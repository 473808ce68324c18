"""Who runs a command, for what is written down with the deed."""

from __future__ import annotations

import os
import pwd
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bot.store.session import Session


async def write_down(
    session: Session, workspace_id: str, *, action: str, object: str, details: dict[str, Any] | None = None
) -> None:
    """In the audit trail, in the transaction of the deed."""
    from bot.store import audit

    await audit.add(
        session,
        workspace_id=workspace_id,
        action=action,
        object=object,
        actor=at_the_command_line(),
        details=details,
        at=datetime.now(UTC),
    )


def at_the_command_line() -> dict[str, str]:
    return {"by": "command_line", "user": _user()}


def _user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"
