"""What a platform tells its own page by WebSocket, overheard: only the signs a platform's `hears` knows are kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.async_api import BrowserContext, Page, WebSocket

FRAME_CHARACTERS = 200_000  # a longer frame is none of those that are looked for
SIGNS_KEPT = 16

Hears = Callable[[str], str | None]


class Overheard:
    """The signs heard since the page was opened."""

    def __init__(self, hears: Hears) -> None:
        self._hears = hears
        self._signs: dict[str, None] = {}

    @property
    def signs(self) -> frozenset[str]:
        return frozenset(self._signs)

    def listen(self, context: BrowserContext) -> None:
        context.on("page", self._page)
        for page in context.pages:
            self._page(page)

    def take(self, frame: str | bytes) -> None:
        if isinstance(frame, str) and len(frame) <= FRAME_CHARACTERS and len(self._signs) < SIGNS_KEPT:
            sign = self._hears(frame)
            if sign is not None:
                self._signs[sign] = None

    def _page(self, page: Page) -> None:
        page.on("websocket", self._socket)

    def _socket(self, socket: WebSocket) -> None:
        socket.on("framereceived", self.take)


def hears_nothing(frame: str) -> str | None:
    """For a platform whose messages are not known."""
    return None
