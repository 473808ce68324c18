"""What Teams' screens mean: the rules of `selectors.toml`, and what the client is told by WebSocket, which is surer.

A message that a conversation ended carries a sub-code; those that are known are signs the rules name.
"""

from __future__ import annotations

import re
from pathlib import Path

from connectors.kit.web.screens import load

SCREENS = load(Path(__file__).parent)
LEAST = {"captcha": (120, 40)}

_SIGNS = {  # github.com/attendee-labs/attendee/tree/77e990ed/bots/teams_bot_adapter, read 2026-08-19
    "5854": "lobby_denied",
    "5723": "anonymous_join_disabled",
    "5000": "removed",
    "5300": "removed",
}
_ENDED = re.compile(r"conversationEnd")
_SUB_CODE = re.compile(r"subCode\W{1,8}([0-9]{4})\b")


def hears(frame: str) -> str | None:
    if not frame.startswith("3:::") or not _ENDED.search(frame):
        return None
    code = _SUB_CODE.search(frame)
    return _SIGNS.get(code[1]) if code else None
