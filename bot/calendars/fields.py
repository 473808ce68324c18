"""Fields of JSON that others wrote, by the kind that is wanted; what is of another kind counts as left out. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any


def text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def fields(value: Any) -> Mapping[str, Any]:
    """Of an object."""
    return value if isinstance(value, dict) else {}


def instant(value: Any) -> datetime | None:
    """A time with its offset, or without one in UTC."""
    try:
        at = datetime.fromisoformat(text(value))
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
