"""How a rehearsed conversation goes: hear the notice out, ask, hear the answer out, ask again, say goodbye.

Knows ears and a mouth, no browser: an `Asker` plays a line and keeps what it hears on the clock it was given.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from bot.clock import Clock
from bot.errors import Unavailable
from bot.rehearsal.measure import Span, spans
from bot.rehearsal.questions import Question
from bot.rehearsal.recording import Recording

ANSWER_OVER_S = 1.2  # of silence after speech
LOOK_S = 0.2
GOODBYE = "Thank you very much. Goodbye."


class Asker(Protocol):
    @property
    def ears(self) -> Recording:
        """What the asker hears of the meeting."""
        ...

    async def say(self, text: str) -> Span | None:
        """Speak; returns when it is out, with the times of its first and last voiced sample. None: it made no sound."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Patience:
    """How long the asker waits, in seconds."""

    settle_s: float = 10.0  # from hearing the bot's line first: a call's buffers and bitrate need it
    notice_s: float = 20.0  # for the bot to begin to speak of itself
    answer_s: float = 15.0  # from the end of a question to the beginning of the answer
    longest_answer_s: float = 60.0
    farewell_s: float = 6.0
    between_s: float = 0.8  # between an answer and the next question


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """One question as it was asked and answered, by the asker's clock. `answered` None: nothing was heard in time."""

    question: Question
    asked: Span
    answered: Span | None

    @property
    def latency_s(self) -> float | None:
        """From the last voiced sample of the question to the first audible one of the answer; negative where the bot
        spoke over the question."""
        return None if self.answered is None else self.answered.start_s - self.asked.end_s


class MicrophoneSilent(Unavailable):
    """The asker spoke, and its own microphone carried no sound."""

    code = "microphone_silent"


async def converse(
    asker: Asker,
    questions: Sequence[Question],
    *,
    clock: Clock,
    patience: Patience | None = None,
    tell: Callable[[str], None] = lambda line: None,
) -> tuple[Turn, ...]:
    """All questions, from a moment when the bot is in the call. Raises MicrophoneSilent."""
    patience = patience or Patience()
    began_s = clock.monotonic_s()
    notice = await hear_out(asker.ears, after_s=began_s, begin_s=patience.notice_s, clock=clock, patience=patience)
    tell("the bot has introduced itself" if notice else "the bot has not said anything about itself")
    await clock.sleep(max(patience.between_s, began_s + patience.settle_s - clock.monotonic_s()))
    turns = []
    for question in questions:
        tell(f"asking: {question.text}")
        turns.append(await _ask(asker, question, clock=clock, patience=patience))
        tell(_outcome(turns[-1]))
        await clock.sleep(patience.between_s)
    return tuple(turns)


async def say_goodbye(asker: Asker, *, clock: Clock, patience: Patience | None = None) -> Span | None:
    """Take leave and hear out what the bot says to that."""
    patience = patience or Patience()
    said = await asker.say(GOODBYE)
    if said is None:
        return None
    return await hear_out(asker.ears, after_s=said.end_s, begin_s=patience.farewell_s, clock=clock, patience=patience)


async def hear_out(ears: Recording, *, after_s: float, begin_s: float, clock: Clock, patience: Patience) -> Span | None:
    """The sound that goes on past `after_s` or begins later, once it is over; None where none begins in `begin_s`."""
    while True:
        now_s = clock.monotonic_s()
        heard = spans(ears.sound(after_s - 2.0, now_s), bridge_s=ANSWER_OVER_S)
        found = next((span for span in heard if span.end_s > after_s), None)
        if found is None and now_s > after_s + begin_s:
            return None
        if found is not None and (
            now_s - found.end_s > ANSWER_OVER_S or now_s - found.start_s > patience.longest_answer_s
        ):
            return found
        await clock.sleep(LOOK_S)


async def _ask(asker: Asker, question: Question, *, clock: Clock, patience: Patience) -> Turn:
    asked = await asker.say(question.text)
    if asked is None:
        raise MicrophoneSilent
    answered = await hear_out(
        asker.ears, after_s=asked.end_s, begin_s=patience.answer_s, clock=clock, patience=patience
    )
    return Turn(question=question, asked=asked, answered=answered)


def _outcome(turn: Turn) -> str:
    if turn.answered is None or turn.latency_s is None:
        return "no answer was heard"
    return f"answered after {turn.latency_s:.2f} s, for {turn.answered.seconds:.1f} s"
