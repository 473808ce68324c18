"""When is a bot that could not join sent again? Only for what can heal by itself, only before it was ever let in, only
within its join window, and never after a person's no. A table over codes; knows no clock and no database.

A part of ours that broke is not in it: on the same host it breaks again, and the cause is what people need to see.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.domain.join_time import still_in_window
from bot.domain.lifecycle import BotState


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    pauses_s: tuple[float, ...]  # before each further try; as many tries as there are pauses


RULES: Mapping[str, Rule] = {
    "meeting_not_started": Rule(pauses_s=(30.0, 60.0, 60.0, 120.0, 120.0, 240.0)),
    "meeting_full": Rule(pauses_s=(60.0, 120.0, 240.0)),
    "unreachable": Rule(pauses_s=(15.0, 30.0, 60.0, 120.0)),
    "platform_error": Rule(pauses_s=(15.0, 60.0)),
}

BEFORE_THE_CALL = frozenset({BotState.STARTING, BotState.JOINING, BotState.WAITING_ROOM})


def next_try(code: str, *, state: BotState, tries: int, join_at: datetime, now: datetime) -> datetime | None:
    """When a bot that fails with `code` in `state` is to be launched again; None: it has failed."""
    rule = RULES.get(code)
    if rule is None or state not in BEFORE_THE_CALL or tries >= len(rule.pauses_s):
        return None
    again = now + timedelta(seconds=rule.pauses_s[tries])
    return again if still_in_window(join_at, again) else None
