"""Leaving a Teams call: one button; leaving its lobby: "Cancel"."""

from __future__ import annotations

from connectors.kit.web.hands import Hands


async def press(hands: Hands) -> None:
    for name in ("leave", "leave_lobby"):
        if await hands.press(name):
            await hands.gone(name)
            return
