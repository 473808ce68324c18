"""How much sound a server holds that we write to, told by when it takes what it is given. Pure.

A sound server has an answer of its own to this. PulseAudio's counts what was written against what was played; once it
has run dry the two no longer belong together, and for the rest of the stream the answer is 0 while 50 ms are held: face
and words would be that much too early. So it is reckoned: sound leaves as time passes, and a server that makes us wait
again and again is full.
"""

from __future__ import annotations

WAITED_S = 0.002  # a write that took as long had to wait for room
FULL_AFTER = 5  # writes in a row that waited: nobody is put aside by a busy machine at each of so many


class Fill:
    """`target_s`: what the server holds when it is full. Times are seconds of one clock."""

    def __init__(self, target_s: float) -> None:
        self._target_s = target_s
        self._held_s = self._at_s = 0.0
        self._waits = 0

    def wrote(self, length_s: float, *, began_s: float, now_s: float) -> None:
        """Sound of that length was given at `began_s`; at `now_s` the server had taken it."""
        self._waits = self._waits + 1 if now_s - began_s > WAITED_S else 0
        held_s = self.held_s(now_s) + length_s
        self._held_s = self._target_s if self._waits >= FULL_AFTER else min(held_s, self._target_s)
        self._at_s = now_s

    def held_s(self, now_s: float) -> float:
        """How long from now until what was written last is out."""
        return max(0.0, self._held_s - max(0.0, now_s - self._at_s))

    def emptied(self) -> None:
        """The server has forgotten what it held."""
        self._held_s, self._waits = 0.0, 0
