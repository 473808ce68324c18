"""Which of the messages a page shows are new. Pure: told the time, knows no page.

Pages show what was written before the bot came like anything else, and often some moments after the chat was opened. So
what stands there when the chat is first read is old, and so is whatever stands before something known, later too. New
is what comes behind that. A chat that stays empty for a second has nothing old; several messages in one look are an old
chat that is still being drawn, for as long as a page takes to draw one: people write one after the other.

    [] open, 1 s later [a]       a is new: the chat was there, and empty
    [a b], then [a b c]          c is new
    [a b], then [0 a b]          0 is old, and so are a and b
    [] for 1 s, then [a b c]     within 5 s of the first look all are old, later all are new
"""

from __future__ import annotations

from collections.abc import Sequence

from connectors.kit.web.classifier import Message

REMEMBERED = 1000  # messages, the latest ones
EMPTY_S = 1.0  # of an open chat without a message: there was none
DRAWN_S = 5.0  # from the first look at it, until a page has drawn what is old


class Chat:
    """Of one call; `begins_anew` when the bot was out of it."""

    def __init__(self) -> None:
        self._known: dict[str, None] = {}  # in their order
        self._since_s: float | None = None  # the first look at it, open
        self.is_read = False  # what was there before is known

    @property
    def last(self) -> str:
        """The id of the last message known; "" before the first."""
        return next(reversed(self._known), "")

    def begins_anew(self) -> None:
        self._since_s, self.is_read = None, False

    def take(self, messages: Sequence[Message], at_s: float, *, is_open: bool) -> list[Message]:
        """The new ones of those a look shows behind `last`; our own are never new."""
        if self._since_s is None and (is_open or messages or self._known):
            self._since_s = at_s
        if self._since_s is None:
            return []
        known = [at for at, one in enumerate(messages) if one.id in self._known]
        coming = [one for at, one in enumerate(messages) if at > max(known, default=-1) and one.sender]
        drawing = not self.is_read or (len(coming) > 1 and at_s - self._since_s < DRAWN_S)
        self._know(messages)
        self.is_read |= bool(messages) or at_s - self._since_s >= EMPTY_S
        return [] if drawing else coming

    def _know(self, messages: Sequence[Message]) -> None:
        for one in messages:
            self._known.pop(one.id, None)
            self._known[one.id] = None
        for number in list(self._known)[: max(0, len(self._known) - REMEMBERED)]:
            del self._known[number]
