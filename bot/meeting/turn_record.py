"""One record per turn: what was asked and answered, what was heard of it, and when each stage was done. Its shape is
`bot.domain.turn_record`'s.

Pure: it is told times and texts, and knows neither the machine that decides nor the devices.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.conversation.base import Passage
from bot.domain.turn_record import Moments, TurnRecord, times_of
from bot.meeting.bridge import Answer, Heard


@dataclass(slots=True)
class Stretch:
    """One stretch of someone's speech; `time.monotonic()` seconds. `silence_s`: the sample that made the silence long
    enough was spoken; `arrived_s`: it came from the network; `ended_s`: that was known here."""

    began_s: float
    ended_s: float | None = None
    silence_s: float | None = None
    arrived_s: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """When a stretch of someone's speech became words; `time.monotonic()` seconds."""

    text: str
    readings: tuple[str, ...]  # what else may have been said
    last_voiced_s: float
    ended_s: float  # when the silence was long enough
    words_s: float
    silence_s: float | None = None  # the sample that made the silence long enough was spoken
    arrived_s: float | None = None  # and came from the network
    recognising_s: float | None = None  # a duration: what the recogniser took for the words


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
    released_s: float | None = None  # the event came that let it begin
    began_s: float = 0.0
    first_token_s: float | None = None  # where a language model streams
    first_clause_s: float | None = None
    passages: list[str] = field(default_factory=list)
    generated: list[str] = field(default_factory=list)
    clause_ends: list[int] = field(default_factory=list)  # spoken samples (24 kHz) by which each clause was said
    first_clause: int = 0  # of the script
    resumes: int | None = None  # the epoch of the cut turn that this one takes up
    cut: Interruption | None = None


def record_of(
    turn: Turn,
    heard: Heard,
    answer: Answer,
    *,
    start_s: float,
    known: Mapping[str, Passage],
    models: Mapping[str, str],
) -> dict[str, Any]:
    """`start_s`: when the meeting's timeline began, monotonic. `known`: passages by id, to name them. `models`: who
    did the work, by role."""
    question = turn.heard
    generated = " ".join(turn.generated)
    record = TurnRecord(
        epoch=turn.epoch,
        kind=turn.kind,
        decision=_decision(turn),
        because=turn.because,
        speaker=turn.speaker,
        written=_decision(turn) == "answer" and question is None,
        resumes=turn.resumes,
        question=turn.question,
        heard=question.text if question else None,
        answer=generated,
        answer_heard=heard.text,
        generated_characters=len(generated),
        heard_characters=len(heard.text),
        passages=tuple(_named(passage_id, known) for passage_id in turn.passages),
        models=models,
        t0_s=round(question.last_voiced_s - start_s, 3) if question else None,
        av_offset_device_ms=_ms(heard.offset_ms),
        interrupted=heard.cut,
        interruption=_interruption(turn.cut, start_s) if turn.cut and heard.first_audible_s is not None else None,
        **times_of(_moments(turn, heard, answer)),
    )
    return record.to_json()


def _decision(turn: Turn) -> str:
    if turn.resumes is not None:
        return "resume"
    return "answer" if turn.kind == "answer" else "say"


def record_of_remark(reason: str, speaker: str, text: str, *, written: bool) -> dict[str, Any]:
    """Something people said or wrote that was not answered, and why."""
    return TurnRecord(
        kind="remark", decision="ignore", because=reason, speaker=speaker, heard=text, written=written
    ).to_json()


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


def _moments(turn: Turn, heard: Heard, answer: Answer) -> Moments:
    question = turn.heard
    return Moments(
        last_voiced_s=question.last_voiced_s if question else None,
        silence_s=question.silence_s if question else None,
        arrived_s=question.arrived_s if question else None,
        ended_s=question.ended_s if question else None,
        recognising_s=question.recognising_s if question else None,
        words_s=question.words_s if question else None,
        released_s=turn.released_s,
        decided_s=turn.began_s,
        first_token_s=turn.first_token_s,
        first_clause_s=turn.first_clause_s,
        voice_first_s=answer.voice_first_s,
        block_asked_s=answer.block_asked_s,
        block_first_s=answer.engine_first_s,
        block_put_s=answer.block_put_s,
        device_taken_s=heard.begun.taken_s,
        leading_silence_s=heard.begun.leading_silence_s,
        first_audible_s=heard.first_audible_s,
        first_frame_s=heard.begun.first_frame_s,
    )


def _named(passage_id: str, known: Mapping[str, Passage]) -> dict[str, str]:
    passage = known.get(passage_id)
    if passage is None:
        return {"id": passage_id}
    return {"id": passage_id, "document": passage.document, "heading": passage.heading}


def _ms(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
