"""Leaving a Zoom call: "Leave", and then the button that means it. A lobby is left by the first."""

from __future__ import annotations

from connectors.kit.web.hands import Hands


async def press(hands: Hands) -> None:
    if await hands.press("leave"):
        await hands.press("leave_confirm")
        await hands.gone("leave")
