"""Whom the face looks at: the one who speaks, where the meeting's page tells where their picture stands. Pure: knows no
page and no engine, and of time what it is told, in seconds of the meeting's timeline.

A gaze is as an engine takes it: x to the picture's right and y down, -1..1, None for the camera. To someone who has the
meeting before them as the bot's own window has it, the face looks from its own picture towards the speaker's. A picture
reaches the others as it is, so nothing is mirrored: whoever is left of us there is looked at to the left.

It is steady: a word thrown in turns no head, and a speaker's pause is no reason to look away.
"""

from __future__ import annotations

from collections.abc import Mapping

from bot.meeting.newest import Newest

Spot = tuple[float, float]

DWELL_S = 0.4  # someone has to speak for so long
HELD_S = 1.5  # and is looked at for so long after their last word
STAY_S = 1.0  # at least, before it turns to another
OWN_PAUSE_S = 0.6  # between two clauses of ours
FULL_AT = 2 / 3  # of a window's half: two tiles of three columns stand so far apart
STREAMS_KEPT = 64  # twice what the ears follow

MIDDLE: Spot = (0.0, 0.0)


class Gaze:
    """`stand`, `begins`, `ends`, `shows` as things happen; `at` asks."""

    def __init__(self) -> None:
        self._spots: Mapping[str, Spot] = {}
        self._own = MIDDLE
        self._since: Newest[str, float] = Newest(STREAMS_KEPT)  # who speaks
        self._shown: str | None = None
        self._looked_at: str | None = None
        self._now_s = self._turned_s = self._heard_s = self._own_voice_s = float("-inf")

    def stand(self, others: Mapping[str, Spot], own: Spot | None) -> None:
        """Where the others' pictures stand in the window, and ours, where that is known."""
        self._spots, self._own = others, own or MIDDLE

    def begins(self, participant: str, at_s: float) -> None:
        if participant not in self._since:
            self._since[participant] = at_s

    def ends(self, participant: str, at_s: float) -> None:
        """`at_s`: when their last word was over."""
        if self._since.pop(participant, None) is not None and participant == self._looked_at:
            self._heard_s = at_s

    def shows(self, participant: str | None, at_s: float) -> None:
        """Instead of `begins` and `ends`, in a mix: whom the platform shows as speaking now."""
        if participant == self._shown:
            return
        if self._shown is not None:
            self.ends(self._shown, at_s)
        if participant is not None:
            self.begins(participant, at_s)
        self._shown = participant

    def at(self, now_s: float, *, own_voice: bool) -> Spot | None:
        """Where to look now. `own_voice`: the bot itself is speaking, to all of them."""
        now_s = self._now_s = max(self._now_s, now_s)  # streams arrive side by side
        if own_voice:
            self._own_voice_s = now_s
        if now_s - self._own_voice_s < OWN_PAUSE_S:
            self._looked_at = None
            return None
        self._turn(now_s)
        return None if self._looked_at is None else self._towards(self._spots[self._looked_at])

    def _turn(self, now_s: float) -> None:
        if self._looked_at not in self._spots:
            self._looked_at = None
        if self._looked_at in self._since:
            return
        if self._looked_at is not None and now_s - self._turned_s < STAY_S:
            return
        waiting = [one for one, since_s in self._since.items() if one in self._spots and now_s - since_s >= DWELL_S]
        if waiting:
            self._looked_at = min(waiting, key=lambda one: self._since[one])
            self._turned_s = self._heard_s = now_s
        elif now_s - self._heard_s >= HELD_S:
            self._looked_at = None

    def _towards(self, spot: Spot) -> Spot:
        x, y = (min(1.0, max(-1.0, (at - own) / FULL_AT)) for at, own in zip(spot, self._own, strict=True))
        return x, y
