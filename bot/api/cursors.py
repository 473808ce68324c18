"""Cursors of lists: where the next page begins, opaque to clients. Not secret: the workspace limits every query."""

from __future__ import annotations

import base64
import binascii
import json
from datetime import UTC, datetime

from bot.api.problems import FieldError, InvalidRequest


def encode(at: datetime, object_id: str, *, order: str = "") -> str:
    """Of a list by this time and then by id. `order` names it where a list has others."""
    text = json.dumps([at.isoformat(), object_id, *([order] if order else [])])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode(cursor: str, *, order: str = "") -> tuple[datetime, str]:
    """Raises InvalidRequest when it is not one of ours, or of another order."""
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        written, object_id, *named = json.loads(text)
        if named != ([order] if order else []):
            raise ValueError
        at = datetime.fromisoformat(written)
        if at.tzinfo is None or not isinstance(object_id, str):
            raise ValueError
        at = at.astimezone(UTC)
    except (ValueError, TypeError, OverflowError, binascii.Error):
        wrong = FieldError(pointer="query/cursor", message="not a cursor of this list in this order")
        raise InvalidRequest([wrong]) from None
    return at, object_id
