"""Do our picture and our voice leave the page? From the counts of its connections, over time. Pure: told the time,
knows no page.

A count that falls means connections have ended and others begun: that is a beginning, not a picture.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from connectors.base import PictureArrives, SoundArrives

MISSING_S = 5.0
UNHEARD_S = 1.5  # of voice that was spoken; silence says nothing
OUTBOUND_JS = (Path(__file__).parent / "outbound.js").read_text("utf-8")
SENT_JS = "async () => (await window.understudySent?.()) ?? { links: 0, frames: 0, energy: 0 }"


@dataclass(frozen=True, kw_only=True, slots=True)
class Sent:
    """`links`: connections that are up. `energy`: of the sound given to them, in the statistics' own unit."""

    links: int
    frames: int
    energy: float


class Arrival:
    """`take` gives an event when the picture has not left for 5 s though someone is there, or 1.5 s of voice have not,
    and when they do again. `spoken_s`: seconds of voice the bot has given to its microphone so far."""

    def __init__(self) -> None:
        self._frames = 0
        self._since_s: float | None = None  # the last frame that left, or the first chance to send one
        self.arrives = True
        self._energy = 0.0
        self._left_s: float | None = None  # how much had been spoken when some of it last left
        self.sound_arrives = True
        self.sounds = False  # whether sound ever left with something in it

    def take(
        self, sent: Sent, *, others: bool, spoken_s: float, at_s: float
    ) -> Iterator[PictureArrives | SoundArrives]:
        yield from self._picture(sent, others=others, at_s=at_s)
        yield from self._sound(sent, others=others and sent.links > 0, spoken_s=spoken_s, at_s=at_s)

    def _sound(self, sent: Sent, *, others: bool, spoken_s: float, at_s: float) -> Iterator[SoundArrives]:
        self.sounds |= sent.energy > 0
        left, self._energy = sent.energy > self._energy, sent.energy
        if left or not others or self._left_s is None:
            self._left_s = spoken_s
        if left and not self.sound_arrives:
            self.sound_arrives = True
            yield SoundArrives(at_s=at_s, active=True)
        elif self.sound_arrives and others and spoken_s - self._left_s >= UNHEARD_S:
            self.sound_arrives = False
            yield SoundArrives(at_s=at_s, active=False)

    def _picture(self, sent: Sent, *, others: bool, at_s: float) -> Iterator[PictureArrives]:
        moved, self._frames = sent.frames > self._frames, sent.frames
        if moved or not others or self._since_s is None:
            self._since_s = at_s
        if moved and not self.arrives:
            self.arrives = True
            yield PictureArrives(at_s=at_s, active=True)
        elif self.arrives and others and at_s - self._since_s >= MISSING_S:
            self.arrives = False
            yield PictureArrives(at_s=at_s, active=False)
