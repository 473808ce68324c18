"""What Teams' screens mean: the rules of `selectors.toml`, and what the client is told by WebSocket, which is surer.

A message that a conversation ended carries a sub-code; those that are known are signs the rules name. Messages are
taken apart, so that nothing a participant writes, their name least of all, is ever taken for the server's word.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from connectors.kit.web.screens import load

SCREENS = load(Path(__file__).parent)
LEAST = {"captcha": (120, 40)}

_SIGNS = {  # github.com/attendee-labs/attendee/tree/77e990ed/bots/teams_bot_adapter, read 2026-08-19
    "5854": "lobby_denied",
    "5723": "anonymous_join_disabled",
    "5000": "removed",
    "5300": "removed",
}
_MARK = "3:::"  # of a frame that carries a message
_ENDED = "conversationEnd"
_MOST_BYTES = 200_000  # of a message that came packed
_GZIP = 16 + zlib.MAX_WBITS


def hears(frame: str) -> str | None:
    if not frame.startswith(_MARK) or _ENDED not in frame:
        return None
    message = _object(frame.removeprefix(_MARK))
    if not _path_of(message).rstrip("/").endswith(f"/{_ENDED}"):
        return None
    code = _body_of(message).get("subCode")
    return _SIGNS.get(str(code)) if isinstance(code, int | str) else None


def _path_of(message: dict[str, Any]) -> str:
    """Of the client's own address that the message is for: what it is about."""
    try:
        return urlsplit(str(message.get("url", ""))).path
    except ValueError:
        return ""


def _body_of(message: dict[str, Any]) -> dict[str, Any]:
    """Written out, as JSON in a text, or packed: gzip in base64."""
    body = message.get("body")
    if isinstance(body, dict):
        return body
    return _object(body) or _object(_unpacked(body)) if isinstance(body, str) else {}


def _unpacked(body: str) -> str:
    try:
        return zlib.decompressobj(_GZIP).decompress(base64.b64decode(body, validate=True), _MOST_BYTES).decode()
    except (binascii.Error, zlib.error, ValueError):
        return ""


def _object(text: str) -> dict[str, Any]:
    try:
        read = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return read if isinstance(read, dict) else {}
