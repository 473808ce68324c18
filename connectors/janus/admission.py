"""What the page's dialogs mean: the rules of `selectors.toml`; and what the server tells it by WebSocket, surer still.

Messages are taken apart, so that no name or text of a participant is ever taken for the server's word. What a page that
asks by HTTP instead is told shows in it all the same.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from connectors.kit.web.screens import load

SCREENS = load(Path(__file__).parent)

_PLUGIN = "janus.plugin.videoroom"
_ERRORS = {  # by number, and by the words where one number means several things
    (426, ""): "no_such_room",
    (429, "(pin)"): "wrong_pin",
    (432, ""): "room_full",
    (433, "(wrong pin)"): "wrong_pin",
    (433, "allowed list"): "not_allowed",
}


def hears(frame: str) -> str | None:
    try:
        said = json.loads(frame)
    except ValueError:
        return None
    plugin = said.get("plugindata") if isinstance(said, dict) else None
    told = plugin.get("data") if isinstance(plugin, dict) and plugin.get("plugin") == _PLUGIN else None
    return _sign(told) if isinstance(told, dict) else None


def _sign(told: dict[str, Any]) -> str | None:
    if told.get("videoroom") == "destroyed":
        return "destroyed"
    if told.get("leaving") == "ok" and told.get("reason") == "kicked":
        return "kicked"
    code, words = told.get("error_code"), str(told.get("error", ""))
    return next((sign for (known, said), sign in _ERRORS.items() if known == code and said in words), None)
