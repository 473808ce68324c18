"""The record of a turn: its shape, version by version, and what follows from the times in it. Pure; reads no clock.

There is one record for everything the bot set out to say, and a short one (`decision` "ignore") for everything people
said that it did not answer. Times within a record are milliseconds after `t0`, the last voiced sample of what was
asked, on the meeting's own timeline: not the moment a detector was sure of it. The end of a turn is measured at the
device, where the first audible sample and the first picture that belongs to it leave for the meeting; what a platform
adds on the way there and back is not in it.

`overhead_ms` is everything of ours that is neither a model at work nor the silence that ends a question nor the wait
for the next frame: `OVERHEAD` names its parts. What sound took to reach us (the speaker's own sound card and packets,
and the network) is `arrival_ms`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

VERSION = 1
MOST_TEXT = 4000  # characters kept of one text

# Personal: what people said and what was said to them. Left out of an export without words.
WORDS = ("question", "heard", "answer", "answer_heard")

STAGES: tuple[tuple[str, str], ...] = (  # in order of time; each ends when the thing it names is there
    ("vad", "the silence after the question was long enough"),
    ("recogniser", "the words were there"),
    ("decide", "it was decided to answer"),
    ("llm_first_token", "the language model's first words were there"),
    ("knowledge_or_llm_first_clause", "the first clause was there, from the knowledge or the language model"),
    ("voice_first_sound", "the voice's first sound was there"),
    ("engine_first_block", "the first pictures with this sound were there"),
    ("device_first_sound", "the first audible sample left the device"),
)

OVERHEAD: tuple[tuple[str, str], ...] = (
    ("hearing", "from the arrival of the sound that made the silence long enough until that was known"),
    ("words", "from the recogniser's answer until it was taken up"),
    ("decide", "from the words, or from the end of what held it up, to the decision"),
    ("publish", "from the engine's block to the device's queue: size, rate, badge"),
    ("device", "from the device's queue to the ear: what the virtual microphone holds"),
)


def _is(description: str, default: Any = None) -> Any:
    return field(default=default, metadata={"description": description})


@dataclass(frozen=True, kw_only=True, slots=True)
class Interruption:
    by: str = _is("participant who spoke; empty: nobody", "")
    decided_s: float | None = _is("when it was decided to be silent, on the meeting's timeline")
    silent_s: float | None = _is("when the last audible sample left the device")
    onset_s: float | None = _is("when the other began to speak")
    decided_to_silence_ms: float | None = _is("at the device")
    onset_to_silence_ms: float | None = _is("at the device")


@dataclass(frozen=True, kw_only=True, slots=True)
class TurnRecord:
    version: int = _is("of this shape", VERSION)
    at: str = _is("when it was written, ISO 8601", "")
    epoch: int | None = _is("number of what the bot said within one attempt; None where it said nothing")
    resumes: int | None = _is("epoch of the turn that was cut, and is taken up here")
    kind: str = _is("answer | notice | goodbye | line | remark", "answer")
    decision: str = _is("answer | say | resume | ignore", "answer")
    because: str = _is("the rule that decided, or why a remark was ignored", "")
    speaker: str = _is("participant who asked; the platform's id, or a letter for an unknown one", "")
    written: bool = _is("asked by chat", False)
    question: str | None = _is("personal: what was answered")
    heard: str | None = _is("personal: what the recogniser made of the last stretch of speech")
    answer: str | None = _is("personal: what was generated")
    answer_heard: str | None = _is("personal: what of it was heard")
    generated_characters: int = _is("of the answer", 0)
    heard_characters: int = _is("of the answer", 0)
    passages: tuple[Mapping[str, str], ...] = _is("what the answer rests on: id, document, heading", ())
    models: Mapping[str, str] = field(default_factory=dict, metadata={"description": "by role, who did the work"})
    t0_s: float | None = _is("last voiced sample of the question, seconds on the meeting's timeline")
    reached_ms: Mapping[str, float] = field(
        default_factory=dict, metadata={"description": "when each stage was done, after t0"}
    )
    stages_ms: Mapping[str, float] = field(
        default_factory=dict, metadata={"description": "what each stage added; they add up to latency_device_ms"}
    )
    latency_device_ms: float | None = _is("t0 to the first audible sample at the device")
    first_frame_device_ms: float | None = _is("t0 to the first frame at the device that belongs to audible speech")
    overhead_ms: float | None = _is("time outside the models and outside the wait for the next frame")
    overhead_parts_ms: Mapping[str, float] = field(default_factory=dict, metadata={"description": "what it is made of"})
    arrival_ms: float | None = _is("from the sample that made the silence long enough until it came from the network")
    wait_for_frame_ms: float | None = _is("from sound to its turn on the device: what was begun before plays out first")
    av_offset_device_ms: float | None = _is("sound against picture at the device, median; + is sound early")
    interrupted: bool = _is("the answer was not heard to its end", False)
    interruption: Interruption | Mapping[str, Any] | None = field(
        default=None, metadata={"description": "who ended it, and how fast it was silent"}
    )

    def to_json(self) -> dict[str, Any]:
        """As kept: plain JSON types, without what is None or holds nothing."""
        whole = asdict(self)
        for name in WORDS:
            if whole[name] is not None:
                whole[name] = whole[name][:MOST_TEXT]
        listed = {name: list(value) if isinstance(value, tuple) else value for name, value in whole.items()}
        return {name: value for name, value in listed.items() if value is not None and value not in ([], {})}


def without_words(record: Mapping[str, Any]) -> dict[str, Any]:
    """The record as it may be shown to who measures and need not read."""
    return {name: value for name, value in record.items() if name not in WORDS}


@dataclass(frozen=True, kw_only=True, slots=True)
class Moments:
    """When things happened in one turn, in seconds of one monotonic clock. None: did not happen, or nobody looked."""

    last_voiced_s: float | None = None
    silence_s: float | None = None  # the sample at which the silence was long enough was spoken
    arrived_s: float | None = None  # it came from the network
    ended_s: float | None = None  # that was known here
    recognising_s: float | None = None  # a duration: the recogniser's own
    words_s: float | None = None
    released_s: float | None = None  # what the decision waited for was there: the words, or the end of others' speech
    decided_s: float | None = None
    first_token_s: float | None = None
    first_clause_s: float | None = None
    voice_first_s: float | None = None
    block_asked_s: float | None = None  # the engine was asked for the block in which the speech begins
    block_first_s: float | None = None  # it was there
    block_put_s: float | None = None  # it was handed to the device
    device_taken_s: float | None = None  # the device began to take its speech
    leading_silence_s: float = 0.0  # a duration: in front of the first audible sample of the speech itself
    first_audible_s: float | None = None
    first_frame_s: float | None = None


_STAGE_MOMENTS: tuple[tuple[str, str], ...] = (
    ("vad", "ended_s"),
    ("recogniser", "words_s"),
    ("decide", "decided_s"),
    ("llm_first_token", "first_token_s"),
    ("knowledge_or_llm_first_clause", "first_clause_s"),
    ("voice_first_sound", "voice_first_s"),
    ("engine_first_block", "block_first_s"),
    ("device_first_sound", "first_audible_s"),
)


def times_of(moments: Moments) -> dict[str, Any]:
    """The fields of a record that are times; empty without a question, or where nothing was heard of the answer."""
    t0_s, audible_s = moments.last_voiced_s, moments.first_audible_s
    if t0_s is None or audible_s is None:
        return {}
    reached = {stage: _ms(at_s, t0_s) for stage, name in _STAGE_MOMENTS if (at_s := getattr(moments, name)) is not None}
    parts = overhead_of(moments)
    return {
        "reached_ms": reached,
        "stages_ms": _steps(reached),
        "latency_device_ms": _ms(audible_s, t0_s),
        "first_frame_device_ms": None if moments.first_frame_s is None else _ms(moments.first_frame_s, t0_s),
        "overhead_ms": round(sum(parts.values()), 1) if "device" in parts else None,
        "overhead_parts_ms": parts,
        "arrival_ms": _arrival(moments),
        "wait_for_frame_ms": _wait_for_frame(moments),
    }


def overhead_of(moments: Moments) -> dict[str, float]:
    """Milliseconds by part; a part that cannot be told is left out, never guessed."""
    taken_s, audible_s = moments.device_taken_s, moments.first_audible_s
    known = moments.ended_s is not None and moments.recognising_s is not None
    spans: dict[str, tuple[float | None, float | None]] = {
        "hearing": (moments.silence_s if moments.arrived_s is None else moments.arrived_s, moments.ended_s),
        "words": ((moments.ended_s or 0.0) + (moments.recognising_s or 0.0) if known else None, moments.words_s),
        "decide": (moments.words_s if moments.released_s is None else moments.released_s, moments.decided_s),
        "publish": (moments.block_first_s, moments.block_put_s),
        "device": (None if taken_s is None else taken_s + moments.leading_silence_s, audible_s),
    }
    whole = {part: (start, end) for part, (start, end) in spans.items() if start is not None and end is not None}
    return {part: max(0.0, _ms(end, start)) for part, (start, end) in whole.items()}


def _arrival(moments: Moments) -> float | None:
    if moments.silence_s is None or moments.arrived_s is None:
        return None
    return max(0.0, _ms(moments.arrived_s, moments.silence_s))


def _wait_for_frame(moments: Moments) -> float | None:
    """Before the engine is asked for the block and before the device comes to it; making the block is the model's."""
    m = moments
    if m.voice_first_s is None or m.block_asked_s is None or m.block_put_s is None or m.device_taken_s is None:
        return None
    waited_s = max(0.0, m.block_asked_s - m.voice_first_s) + max(0.0, m.device_taken_s - m.block_put_s)
    return round(waited_s * 1000, 1)


def _steps(reached: Mapping[str, float]) -> dict[str, float]:
    """What each stage added. One that was done before the one in front of it, being done beside it, added nothing."""
    added: dict[str, float] = {}
    last = 0.0
    for stage, at in reached.items():
        added[stage] = round(max(0.0, at - last), 1)
        last = max(last, at)
    return added


def _ms(at_s: float, from_s: float) -> float:
    return round((at_s - from_s) * 1000, 1)
