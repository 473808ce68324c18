"""Events and rules as JSON, which is how the store keeps them, and back. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import TypeAdapter

from bot.calendars.model import Event, Rules
from bot.store.calendar_events import NewEvent

_EVENT, _RULES = TypeAdapter(Event), TypeAdapter(Rules)


def stored(event: Event) -> NewEvent:
    body = _EVENT.dump_python(event, mode="json")
    digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
    return NewEvent(event_id=event.id, body=body, digest=digest, start_at=event.start, end_at=event.end)


def event_of(body: Mapping[str, Any], *, calendar_id: str, removed: bool) -> Event:
    return replace(_EVENT.validate_python(dict(body)), calendar_id=calendar_id, removed=removed)


def rules_of(body: Mapping[str, Any]) -> Rules:
    return _RULES.validate_python(dict(body))


def rules_body(rules: Rules) -> dict[str, Any]:
    body: dict[str, Any] = _RULES.dump_python(rules, mode="json")
    return body
