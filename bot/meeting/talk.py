"""Runs the effects of the turn machine: think, speak, be interrupted, say goodbye. The machine decides; this obeys.

Every answer leaves one turn record with every stage's time, and a line in history and transcript that holds what was
really heard of it.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, assert_never

from bot.conversation import notices, turn_events, turns
from bot.conversation.base import Clause, ConversationError, Mind, Passage, Said
from bot.conversation.turn_events import Effect, Event, Ignore, Interrupt, Leave, SayGoodbye, Speak, Think
from bot.hearing.base import RATE_HZ, HearingEvent, SpeechEnded, SpeechGoesOn, SpeechStarted, Utterance
from bot.log import get_log
from bot.meeting.bridge import Bridge, Heard
from bot.meeting.parts import Parts
from bot.meeting.record import Recorder
from bot.meeting.stay import Roster, Stay
from bot.store.characters import Character
from bot.voice.base import SpokenClause, VoiceError
from connectors.base import ChatMessage

log = get_log(__name__)

TICK_S = 0.05
GOODBYE_TIMEOUT_S = 6.0
HISTORY = 40
_POLL_S = 0.02
SORRY = "I'm sorry, I can't answer that right now."


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


class Talk:
    def __init__(
        self,
        bridge: Bridge,
        parts: Parts,
        mind: Mind,
        known: Mapping[str, Passage],
        character: Character,
        recorder: Recorder,
        roster: Roster,
        stay: Stay,
    ) -> None:
        self._bridge, self._parts, self._mind, self._character = bridge, parts, mind, character
        self._known = known  # passages by id, to name them in turn records
        self._recorder, self._roster, self._stay = recorder, roster, stay
        self._state = turns.State(names=(character.name, *character.aliases))
        self._history: deque[Said] = deque(maxlen=HISTORY)
        self._ended: dict[str, float] = {}
        self._questions: dict[str, Question] = {}
        self._speaking: dict[int, asyncio.Task[None]] = {}
        self._open = True

    async def run(self) -> None:
        """Hearing events to turns until the ears are closed. Raises HearingError."""
        ticking = asyncio.create_task(self._tick(), name="ticks")
        try:
            async for event in self._parts.ears.events():
                self._on_hearing(event)
        finally:
            ticking.cancel()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            self._apply(turn_events.Tick(at_s=self._now_s()))

    def _now_s(self) -> float:
        """Seconds on the meeting's timeline."""
        return time.monotonic() - self._parts.connector.timeline_start_s

    def _monotonic_s(self, sample: int) -> float:
        return self._parts.connector.timeline_start_s + sample / RATE_HZ

    def _on_hearing(self, event: HearingEvent) -> None:
        self._roster.spoke(event.stream)
        match event:
            case SpeechStarted():
                self._apply(turn_events.SpeechBegan(at_s=self._now_s(), speaker=event.stream))
            case SpeechGoesOn():
                pass
            case SpeechEnded():
                self._ended[event.stream] = time.monotonic()
                self._apply(turn_events.SpeechStopped(at_s=self._now_s(), speaker=event.stream))
            case Utterance():
                self._on_words(event)
            case _:
                assert_never(event)

    def _on_words(self, said: Utterance) -> None:
        now_s = time.monotonic()
        self._questions[said.stream] = Question(
            text=said.text,
            readings=said.alternatives,
            last_voiced_s=self._monotonic_s(said.end_sample),
            ended_s=self._ended.get(said.stream, now_s),
            words_s=now_s,
        )
        if said.text.strip():
            name = self._roster.name_of(said.stream)
            self._history.append(Said(speaker=name, text=said.text, own=False))
            self._recorder.segment(
                speaker_id=said.stream,
                speaker_name=name,
                text=said.text,
                start_s=said.start_sample / RATE_HZ,
                end_s=said.end_sample / RATE_HZ,
                source="platform",
                confidence=said.confidence,
                own=False,
            )
        self._apply(turn_events.Heard(at_s=self._now_s(), speaker=said.stream, text=said.text))

    def people_changed(self) -> None:
        self._apply(turn_events.PeopleChanged(at_s=self._now_s(), others=len(self._roster.others)))

    def chat(self, message: ChatMessage) -> None:
        speaker = message.participant or message.name
        self._recorder.note("chat.message", speaker_id=speaker, pii_name=message.name, pii_text=message.text)
        self._apply(turn_events.ChatWritten(at_s=self._now_s(), speaker=speaker, text=message.text))

    @property
    def quiet(self) -> bool:
        """Does nobody speak, and is nothing being answered?"""
        return self._state.phase is turns.Phase.LISTEN and not self._state.talking and not self._state.waiting

    async def notify(self, text: str) -> Heard | None:
        """Say a notice, whole, and return what was heard of it; None where nothing is said any more."""
        before = self._state.epoch
        self._apply(turn_events.SayAsked(at_s=self._now_s(), text=text, interruptible=False))
        epoch = self._state.epoch
        speaking = self._speaking.get(epoch)
        if speaking is None or epoch == before:
            return None
        await asyncio.wait({speaking})
        return self._bridge.heard(epoch)

    async def say_goodbye(self, text: str = notices.GOODBYE) -> None:
        """A short goodbye, heard before this returns or given up."""
        self._apply(turn_events.SayAsked(at_s=self._now_s(), text=text))
        speaking = self._speaking.get(self._state.epoch)
        if speaking is not None:
            await asyncio.wait({speaking}, timeout=GOODBYE_TIMEOUT_S)

    async def close(self) -> None:
        """No more turns; what was being said is recorded as far as it was heard."""
        self._open = False
        tasks = list(self._speaking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _apply(self, event: Event) -> None:
        if not self._open:
            return
        self._state, effects = turns.step(self._state, event)
        for effect in effects:
            self._obey(effect)

    def _obey(self, effect: Effect) -> None:
        match effect:
            case Think():
                self._start(self._answer_turn(effect))
            case Speak():
                kind = "line" if effect.interruptible else "notice"
                self._start(Turn(epoch=effect.epoch, kind=kind), text=effect.text)
            case SayGoodbye():
                self._note_dismissal(effect)
                text = notices.spoken_goodbye(self._character.name)
                self._start(Turn(epoch=effect.epoch, kind="goodbye"), text=text)
            case Interrupt():
                self._interrupt(effect.epoch)
            case Ignore():
                log.debug("speech ignored", reason=effect.reason)
            case Leave():
                self._stay.end({"goodbye": "said_goodbye", "stopped": "killed"}[effect.reason])
            case _:
                assert_never(effect)

    def _note_dismissal(self, effect: SayGoodbye) -> None:
        who = {"speaker_id": effect.by, "pii_name": self._roster.name_of(effect.by), "written": effect.written}
        self._recorder.note("asked.leave", by="participant", **who)

    def _answer_turn(self, effect: Think) -> Turn:
        return Turn(
            epoch=effect.epoch,
            kind="answer",
            speaker=effect.speaker,
            question=effect.question,
            because=effect.because.value,
            heard=None if effect.written else self._questions.get(effect.speaker),
        )

    def _start(self, turn: Turn, *, text: str | None = None) -> None:
        if any(epoch < turn.epoch for epoch in self._speaking):
            self._interrupt(turn.epoch)
        turn.began_s = time.monotonic()
        self._speaking[turn.epoch] = asyncio.create_task(self._speak(turn, text), name=f"turn {turn.epoch}")

    def _interrupt(self, epoch: int) -> None:
        """What is older than `epoch` falls silent and is recorded as far as it was heard."""
        self._bridge.interrupt(epoch)
        for older, task in self._speaking.items():
            if older < epoch:
                task.cancel()

    async def _speak(self, turn: Turn, text: str | None) -> None:
        """Say it and wait until it was heard; whatever ends this, what was heard is recorded."""
        watching = asyncio.create_task(self._tell_when_audible(turn.epoch))
        try:
            await self._bridge.say(turn.epoch, self._sounding(turn, text))
            await self._bridge.until_heard(turn.epoch)
        except (VoiceError, ConversationError) as error:
            log.error("an answer failed", code=error.code, epoch=turn.epoch)
        finally:
            watching.cancel()
            self._speaking.pop(turn.epoch, None)
            self._keep(turn, self._bridge.heard(turn.epoch))
        self._apply(turn_events.PlaybackEnded(at_s=self._now_s(), epoch=turn.epoch))

    async def _tell_when_audible(self, epoch: int) -> None:
        while self._bridge.heard(epoch).first_audible_s is None:  # noqa: ASYNC110  the device thread has no loop
            await asyncio.sleep(_POLL_S)
        self._apply(turn_events.PlaybackBegan(at_s=self._now_s(), epoch=epoch))

    async def _sounding(self, turn: Turn, text: str | None) -> AsyncGenerator[SpokenClause, None]:
        async with aclosing(self._clauses(turn, text)) as clauses:
            async for clause in clauses:
                if turn.first_clause_s is None:
                    turn.first_clause_s = time.monotonic()
                turn.generated.append(clause.text)
                turn.passages += [one for one in clause.passages if one not in turn.passages]
                async for spoken in self._parts.voice.say(clause.text):
                    yield spoken

    async def _clauses(self, turn: Turn, text: str | None) -> AsyncGenerator[Clause, None]:
        if text is not None:
            yield Clause(text=text)
            return
        speaker = self._roster.name_of(turn.speaker)
        said = 0
        try:
            heard = turn.heard
            readings = heard.readings if heard and heard.text == turn.question else ()
            answer = self._mind.answer(turn.question, speaker=speaker, history=self._before(turn), readings=readings)
            async for clause in answer:
                yield clause
                said += 1
        except ConversationError as error:
            log.error("no answer could be made", code=error.code)
            if not said:
                yield Clause(text=SORRY)

    def _before(self, turn: Turn) -> tuple[Said, ...]:
        """The history without the question itself, which its speaker's last line is."""
        said = tuple(self._history)
        return said[:-1] if said and not said[-1].own and said[-1].text == turn.question else said

    def _keep(self, turn: Turn, heard: Heard) -> None:
        """History, transcript and turn record of what was heard. Synchronous: also a cancelled turn is kept."""
        start_s = self._parts.connector.timeline_start_s
        if heard.text and heard.first_audible_s is not None and heard.last_heard_s is not None:
            self._history.append(Said(speaker=self._character.name, text=heard.text, own=True, cut=heard.cut))
            self._recorder.segment(
                speaker_id=self._roster.own or "self",
                speaker_name=self._character.name,
                text=heard.text,
                start_s=heard.first_audible_s - start_s,
                end_s=heard.last_heard_s - start_s,
                source="voice",
                confidence=1.0,
                own=True,
                cut=heard.cut,
            )
        self._recorder.turn(turn.epoch, self._record_of(turn, heard))

    def _named(self, passage_id: str) -> dict[str, str]:
        passage = self._known.get(passage_id)
        if passage is None:
            return {"id": passage_id}
        return {"id": passage_id, "document": passage.document, "heading": passage.heading}

    def _record_of(self, turn: Turn, heard: Heard) -> dict[str, Any]:
        answer = self._bridge.answer(turn.epoch)
        start_s = self._parts.connector.timeline_start_s
        question = turn.heard
        record: dict[str, Any] = {
            "epoch": turn.epoch,
            "kind": turn.kind,
            "speaker": turn.speaker,
            "question": turn.question,
            "because": turn.because,
            "heard": question.text if question else None,
            "passages": [self._named(passage_id) for passage_id in turn.passages],
            "answer": " ".join(turn.generated),
            "answer_heard": heard.text,
            "interrupted": heard.cut,
            "av_offset_device_ms": _ms(heard.offset_ms),
            "t0_s": round(question.last_voiced_s - start_s, 3) if question else None,
        }
        if question and heard.first_audible_s is not None:
            record["latency_device_ms"] = _ms((heard.first_audible_s - question.last_voiced_s) * 1000)
            record["stages_ms"] = _stages(
                question.last_voiced_s,
                vad=question.ended_s,
                recogniser=question.words_s,
                decide=turn.began_s,
                knowledge_or_llm_first_clause=turn.first_clause_s,
                voice_first_sound=answer.voice_first_s,
                engine_first_block=answer.engine_first_s,
                device_first_sound=heard.first_audible_s,
            )
        return record


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
