"""What the turn machine knows between two events. Immutable; `turns.py` says how it changes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bot.conversation.addressing import Because, Remark
from bot.conversation.overlap import Before, Talker
from bot.conversation.turn_events import UNKNOWN, ChatWritten, Heard

LATE_S = 15.0  # longer than a recogniser may take for the words between


class Phase(StrEnum):
    LISTEN = "listen"
    CANDIDATE = "candidate"
    DECIDE = "decide"
    THINK = "think"
    SPEAK = "speak"
    DUCKED = "ducked"
    LEAVING = "leaving"
    STOPPED = "stopped"


BUSY = frozenset({Phase.THINK, Phase.SPEAK, Phase.DUCKED})  # an answer is made or said


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    speaker: str
    text: str
    because: Because
    written: bool = False
    number: int = 0  # of the words that were heard
    at_s: float = 0.0  # when its speaker was last heard on it


@dataclass(frozen=True, kw_only=True, slots=True)
class Cut:
    """An answer that was cut, and may go on if what cut it was nothing."""

    epoch: int
    by: str
    at_s: float
    asked: Question | None


@dataclass(frozen=True, kw_only=True, slots=True)
class State:
    names: tuple[str, ...]  # what the bot is called
    phase: Phase = Phase.LISTEN
    epoch: int = 0
    others: int = 0
    other_names: tuple[str, ...] = ()
    since_s: float = 0.0  # when the phase began
    quiet_since_s: float = 0.0  # when we last made or said nothing any more
    talking: tuple[Talker, ...] = ()  # who speaks now
    asked: Question | None = None  # being answered, or held while its speaker goes on
    waiting: tuple[Question, ...] = ()
    answered: tuple[str, float] | None = None  # whom we answered last, and when that ended
    asked_back: bool = False  # what we said last ended in a question
    notice: bool = False  # what is being said is one
    notices: tuple[str, ...] = ()  # to be said next
    resumed: bool = False  # what is being said went on after a false alarm
    cut: Cut | None = None
    before: Before | None = None  # who last spoke over what is being said
    audible_s: float = 0.0  # since when it is heard

    @property
    def busy(self) -> bool:
        return self.phase in BUSY

    @property
    def heard(self) -> bool:
        return self.phase in {Phase.SPEAK, Phase.DUCKED}

    @property
    def held(self) -> bool:
        """A question waits for what its speaker goes on to say."""
        return self.asked is not None and not self.busy

    def is_answering(self, speaker: str) -> bool:
        """Whether what is being answered is that person's; of two who are unknown nobody knows it."""
        return self.asked is not None and self.asked.speaker == speaker != UNKNOWN


def late(state: State, at_s: float) -> tuple[Question, ...]:
    """Questions that others have talked over for so long that an answer would break into something else. The only
    other person's is never late, and nobody's while they go on with it themselves."""
    if state.busy or state.others == 1:
        return ()
    speaking = {one.speaker for one in state.talking} - {UNKNOWN}
    held = (*(() if state.asked is None else (state.asked,)), *state.waiting)
    waited = (one for one in held if at_s - max(one.at_s, state.quiet_since_s) >= LATE_S)
    return tuple(one for one in waited if one.speaker not in speaking)


def remark(state: State, event: Heard | ChatWritten) -> Remark:
    """What was said or written, with what matters for whether it is for us."""
    answered = state.answered if state.answered and state.answered[0] == event.speaker != UNKNOWN else None
    since_s = 0.0 if state.is_answering(event.speaker) else (event.at_s - answered[1] if answered else None)
    return Remark(
        text=event.text,
        others=state.others,
        names=state.names,
        since_answer_s=since_s,
        written=isinstance(event, ChatWritten),
        other_names=state.other_names,
        asked_back=state.asked_back,
        readings=event.readings if isinstance(event, Heard) else (),
    )
