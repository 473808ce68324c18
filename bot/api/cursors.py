"""Cursors of lists: where the next page begins, opaque to clients. Not secret: the workspace limits every query."""

from __future__ import annotations

import base64
import binascii
import json
from datetime import UTC, datetime

from bot.api.problems import FieldError, InvalidRequest


def encode(created_at: datetime, object_id: str) -> str:
    text = json.dumps([created_at.isoformat(), object_id])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode(cursor: str) -> tuple[datetime, str]:
    """Raises InvalidRequest when it is not one of ours."""
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        created_at, object_id = json.loads(text)
        at = datetime.fromisoformat(created_at)
        if at.tzinfo is None or not isinstance(object_id, str):
            raise ValueError
        at = at.astimezone(UTC)
    except (ValueError, TypeError, OverflowError, binascii.Error):
        wrong = FieldError(pointer="query/cursor", message="not a cursor of this API")
        raise InvalidRequest([wrong]) from None
    return at, object_id
