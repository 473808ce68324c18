"""Does our picture leave the page? From the counts of its connections, over time. Pure: told the time, knows no page.

A count that falls means connections have ended and others begun: that is a beginning, not a picture.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from connectors.base import PictureArrives

MISSING_S = 5.0
OUTBOUND_JS = (Path(__file__).parent / "outbound.js").read_text("utf-8")
SENT_JS = "async () => (await window.understudySent?.()) ?? { links: 0, frames: 0, energy: 0 }"


@dataclass(frozen=True, kw_only=True, slots=True)
class Sent:
    """`links`: connections that are up. `energy`: of the sound given to them, in the statistics' own unit."""

    links: int
    frames: int
    energy: float


class Arrival:
    """`take` gives an event when the picture has not left for 5 s though someone is there, and when it does again."""

    def __init__(self) -> None:
        self._frames = 0
        self._since_s: float | None = None  # the last frame that left, or the first chance to send one
        self.arrives = True
        self.sounds = False  # whether sound ever left with something in it

    def take(self, sent: Sent, *, others: bool, at_s: float) -> Iterator[PictureArrives]:
        self.sounds |= sent.energy > 0
        moved, self._frames = sent.frames > self._frames, sent.frames
        if moved or not others or self._since_s is None:
            self._since_s = at_s
        if moved and not self.arrives:
            self.arrives = True
            yield PictureArrives(at_s=at_s, active=True)
        elif self.arrives and others and at_s - self._since_s >= MISSING_S:
            self.arrives = False
            yield PictureArrives(at_s=at_s, active=False)
