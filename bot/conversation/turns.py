"""Whose turn is it? One pure function, `step(state, event) -> (state, effects)`. Knows no clock: events carry seconds
on the meeting's timeline, and `Tick` brings the time when nothing happens.

LISTEN: nobody speaks. CANDIDATE: someone does. DECIDE: they stopped, their words are not here yet. THINK: an answer is
being made. SPEAK: it is heard. DUCKED: it is, and someone else speaks, for less than the barge-in time. LEAVING: the
goodbye is being said. STOPPED: the kill switch; nothing is said any more.

Every answer has its epoch. Whatever carries an older one than the newest `Think`, `Speak`, `SayGoodbye` or
`Interrupt` is dropped by every stage downstream, and events about an older one change nothing here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from bot.conversation.addressing import Because, Remark, is_backchannel, says_goodbye, says_stop, why
from bot.conversation.turn_events import (
    ChatWritten,
    Effect,
    Event,
    Heard,
    Ignore,
    Interrupt,
    Leave,
    PeopleChanged,
    PlaybackBegan,
    PlaybackEnded,
    SayAsked,
    SayGoodbye,
    Speak,
    SpeechBegan,
    SpeechStopped,
    Stop,
    Think,
    Tick,
)

BARGE_IN_S = 0.5  # others' speech that ends ours; shorter is a nod in words
THINK_LIMIT_S = 20.0
WORDS_LIMIT_S = 12.0  # the recogniser gives up after 10
GOODBYE_LIMIT_S = 8.0
MAX_WAITING = 3


class Phase(StrEnum):
    LISTEN = "listen"
    CANDIDATE = "candidate"
    DECIDE = "decide"
    THINK = "think"
    SPEAK = "speak"
    DUCKED = "ducked"
    LEAVING = "leaving"
    STOPPED = "stopped"


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    speaker: str
    text: str
    because: Because
    written: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class State:
    names: tuple[str, ...]  # what the bot is called
    phase: Phase = Phase.LISTEN
    epoch: int = 0
    others: int = 0
    since_s: float = 0.0  # when the phase began
    talking: tuple[tuple[str, float], ...] = ()  # who speaks now, since when
    asked: Question | None = None  # being answered, or held while its speaker goes on
    waiting: tuple[Question, ...] = ()
    answered: tuple[str, float] | None = None  # whom we answered last, and when that ended

    @property
    def busy(self) -> bool:
        return self.phase in {Phase.THINK, Phase.SPEAK, Phase.DUCKED}


Step = tuple[State, tuple[Effect, ...]]


def step(state: State, event: Event) -> Step:
    """The next state and what is to be done, in order."""
    if isinstance(event, Stop):
        stopped = replace(state, phase=Phase.STOPPED, epoch=state.epoch + 1, asked=None, waiting=())
        return stopped, (Interrupt(epoch=stopped.epoch, by=""), Leave(reason="stopped"))
    if state.phase is Phase.STOPPED:
        return state, ()
    if state.phase is Phase.LEAVING:
        return _while_leaving(state, event)
    handler: Callable[[State, Any], Step] = _HANDLERS[type(event)]
    state, effects = handler(state, event)
    if state.phase in {Phase.STOPPED, Phase.LEAVING}:
        return state, effects
    state, barged = _barge_in(state, event.at_s)
    return state, effects + barged


def _while_leaving(state: State, event: Event) -> Step:
    """Nothing keeps a bot that was told to leave."""
    heard = isinstance(event, PlaybackEnded) and event.epoch == state.epoch
    if heard or event.at_s - state.since_s >= GOODBYE_LIMIT_S:
        return replace(state, phase=Phase.STOPPED), (Leave(reason="goodbye"),)
    return state, ()


def _people_changed(state: State, event: PeopleChanged) -> Step:
    return replace(state, others=event.others), ()


def _speech_began(state: State, event: SpeechBegan) -> Step:
    talking = (*_without(state, event.speaker), (event.speaker, event.at_s))
    state = replace(state, talking=talking)
    if state.phase is Phase.SPEAK:
        return _go(state, Phase.DUCKED, event.at_s), ()
    if state.phase in {Phase.LISTEN, Phase.DECIDE}:
        return _go(state, Phase.CANDIDATE, event.at_s), ()
    return state, ()


def _speech_stopped(state: State, event: SpeechStopped) -> Step:
    state = replace(state, talking=_without(state, event.speaker))
    if state.talking:
        return state, ()
    if state.phase is Phase.CANDIDATE:
        return _go(state, Phase.DECIDE, event.at_s), ()
    if state.phase is Phase.DUCKED:
        return _go(state, Phase.SPEAK, event.at_s), ()
    return state, ()


def _heard(state: State, event: Heard) -> Step:
    said = event.text.strip()
    if not said:
        return _resume(state, event, "no_words")
    if says_stop(said, state.names) and (state.busy or _held(state)):
        state = _interrupted(state, event.at_s, hold=False)
        return state, (Interrupt(epoch=state.epoch, by=event.speaker), Ignore(reason="stop", speaker=event.speaker))
    because = why(_remark(state, event))
    if because is Because.NOT_ADDRESSED:
        return _resume(state, event, because.value)
    if says_goodbye(said, state.names):
        state = replace(_go(state, Phase.LEAVING, event.at_s), epoch=state.epoch + 1, asked=None, waiting=())
        bye = SayGoodbye(epoch=state.epoch, by=event.speaker)
        return state, (Interrupt(epoch=state.epoch, by=event.speaker), bye)
    if is_backchannel(said):
        return _resume(state, event, "backchannel")
    return _ask(state, Question(speaker=event.speaker, text=said, because=because), event.at_s)


def _chat_written(state: State, event: ChatWritten) -> Step:
    said = event.text.strip()
    because = why(_remark(state, event)) if said else Because.NOT_ADDRESSED
    if because is Because.NOT_ADDRESSED:
        return state, (Ignore(reason=because.value, speaker=event.speaker),)
    if says_goodbye(said, state.names):
        state = replace(_go(state, Phase.LEAVING, event.at_s), epoch=state.epoch + 1, asked=None, waiting=())
        bye = SayGoodbye(epoch=state.epoch, by=event.speaker, written=True)
        return state, (Interrupt(epoch=state.epoch, by=event.speaker), bye)
    return _ask(state, Question(speaker=event.speaker, text=said, because=because, written=True), event.at_s)


def _say_asked(state: State, event: SayAsked) -> Step:
    state = replace(_go(state, Phase.THINK, event.at_s), epoch=state.epoch + 1, asked=None)
    return state, (Speak(text=event.text, epoch=state.epoch, interruptible=event.interruptible),)


def _playback_began(state: State, event: PlaybackBegan) -> Step:
    if event.epoch != state.epoch or state.phase is not Phase.THINK:
        return state, ()
    return _go(state, Phase.DUCKED if state.talking else Phase.SPEAK, event.at_s), ()


def _playback_ended(state: State, event: PlaybackEnded) -> Step:
    if event.epoch != state.epoch or not state.busy:
        return state, ()
    answered = (state.asked.speaker, event.at_s) if state.asked else state.answered
    state = replace(_at_rest(state, event.at_s), asked=None, answered=answered)
    return _next_waiting(state, event.at_s)


def _tick(state: State, event: Tick) -> Step:
    waited_s = event.at_s - state.since_s
    if state.phase is Phase.THINK and waited_s >= THINK_LIMIT_S:
        state = replace(_at_rest(state, event.at_s), epoch=state.epoch + 1, asked=None)
        return state, (Interrupt(epoch=state.epoch, by=""),)
    if state.phase is Phase.DECIDE and waited_s >= WORDS_LIMIT_S:
        return _next_waiting(_at_rest(state, event.at_s), event.at_s)
    return state, ()


_HANDLERS: dict[type, Callable[[State, Any], Step]] = {
    PeopleChanged: _people_changed,
    SpeechBegan: _speech_began,
    SpeechStopped: _speech_stopped,
    Heard: _heard,
    ChatWritten: _chat_written,
    SayAsked: _say_asked,
    PlaybackBegan: _playback_began,
    PlaybackEnded: _playback_ended,
    Tick: _tick,
}


def _ask(state: State, question: Question, at_s: float) -> Step:
    """Answer now; a question by someone else waits for the answer being given, and one's own goes on from before."""
    before = state.asked
    if before is not None and before.speaker == question.speaker and state.phase is not Phase.SPEAK:
        question = replace(question, text=f"{before.text} {question.text}")
    elif before is not None and before.speaker != question.speaker:
        waiting = (*state.waiting, question)[-MAX_WAITING:]
        return _resume_held(replace(state, waiting=waiting), at_s)
    elif state.busy and before is None and state.phase is not Phase.THINK:
        return replace(state, waiting=(*state.waiting, question)[-MAX_WAITING:]), ()
    return _think(state, question, at_s)


def _think(state: State, question: Question, at_s: float) -> Step:
    was_busy = state.busy
    state = replace(_go(state, Phase.THINK, at_s), epoch=state.epoch + 1, asked=question)
    think = Think(
        question=question.text,
        speaker=question.speaker,
        epoch=state.epoch,
        because=question.because,
        written=question.written,
    )
    return state, (Interrupt(epoch=state.epoch, by=question.speaker), think) if was_busy else (think,)


def _resume(state: State, event: Heard, reason: str) -> Step:
    """What was heard changes nothing: go on with what was held, or listen."""
    state, effects = _resume_held(state, event.at_s)
    return state, (Ignore(reason=reason, speaker=event.speaker), *effects)


def _resume_held(state: State, at_s: float) -> Step:
    if state.busy or state.talking:
        return state, ()
    if state.asked is not None:
        return _think(state, state.asked, at_s)
    return _next_waiting(_at_rest(state, at_s), at_s)


def _next_waiting(state: State, at_s: float) -> Step:
    if not state.waiting or state.talking:
        return state, ()
    question, *others = state.waiting
    return _think(replace(state, waiting=tuple(others)), question, at_s)


def _barge_in(state: State, at_s: float) -> Step:
    """Someone has spoken long enough: be silent at once. A question not yet answered is held for what follows."""
    longest_s = max((at_s - since_s for _, since_s in state.talking), default=0.0)
    if not state.busy or longest_s < BARGE_IN_S:
        return state, ()
    by = min(state.talking, key=lambda one: one[1])[0]
    state = _interrupted(state, at_s, hold=state.phase is Phase.THINK)
    return state, (Interrupt(epoch=state.epoch, by=by),)


def _interrupted(state: State, at_s: float, *, hold: bool) -> State:
    answered = (state.asked.speaker, at_s) if state.asked and not hold else state.answered
    state = replace(state, epoch=state.epoch + 1, asked=state.asked if hold else None, answered=answered)
    return _at_rest(state, at_s)


def _held(state: State) -> bool:
    return state.asked is not None and not state.busy


def _remark(state: State, event: Heard | ChatWritten) -> Remark:
    answered = state.answered if state.answered and state.answered[0] == event.speaker else None
    going_on = state.asked is not None and state.asked.speaker == event.speaker
    since_s = 0.0 if going_on else (event.at_s - answered[1] if answered else None)
    return Remark(
        text=event.text,
        others=state.others,
        names=state.names,
        since_answer_s=since_s,
        written=isinstance(event, ChatWritten),
    )


def _without(state: State, speaker: str) -> tuple[tuple[str, float], ...]:
    return tuple(one for one in state.talking if one[0] != speaker)


def _at_rest(state: State, at_s: float) -> State:
    return _go(state, Phase.CANDIDATE if state.talking else Phase.LISTEN, at_s)


def _go(state: State, phase: Phase, at_s: float) -> State:
    return replace(state, phase=phase, since_s=at_s)
