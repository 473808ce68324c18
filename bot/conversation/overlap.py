"""What others' voices over ours mean: nothing, speak softer, stop, or leave the floor to them. Pure; knows no phases.

It counts voice, not time: a detector needs half a second of silence to end a stretch, so a nod in words of 0.3 s lasts
0.8 s by the clock. Where the ears tell nothing while someone speaks, the time since they began stands for it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from bot.conversation.addressing import wants_the_floor
from bot.conversation.dismissal import is_backchannel

DUCK_S = 0.15  # voice over ours after which we speak softer
BARGE_IN_S = 0.5  # and after which we stop
YIELD_S = 0.3  # voice of each of two people talking to each other
NOD_S = 1.0  # a nod in words is over by then
PAUSED_S = 0.2  # silence after which a nod is taken as one
TURN_GAP_S = 1.5  # who speaks so soon after someone else answers them


@dataclass(frozen=True, kw_only=True, slots=True)
class Talker:
    """Someone speaking now. `voiced_s` None: the ears do not tell. `forgiven_s`: voice that was a nod."""

    speaker: str
    since_s: float
    told_s: float  # when anything was last heard of this stretch
    voiced_s: float | None = None
    silent_s: float = 0.0
    text: str = ""
    forgiven_s: float = 0.0
    forgiven_at_s: float = 0.0

    def over_s(self, at_s: float) -> float:
        """Voice that counts."""
        return at_s - self.since_s if self.voiced_s is None else self.voiced_s - self.forgiven_s

    def is_nod(self, at_s: float, *, paused_s: float) -> bool:
        """Words of a nod so far; or none yet, and paused."""
        spans_s = at_s - self.silent_s - max(self.since_s, self.forgiven_at_s)
        if self.voiced_s is None or max(spans_s, self.over_s(at_s)) >= NOD_S:
            return False
        return is_backchannel(self.text) or (not self.text.strip() and self.silent_s >= paused_s)


@dataclass(frozen=True, kw_only=True, slots=True)
class Before:
    """Who last spoke over ours and stopped, and how much voice it was."""

    speaker: str
    at_s: float
    voiced_s: float


class Meaning(StrEnum):
    NOTHING = "nothing"
    DUCK = "duck"
    CUT = "cut"
    WANTED = "wanted"  # cut by a word: stop, our name, a question to us
    YIELD = "yield"


def forgive(talkers: tuple[Talker, ...], at_s: float) -> tuple[Talker, ...]:
    """The voice of a nod that is over counts no longer, though its stretch goes on."""
    return tuple(_forgiven(one, at_s) if one.is_nod(at_s, paused_s=PAUSED_S) else one for one in talkers)


def _forgiven(one: Talker, at_s: float) -> Talker:
    if one.silent_s < PAUSED_S or one.voiced_s is None or one.voiced_s <= one.forgiven_s:
        return one
    return replace(one, forgiven_s=one.voiced_s, forgiven_at_s=at_s)


def meaning(
    talkers: tuple[Talker, ...],
    at_s: float,
    *,
    before: Before | None,
    names: tuple[str, ...],
    others: int,
    heard: bool,
) -> tuple[Meaning, str]:
    """What is to be done, and because of whom. `heard`: ours is audible; else it is only being made."""
    for one in talkers:
        if heard and wants_the_floor(one.text, names, others=others) and one.over_s(at_s) > 0.0:
            return Meaning.WANTED, one.speaker
    real = [one for one in talkers if not one.is_nod(at_s, paused_s=0.1)]
    longest = max(real, key=lambda one: one.over_s(at_s), default=None)
    if longest is None:
        return _softer(talkers, at_s)
    if heard and _among_themselves(real, at_s, before):
        return Meaning.YIELD, longest.speaker
    if longest.over_s(at_s) >= BARGE_IN_S:
        return Meaning.CUT, longest.speaker
    return _softer(talkers, at_s)


def _softer(talkers: tuple[Talker, ...], at_s: float) -> tuple[Meaning, str]:
    loud = next((one for one in talkers if one.over_s(at_s) >= DUCK_S), None)
    return (Meaning.DUCK, loud.speaker) if loud else (Meaning.NOTHING, "")


def _among_themselves(talkers: list[Talker], at_s: float, before: Before | None) -> bool:
    """Two at the same time, or one answering the other."""
    long = [one for one in talkers if one.over_s(at_s) >= YIELD_S and one.voiced_s is not None]
    if len(long) >= 2:
        return True
    if before is None or before.voiced_s < YIELD_S:
        return False
    return any(one.speaker != before.speaker and one.since_s - before.at_s <= TURN_GAP_S for one in long)
