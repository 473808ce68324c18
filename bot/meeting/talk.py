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
from typing import assert_never

from bot.conversation import notices, turn_events, turns
from bot.conversation.base import Clause, ConversationError, Mind, Passage, Said
from bot.conversation.turn_events import Effect, Event, Ignore, Interrupt, Leave, SayGoodbye, Speak, Think
from bot.hearing.base import RATE_HZ, HearingEvent, SpeechEnded, SpeechGoesOn, SpeechStarted, Utterance
from bot.log import get_log
from bot.meeting.bridge import Bridge, Heard
from bot.meeting.parts import Parts
from bot.meeting.record import Recorder
from bot.meeting.stay import Roster, Stay
from bot.meeting.turn_record import Question, Turn, record_of, record_of_remark
from bot.store.characters import Character
from bot.voice.base import SpokenClause, VoiceError
from connectors.base import ChatMessage, ConnectorError

log = get_log(__name__)

TICK_S = 0.05
GOODBYE_TIMEOUT_S = 6.0
HISTORY = 40
_POLL_S = 0.02
SORRY = "I'm sorry, I can't answer that right now."


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
        self._known = known
        self._recorder, self._roster, self._stay = recorder, roster, stay
        self._state = turns.State(names=(character.name, *character.aliases))
        self._history: deque[Said] = deque(maxlen=HISTORY)
        self._ended: dict[str, tuple[float, float]] = {}  # when it was told of, and when the deciding sample was spoken
        self._questions: dict[str, Question] = {}
        self._speaking: dict[int, asyncio.Task[None]] = {}
        self._notice = notices.spoken_greeting(character.name, character.greeting)
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
        match event:
            case SpeechStarted():
                self._apply(turn_events.SpeechBegan(at_s=self._now_s(), speaker=event.stream))
            case SpeechGoesOn():
                pass
            case SpeechEnded():
                self._ended[event.stream] = time.monotonic(), self._monotonic_s(event.decided_sample)
                self._apply(turn_events.SpeechStopped(at_s=self._now_s(), speaker=event.stream))
            case Utterance():
                self._on_words(event)
            case _:
                assert_never(event)

    def _on_words(self, said: Utterance) -> None:
        now_s = time.monotonic()
        ended_s, silence_s = self._ended.get(said.stream, (now_s, None))
        self._questions[said.stream] = Question(
            text=said.text,
            readings=said.alternatives,
            last_voiced_s=self._monotonic_s(said.end_sample),
            ended_s=ended_s,
            words_s=now_s,
            silence_s=silence_s,
            recognising_s=said.recognised_s,
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

    async def give_notice(self) -> None:
        """Say and write who is here: an AI. Recorded as evidence."""
        text = notices.chat_notice(self._character.name)
        if self._parts.connector.capabilities.chat:
            try:
                await self._parts.connector.say_in_chat(text)
                self._recorder.note("disclosure.written", text=text)
            except ConnectorError as error:
                log.warning("the written notice could not be sent", code=error.code)
        self._apply(turn_events.SayAsked(at_s=self._now_s(), text=self._notice))

    async def say_goodbye(self) -> None:
        """A short goodbye, heard before this returns or given up."""
        self._apply(turn_events.SayAsked(at_s=self._now_s(), text=notices.spoken_goodbye(self._character.name)))
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
            if isinstance(effect, Ignore) and isinstance(event, turn_events.Heard | turn_events.ChatWritten):
                written = isinstance(event, turn_events.ChatWritten)
                self._recorder.remark(record_of_remark(effect.reason, event.speaker, event.text, written=written))
            self._obey(effect)

    def _obey(self, effect: Effect) -> None:
        match effect:
            case Think():
                self._start(self._answer_turn(effect))
            case Speak():
                kind = "notice" if effect.text == self._notice else "line"
                self._start(Turn(epoch=effect.epoch, kind=kind), text=effect.text)
            case SayGoodbye():
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
                    turn.first_token_s, turn.first_clause_s = clause.first_token_s, time.monotonic()
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
        if turn.kind == "notice":
            self._recorder.note("disclosure.spoken", text=heard.text, cut=heard.cut)
        answer = self._bridge.answer(turn.epoch)
        begun, models = self._bridge.begun(turn.epoch), self._parts.models
        record = record_of(turn, heard, answer, begun, start_s=start_s, known=self._known, models=models)
        self._recorder.turn(turn.epoch, record)
