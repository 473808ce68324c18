"""Runs the turn machine on what is heard, and obeys it. The machine decides; `speaking.py` says, `minutes.py` keeps."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from typing import assert_never

from bot.conversation import notices, turn_events, turns
from bot.conversation.base import Clause, ConversationError, Mind, Passage
from bot.conversation.smalltalk import what_am_i
from bot.conversation.turn_events import (
    Duck,
    Effect,
    Event,
    Ignore,
    Interrupt,
    Leave,
    Resume,
    SayGoodbye,
    Speak,
    Think,
    Unduck,
)
from bot.conversation.turn_state import Phase, State
from bot.hearing.attribution import UNKNOWN as NOBODY_KNOWN
from bot.hearing.base import RATE_HZ, HearingEvent, SpeechEnded, SpeechGoesOn, SpeechStarted, Utterance
from bot.log import get_log
from bot.meeting.bridge import MIX, Bridge, Heard
from bot.meeting.minutes import Minutes
from bot.meeting.newest import Newest
from bot.meeting.parts import Parts
from bot.meeting.record import Recorder
from bot.meeting.speakers import Speakers
from bot.meeting.speaking import Speaking
from bot.meeting.stay import Roster, Stay
from bot.meeting.turn_record import Question, Stretch, Turn, record_of_remark
from bot.store.characters import Character
from connectors.base import ChatMessage

log = get_log(__name__)

TICK_S = 0.05
GOODBYE_TIMEOUT_S = 10.0
ONSET_S = 3.0  # words come at most so long after their stretch, where they matter
PAUSE_TIMEOUT_S = 10.0  # a line that a user asked for waits so long for silence
LINE_TRIES = 3
LINE_TIMEOUT_S = 60.0  # and so long for what the bot is saying, or it itself, to be over
SPEECH_SAMPLES = RATE_HZ  # what is shorter and has no words may be no speech
STREAMS_KEPT = 64  # twice what the ears follow
QUESTIONS_KEPT = 64  # a few wait at most
SORRY = "I'm sorry, I can't answer that right now."
_LEAVE_REASONS = {"goodbye": "said_goodbye", "stopped": "killed"}


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
        speakers: Speakers | None = None,
    ) -> None:
        self._parts, self._mind, self._character = parts, mind, character
        self.speakers = speakers or Speakers(recorder, roster)
        self._recorder, self._roster, self._stay = recorder, roster, stay
        self._bridge, self.gaze = bridge, bridge.gaze
        self._names = (character.name, *character.aliases)
        self._state = State(names=self._names)
        self._stretches: Newest[tuple[str, int], Stretch] = Newest(STREAMS_KEPT)  # by stream and first sample
        self._last: Newest[str, Stretch] = Newest(STREAMS_KEPT)  # of each stream
        self._questions: Newest[int, Question] = Newest(QUESTIONS_KEPT)  # by the number the machine gives back
        self._said = 0
        self._event_s = 0.0  # when the machine was last told something, monotonic
        start_s = parts.connector.timeline_start_s
        self._minutes = Minutes(recorder, roster, known, name=character.name, start_s=start_s, models=parts.models)
        self._speaking = Speaking(
            bridge, parts.voice, self._minutes, on_audible=self._on_audible, on_over=self._on_over
        )
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
                self._stretch(event.stream, event.start_sample)
                self.gaze.begins(event.stream, event.start_sample / RATE_HZ)
                self._apply(turn_events.SpeechBegan(at_s=self._now_s(), speaker=event.stream))
            case SpeechGoesOn():
                self._apply(self._going_on(event))
            case SpeechEnded():
                stretch = self._stretch(event.stream, event.start_sample)
                stretch.ended_s, stretch.arrived_s = time.monotonic(), event.arrived_s
                stretch.silence_s = self._monotonic_s(event.decided_sample)
                self.gaze.ends(event.stream, event.end_sample / RATE_HZ)
                self._apply(turn_events.SpeechStopped(at_s=self._now_s(), speaker=event.stream))
            case Utterance():
                for said in self.speakers.said(event):
                    self._on_words(said, event)
            case _:
                assert_never(event)

    def _stretch(self, stream: str, start_sample: int) -> Stretch:
        key = (stream, start_sample)
        if key not in self._stretches:
            self._stretches[key] = self._last[stream] = Stretch(began_s=self._monotonic_s(start_sample))
        return self._stretches[key]

    def _onset_s(self, speaker: str) -> float | None:
        """When the stretch began that is spoken now or was just now; None for who wrote, or spoke long ago."""
        stretch = self._last.get(MIX if self.speakers.mixed else speaker)
        if stretch is None or (stretch.ended_s is not None and time.monotonic() - stretch.ended_s > ONSET_S):
            return None
        return stretch.began_s

    def _going_on(self, event: SpeechGoesOn) -> turn_events.SpeechGoesOn:
        return turn_events.SpeechGoesOn(
            at_s=self._now_s(),
            speaker=event.stream,
            voiced_s=event.voiced_samples / RATE_HZ,
            silent_s=event.silent_samples / RATE_HZ,
            text=event.text,
        )

    def _on_words(self, said: Utterance, whole: Utterance) -> None:
        """`said`: one speaker's part of a whole stretch."""
        now_s = time.monotonic()
        stretch = self._stretch(whole.stream, whole.start_sample)
        self._said += 1
        self._questions[self._said] = Question(
            text=said.text,
            readings=said.alternatives,
            last_voiced_s=self._monotonic_s(said.end_sample),
            ended_s=now_s if stretch.ended_s is None else stretch.ended_s,
            words_s=now_s,
            silence_s=stretch.silence_s,
            arrived_s=stretch.arrived_s,
            recognising_s=said.recognised_s,
        )
        self._minutes.others_said(said)
        is_bot = self._roster.is_bot(said.stream)
        self._apply(
            turn_events.Heard(
                at_s=self._now_s(),
                speaker=turn_events.UNKNOWN if said.stream == NOBODY_KNOWN else said.stream,
                text="" if is_bot else said.text,  # two bots would never end
                voice=whole.stream,
                readings=tuple(said.alternatives),
                number=self._said,
                missed=None if is_bot or whole.end_sample - whole.start_sample < SPEECH_SAMPLES else said.missed,
            )
        )

    def people_changed(self) -> None:
        others = self._roster.others
        names = tuple(one.name for one in others)
        here = len(others)
        if unnamed := self._roster.unnamed:  # a count of pictures may be one off: never is one person thought alone
            here = max(2, here + unnamed)
        self._apply(turn_events.PeopleChanged(at_s=self._now_s(), others=here, other_names=names))

    def chat(self, message: ChatMessage) -> None:
        """Who wrote may be unknown: a name is no id, and two may have the same."""
        speaker = message.participant or turn_events.UNKNOWN
        self._recorder.note("chat.message", speaker_id=speaker, pii_name=message.name, pii_text=message.text)
        if not self._roster.is_bot(speaker, name=message.name):
            self._apply(turn_events.ChatWritten(at_s=self._now_s(), speaker=speaker, text=message.text))

    @property
    def quiet(self) -> bool:
        """Does nobody speak, and is nothing being answered?"""
        return self._state.phase is Phase.LISTEN and not self._state.talking and not self._state.waiting

    async def say_line(self, text: str) -> None:
        """What a user wants said, in the next pause; where none comes, all the same, but never into what the bot itself
        is saying. Returns when it was heard, or will not be: one that was cut before anybody heard of it is tried
        again."""
        for _ in range(LINE_TRIES):
            await self._next_pause()
            if not self._open or self._state.phase in {Phase.LEAVING, Phase.STOPPED}:
                return
            self._apply(turn_events.SayAsked(at_s=self._now_s(), text=text))
            epoch = self._state.epoch
            await self._speaking.until_over(epoch, timeout_s=LINE_TIMEOUT_S)
            if self._bridge.heard(epoch).text:
                return

    async def _next_pause(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(PAUSE_TIMEOUT_S):
                while not self.quiet:  # noqa: ASYNC110  the machine's state is data, with nothing to wait for
                    await asyncio.sleep(TICK_S)
        with suppress(TimeoutError):
            async with asyncio.timeout(LINE_TIMEOUT_S):
                while self._state.busy:  # after what was being said the next may have begun
                    await self._speaking.until_over(self._state.epoch, timeout_s=LINE_TIMEOUT_S)
                    await asyncio.sleep(0)

    async def notify(self, text: str) -> Heard | None:
        """Say a notice, whole, and return what was heard of it; None where nothing is said any more."""
        if not self._open or self._state.phase in {Phase.LEAVING, Phase.STOPPED}:
            return None
        heard = self._minutes.next_notice()
        self._apply(turn_events.SayAsked(at_s=self._now_s(), text=text, notice=True))
        return await heard

    async def say_goodbye(self, text: str = notices.GOODBYE) -> None:
        """A short goodbye, heard before this returns or given up."""
        self._apply(turn_events.SayAsked(at_s=self._now_s(), text=text))
        await self._speaking.until_over(self._state.epoch, timeout_s=GOODBYE_TIMEOUT_S)

    async def close(self) -> None:
        """No more turns; what was being said is recorded as far as it was heard."""
        self._open = False
        await self._speaking.close()
        self._minutes.no_notice()

    def _on_audible(self, epoch: int) -> None:
        self._apply(turn_events.PlaybackBegan(at_s=self._now_s(), epoch=epoch))

    def _on_over(self, epoch: int) -> None:
        asks = self._bridge.heard(epoch).text.rstrip().endswith("?")
        self._apply(turn_events.PlaybackEnded(at_s=self._now_s(), epoch=epoch, asks=asks))

    def _apply(self, event: Event) -> None:
        if not self._open:
            return
        self._event_s = time.monotonic()
        self._state, effects = turns.step(self._state, event)
        for effect in effects:
            if isinstance(effect, Ignore) and isinstance(event, turn_events.Heard | turn_events.ChatWritten):
                written = isinstance(event, turn_events.ChatWritten)
                self._recorder.remark(record_of_remark(effect.reason, event.speaker, event.text, written=written))
            self._obey(effect)

    def _obey(self, effect: Effect) -> None:
        match effect:
            case Think():
                turn = self._answer_turn(effect)
                self._speaking.start(turn, self._answer(turn))
            case Speak():
                kind = "notice" if effect.notice else "line"
                self._speaking.start(Turn(epoch=effect.epoch, kind=kind), _line(effect.text))
            case SayGoodbye():
                self._note_dismissal(effect)
                text = notices.spoken_goodbye(self._character.name)
                self._speaking.start(Turn(epoch=effect.epoch, kind="goodbye"), _line(text))
            case Resume():
                self._speaking.resume(effect.epoch, effect.resumes)
            case Duck() | Unduck():
                self._bridge.duck(effect.epoch, softer=isinstance(effect, Duck))
            case Interrupt():
                self._speaking.interrupt(effect.epoch, by=effect.by, onset_s=self._onset_s(effect.by))
            case Ignore():
                log.debug("speech ignored", reason=effect.reason)
            case Leave():
                self._stay.end(_LEAVE_REASONS[effect.reason])
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
            heard=self._questions.get(effect.number),
            released_s=self._event_s,
        )

    async def _answer(self, turn: Turn) -> AsyncGenerator[Clause, None]:
        """What it is, is no matter of persona or model; the rest is the mind's."""
        if honest := what_am_i(turn.question, names=self._names):
            yield Clause(text=honest)
            return
        heard, said = turn.heard, 0
        try:
            answer = self._mind.answer(
                turn.question,
                speaker=self._roster.name_of(turn.speaker),
                history=self._minutes.before(turn.question),
                readings=heard.readings if heard and heard.text == turn.question else (),
            )
            async for clause in answer:
                yield clause
                said += 1
        except ConversationError as error:
            log.error("no answer could be made", code=error.code)
            if not said:
                yield Clause(text=SORRY)


async def _line(text: str) -> AsyncGenerator[Clause, None]:
    yield Clause(text=text)
