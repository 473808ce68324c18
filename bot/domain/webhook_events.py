"""What users' servers can be told of, and the exact text that tells it. Pure.

A message is thin: it says what happened to which bot, and who wants more asks the API. Standard Webhooks: `type`,
`timestamp` (when it happened), `data`; ours beside them: `sequence` (1, 2, 3... per endpoint) and `api_version`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from bot.domain.lifecycle import BotState

API_VERSION = "v1"
TEST = "webhook.test"  # asked for by a user; sent whatever the endpoint wants
DISABLED = "webhook.disabled"  # to the workspace's other endpoints
CALENDAR_CHANGED = "calendar.changed"  # what is decided for some of its events, or where a bot goes for them
CALENDAR_NEEDS_ACTION = "calendar.action_required"  # it is not read any more until somebody does something
OF_CALENDARS = (CALENDAR_CHANGED, CALENDAR_NEEDS_ACTION)
EVENT_TYPES: tuple[str, ...] = (*(f"bot.{state}" for state in BotState), *OF_CALENDARS, DISABLED)
"""What an endpoint can ask for; of none in particular: all."""

_OF_A_BOT = ("bot_id", "attempt", "state", "code", "sub_code")  # the rest of the outbox's payload is ours


def is_wanted(event_type: str, wanted: Sequence[str]) -> bool:
    return not wanted or event_type in wanted


def data_of_bot(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Of what the outbox tells about a bot, what leaves the house: no process ids, no links, no words."""
    return {name: payload.get(name) for name in _OF_A_BOT}


def body(event_type: str, *, at: datetime, sequence: int, data: Mapping[str, Any]) -> str:
    """The message as it is signed and sent, each time alike: ASCII JSON."""
    timestamp = at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    told = {"type": event_type, "timestamp": timestamp, "sequence": sequence, "api_version": API_VERSION}
    return json.dumps({**told, "data": dict(data)}, separators=(",", ":"))
