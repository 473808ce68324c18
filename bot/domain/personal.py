"""What is people's: in events, as in the log, what they say and write and are called stands under `pii_` keys alone.
Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PREFIX = "pii_"


def without_people(data: Mapping[str, Any]) -> dict[str, Any]:
    """As it may be shown to who follows what happens and need not read what is said; at any depth."""
    return {name: _bare(value) for name, value in data.items() if not name.startswith(PREFIX)}


def _bare(value: Any) -> Any:
    if isinstance(value, Mapping):
        return without_people(value)
    return [_bare(one) for one in value] if isinstance(value, list | tuple) else value
