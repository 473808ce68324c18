"""Leaving a VideoRoom: "Stop" ends the page's session with the server, and the page begins anew."""

from __future__ import annotations

from connectors.kit.web.hands import Hands


async def press(hands: Hands) -> None:
    if await hands.press_in_page("leave"):  # a dialog may lie over it
        await hands.gone("leave")
