"""What Meet's screens mean: the rules of `selectors.toml`. Nothing Meet's page tells by network is read: the message
that says a guest was taken for a bot is known to exist, its shape is not."""

from __future__ import annotations

from pathlib import Path

from connectors.kit.web.screens import load

SCREENS = load(Path(__file__).parent)
LEAST = {"captcha": (120, 40)}  # a smaller one is the badge of a check that nobody sees
