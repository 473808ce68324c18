"""One record per turn: what was asked and answered, what was heard of it, and when each stage was done.

Pure: it is told times and texts, and knows neither the machine that decides nor the devices.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.conversation.base import Passage
from bot.meeting.bridge import Answer, Heard


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """When a stretch of someone's speech became words; `time.monotonic()` seconds."""

    text: str
    readings: tuple[str, ...]  # what else may have been said
    last_voiced_s: float
    ended_s: float  # when the silence was long enough
    words_s: float


@dataclass(slots=True)
class Turn:
    """One thing the bot says. `kind`: answer, notice or goodbye."""

    epoch: int
    kind: str
    speaker: str = ""
    question: str = ""
    because: str = ""
    heard: Question | None = None
    began_s: float = 0.0
    first_clause_s: float | None = None
    passages: list[str] = field(default_factory=list)
    generated: list[str] = field(default_factory=list)


def record_of(
    turn: Turn, heard: Heard, answer: Answer, *, start_s: float, known: Mapping[str, Passage]
) -> dict[str, Any]:
    """`start_s`: when the meeting's timeline began, monotonic. `known`: passages by id, to name them."""
    question = turn.heard
    record: dict[str, Any] = {
        "epoch": turn.epoch,
        "kind": turn.kind,
        "speaker": turn.speaker,
        "question": turn.question,
        "because": turn.because,
        "heard": question.text if question else None,
        "passages": [_named(passage_id, known) for passage_id in turn.passages],
        "answer": " ".join(turn.generated),
        "answer_heard": heard.text,
        "interrupted": heard.cut,
        "av_offset_device_ms": _ms(heard.offset_ms),
        "t0_s": round(question.last_voiced_s - start_s, 3) if question else None,
    }
    if question and heard.first_audible_s is not None:
        record["latency_device_ms"] = _ms((heard.first_audible_s - question.last_voiced_s) * 1000)
        record["stages_ms"] = _stages_of(turn, question, heard, answer)
    return record


def _stages_of(turn: Turn, question: Question, heard: Heard, answer: Answer) -> dict[str, float]:
    return _stages(
        question.last_voiced_s,
        vad=question.ended_s,
        recogniser=question.words_s,
        decide=turn.began_s,
        knowledge_or_llm_first_clause=turn.first_clause_s,
        voice_first_sound=answer.voice_first_s,
        engine_first_block=answer.engine_first_s,
        device_first_sound=heard.first_audible_s,
    )


def _named(passage_id: str, known: Mapping[str, Passage]) -> dict[str, str]:
    passage = known.get(passage_id)
    if passage is None:
        return {"id": passage_id}
    return {"id": passage_id, "document": passage.document, "heading": passage.heading}


def _stages(last_s: float, **reached_s: float | None) -> dict[str, float]:
    """What each stage added, in milliseconds; the stages add up to the whole."""
    added: dict[str, float] = {}
    for stage, at_s in reached_s.items():
        if at_s is not None:
            added[stage] = round((at_s - last_s) * 1000, 1)
            last_s = at_s
    return added


def _ms(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
