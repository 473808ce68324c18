"""The VideoRoom's page has no chat; the server's text rooms are another page's."""

from __future__ import annotations

from connectors.base import NotSupported
from connectors.kit.web.hands import Hands


async def open_chat(hands: Hands) -> None:
    """There is none to open."""


async def write(hands: Hands, text: str) -> bool:
    raise NotSupported("a VideoRoom has no chat")
