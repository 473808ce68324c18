"""Teams' chat: a panel that is opened first, a box that is edited like a document, Enter."""

from __future__ import annotations

from connectors.kit.web.hands import Hands


async def open_chat(hands: Hands) -> None:
    if not await hands.sees("chat_box"):
        await hands.press("chat_open")


async def write(hands: Hands, text: str) -> bool:
    return await hands.write("chat_box", text)
