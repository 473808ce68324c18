"""What the screens of Zoom's web client mean: the rules of `selectors.toml`. What the client is told by network is
not known. A lobby whose host has not started the meeting is one all the same: one may wait in it."""

from __future__ import annotations

from pathlib import Path

from connectors.kit.web.screens import load

SCREENS = load(Path(__file__).parent)
LEAST = {"captcha": (120, 40)}
