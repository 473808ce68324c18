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
class Interruption:
    """`onset_s`: the first voiced sample of who spoke; `decided_s`: the cut; `silent_s`: the last audible sample of
    ours left the device. `time.monotonic()` seconds."""

    by: str
    decided_s: float
    onset_s: float | None
    silent_s: float | None = None


@dataclass(slots=True)
class Turn:
    """One thing the bot says. `kind`: answer, notice, line or goodbye."""

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
    clause_ends: list[int] = field(default_factory=list)  # spoken samples (24 kHz) by which each clause was said
    first_clause: int = 0  # of the script
    resumes: int | None = None  # the epoch of the cut turn that this one takes up
    cut: Interruption | None = None


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
    if turn.resumes is not None:
        record["resumes"] = turn.resumes
    if turn.cut is not None and heard.first_audible_s is not None:
        record["interruption"] = _interruption(turn.cut, start_s)
    if question and heard.first_audible_s is not None:
        record["latency_device_ms"] = _ms((heard.first_audible_s - question.last_voiced_s) * 1000)
        record["stages_ms"] = _stages_of(turn, question, heard, answer)
    return record


def _interruption(cut: Interruption, start_s: float) -> dict[str, Any]:
    """Seconds are on the meeting's timeline. Cut in a pause of ours, we were silent already: the latter is 0."""
    silent_s = None if cut.silent_s is None else max(cut.silent_s, cut.decided_s)
    return {
        "by": cut.by,
        "onset_s": _on_timeline(cut.onset_s, start_s),
        "decided_s": _on_timeline(cut.decided_s, start_s),
        "silent_s": _on_timeline(silent_s, start_s),
        "decided_to_silence_ms": _between_ms(cut.decided_s, silent_s),
        "onset_to_silence_ms": _between_ms(cut.onset_s, silent_s),
    }


def _on_timeline(at_s: float | None, start_s: float) -> float | None:
    return None if at_s is None else round(at_s - start_s, 3)


def _between_ms(from_s: float | None, to_s: float | None) -> float | None:
    return None if from_s is None or to_s is None else _ms((to_s - from_s) * 1000)


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
