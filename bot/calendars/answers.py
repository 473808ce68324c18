"""What a calendar's provider answers: the JSON it says, or what its table makes of status and reason. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from bot.calendars.fields import fields, items
from bot.egress.requests import Answer
from bot.errors import Unavailable

Row = tuple[int | None, str | None, type[Unavailable]]
"""(status, reason; None for any other): what it means."""

MOST_REASONS, LONGEST_REASON = 5, 64


def read(answer: Answer, table: Sequence[Row], otherwise: type[Unavailable]) -> Mapping[str, Any]:
    """Raises what the first row that fits says, and `otherwise` where none does."""
    try:
        parsed = json.loads(answer.body) if answer.body.strip() else {}
    except (ValueError, RecursionError):
        parsed = {}
    said = fields(parsed)
    if 200 <= answer.status < 300:
        if answer.cut:
            raise otherwise("The provider's answer was too long, or came too slowly.")
        return said
    reasons = _reasons(said)
    known = {reason.casefold() for reason in reasons}
    fitting = (
        kind
        for status, named, kind in table
        if status in (None, answer.status) and (named is None or named.casefold() in known)
    )
    told = {"status": answer.status, "reason": reasons[0] if reasons else "", "asked_s": retry_after_s(answer.headers)}
    raise next(fitting, otherwise)(None, **told)


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """None: the server names no number of seconds."""
    said = {name.lower(): value for name, value in headers.items()}.get("retry-after", "")
    return float(said) if said.isascii() and said.isdigit() and len(said) < 10 else None


def _reasons(said: Mapping[str, Any]) -> list[str]:
    """A token endpoint's error is a word; Google's API names reasons in `errors`, Microsoft's a code and, inside it,
    codes that say more."""
    error = said.get("error")
    if isinstance(error, str):
        return [error[:LONGEST_REASON]]
    found = [fields(one).get("reason") for one in items(fields(error).get("errors"))[:1]]
    inner = fields(error)
    for _ in range(MOST_REASONS):
        found.append(inner.get("code"))
        inner = fields(inner.get("innerError") or inner.get("innererror"))
    return [one[:LONGEST_REASON] for one in found if isinstance(one, str) and one]
