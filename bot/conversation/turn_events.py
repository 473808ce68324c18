"""What the turn-taker is told and what it asks for: two closed unions. Seconds are on the meeting's timeline."""

from __future__ import annotations

from dataclasses import dataclass

from bot.conversation.addressing import Because

UNKNOWN = ""  # a speaker: nobody knows who, and two of them are not the same person


@dataclass(frozen=True, kw_only=True, slots=True)
class PeopleChanged:
    """`others`: people in the meeting besides the bot; `other_names` as far as they are known."""

    at_s: float
    others: int
    other_names: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class SpeechBegan:
    at_s: float
    speaker: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SpeechGoesOn:
    """How a stretch stands: its voice so far, the pause it is in (0: none), its words so far as they may be known."""

    at_s: float
    speaker: str
    voiced_s: float
    silent_s: float
    text: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class SpeechStopped:
    at_s: float
    speaker: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """The words of a stretch that ended. Empty: there were none. `voice`: who it was called while it went on, where
    that is not the speaker: in a mix nobody is known before the end. `readings`: what else may have been said. `number`
    comes back in the `Think` that answers it. `missed`: there were words but they took too long; those known early."""

    at_s: float
    speaker: str
    text: str
    voice: str = ""
    readings: tuple[str, ...] = ()
    number: int = 0
    missed: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ChatWritten:
    at_s: float
    speaker: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SayAsked:
    """Something to say that is no answer: an operator's line, or a notice, which nobody interrupts by speaking."""

    at_s: float
    text: str
    notice: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class PlaybackBegan:
    """The first sample of this epoch was heard at the device."""

    at_s: float
    epoch: int


@dataclass(frozen=True, kw_only=True, slots=True)
class PlaybackEnded:
    """The last sample of this epoch was heard, or the epoch has nothing to be heard. `asks`: it ended in a question."""

    at_s: float
    epoch: int
    asks: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Tick:
    at_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Stop:
    """The kill switch."""

    at_s: float


Event = (
    PeopleChanged
    | SpeechBegan
    | SpeechGoesOn
    | SpeechStopped
    | Heard
    | ChatWritten
    | SayAsked
    | PlaybackBegan
    | PlaybackEnded
    | Tick
    | Stop
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Think:
    """Make an answer and say it under `epoch`. `written`: the question came by chat. `number` is that of the newest
    words in it that were heard, 0 where none were."""

    question: str
    speaker: str
    epoch: int
    because: Because
    written: bool = False
    number: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Speak:
    text: str
    epoch: int
    notice: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Resume:
    """Say under `epoch` what was not heard of the answer of epoch `resumes`, from its first clause not heard whole."""

    epoch: int
    resumes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Duck:
    """Go on softer: someone may want to speak."""

    epoch: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Unduck:
    epoch: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Interrupt:
    """Drop everything older than `epoch`, now."""

    epoch: int
    by: str  # who spoke; empty: nobody


@dataclass(frozen=True, kw_only=True, slots=True)
class Ignore:
    reason: str
    speaker: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SayGoodbye:
    """A brief goodbye under `epoch`; `Leave` follows when it was heard."""

    epoch: int
    by: str = ""  # who said goodbye to us or sent us away
    written: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Leave:
    reason: str


Effect = Think | Speak | Resume | Duck | Unduck | Interrupt | Ignore | SayGoodbye | Leave
