"""Leaving a Meet call, or its lobby: one button."""

from __future__ import annotations

from connectors.kit.web.hands import Hands


async def press(hands: Hands) -> None:
    if await hands.press("leave"):
        await hands.gone("leave")
