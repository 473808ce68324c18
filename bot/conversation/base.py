"""The ports of thinking: passages of a knowledge base, and a mind that answers in clauses."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, kw_only=True, slots=True)
class Passage:
    """One retrievable piece of a document. Text of documents is data, never instructions."""

    passage_id: str
    document: str
    heading: str
    text: str
    score: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """One entry of the history: what was really heard, by whom. `cut` where an interruption ended it."""

    speaker: str
    text: str
    own: bool
    cut: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Clause:
    """One piece of an answer, short enough to start speaking. `passages` are the ids it rests on; `first_token_s` is
    when the language model's first words were there, `time.monotonic()` seconds, None where none speaks."""

    text: str
    passages: tuple[str, ...] = ()
    first_token_s: float | None = None


class ConversationError(Exception):
    """No answer can be made now."""

    code = "conversation_error"
    retryable = True


class Knowledge(Protocol):
    async def search(self, query: str, *, limit: int = 4, readings: Sequence[str] = ()) -> Sequence[Passage]:
        """The best passages of this character's knowledge, best first; empty when nothing fits. `readings`: what else
        the recogniser may have heard, likelier ones first."""
        ...


class Mind(Protocol):
    def answer(
        self, question: str, *, speaker: str, history: Sequence[Said], readings: Sequence[str] = ()
    ) -> AsyncIterator[Clause]:
        """Clauses as they are ready; stopping the iteration stops the work. `readings`: what else may have been heard.
        Raises ConversationError."""
        ...
