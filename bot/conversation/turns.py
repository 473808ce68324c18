"""Whose turn is it? One pure function, `step(state, event) -> (state, effects)`. Knows no clock: events carry seconds
on the meeting's timeline, and `Tick` brings the time when nothing happens.

LISTEN: nobody speaks. CANDIDATE: someone does. DECIDE: they stopped, their words are not here yet. THINK: an answer is
being made. SPEAK: it is heard. DUCKED: it is, softer, because someone else may want to speak. LEAVING: the goodbye is
being said. STOPPED: the kill switch; nothing is said any more. What voices over ours mean is `overlap.py`'s.

Every answer has its epoch. Whatever carries an older one than the newest `Think`, `Speak`, `Resume`, `SayGoodbye` or
`Interrupt` is dropped by every stage downstream, and events about an older one change nothing here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from bot.conversation import overlap
from bot.conversation.addressing import Because, why
from bot.conversation.dismissal import asks_to_leave, is_backchannel, is_sign, says_goodbye, says_stop, says_thanks
from bot.conversation.notices import FAREWELL, NOT_CAUGHT, TOOK_TOO_LONG
from bot.conversation.overlap import Before, Meaning, Talker
from bot.conversation.turn_events import (
    UNKNOWN,
    ChatWritten,
    Duck,
    Effect,
    Event,
    Heard,
    Ignore,
    Interrupt,
    Leave,
    PeopleChanged,
    PlaybackBegan,
    PlaybackEnded,
    Resume,
    SayAsked,
    SayGoodbye,
    Speak,
    SpeechBegan,
    SpeechGoesOn,
    SpeechStopped,
    Stop,
    Think,
    Tick,
    Unduck,
)
from bot.conversation.turn_state import BUSY, Cut, Phase, Question, State, late, remark

THINK_LIMIT_S = 20.0
SPEAK_LIMIT_S = 300.0
WORDS_LIMIT_S = 12.0  # the recogniser gives up after 10
GOODBYE_LIMIT_S = 8.0
RESUME_S = 2.0  # so long a cut may turn out to have been nothing
LOST_S = 3.0  # ears that told of someone and tell no more have lost them
LOST_UNTOLD_S = 120.0
MAX_WAITING = 3


Step = tuple[State, tuple[Effect, ...]]


def step(state: State, event: Event) -> Step:
    """The next state and what is to be done, in order."""
    if isinstance(event, Stop):
        stopped = replace(_silent(state), phase=Phase.STOPPED, epoch=state.epoch + 1, waiting=(), notices=())
        return stopped, (Interrupt(epoch=stopped.epoch, by=""), Leave(reason="stopped"))
    if state.phase is Phase.STOPPED:
        return state, ()
    if state.phase is Phase.LEAVING:
        return _while_leaving(state, event)
    handler: Callable[[State, Any], Step] = _HANDLERS[type(event)]
    state, effects = handler(state, event)
    if not state.busy or state.notice:
        return state, effects
    state, more = _while_others_talk(state, event.at_s)
    return state, effects + more


def _while_leaving(state: State, event: Event) -> Step:
    """Nothing keeps a bot that was told to leave."""
    heard = isinstance(event, PlaybackEnded) and event.epoch == state.epoch
    if heard or event.at_s - state.since_s >= GOODBYE_LIMIT_S:
        return replace(state, phase=Phase.STOPPED), (Leave(reason="goodbye"),)
    return state, ()


def _people_changed(state: State, event: PeopleChanged) -> Step:
    return replace(state, others=event.others, other_names=event.other_names), ()


def _speech_began(state: State, event: SpeechBegan) -> Step:
    talker = Talker(speaker=event.speaker, since_s=event.at_s, told_s=event.at_s)
    state = replace(state, talking=(*_without(state, event.speaker), talker), cut=None)
    if state.phase in {Phase.LISTEN, Phase.DECIDE}:
        return _go(state, Phase.CANDIDATE, event.at_s), ()
    return state, ()


def _speech_goes_on(state: State, event: SpeechGoesOn) -> Step:
    known = next((one for one in state.talking if one.speaker == event.speaker), None)
    if known is None:
        state, _ = _speech_began(state, SpeechBegan(at_s=event.at_s, speaker=event.speaker))
        known = state.talking[-1]
    told = replace(
        known, told_s=event.at_s, voiced_s=event.voiced_s, silent_s=event.silent_s, text=event.text or known.text
    )
    return replace(state, talking=tuple(told if one is known else one for one in state.talking)), ()


def _speech_stopped(state: State, event: SpeechStopped) -> Step:
    stopped = next((one for one in state.talking if one.speaker == event.speaker), None)
    state = replace(state, talking=_without(state, event.speaker))
    if stopped is not None and state.heard and not is_backchannel(stopped.text):
        before = Before(speaker=event.speaker, at_s=event.at_s, voiced_s=stopped.voiced_s or 0.0)
        state = replace(state, before=before)
    if state.asked is not None and state.held and state.is_answering(event.speaker):
        state = replace(state, asked=replace(state.asked, at_s=event.at_s))
    if state.phase is Phase.CANDIDATE and not state.talking:
        return _go(state, Phase.DECIDE, event.at_s), ()
    return state, ()


def _heard(state: State, event: Heard) -> Step:
    said = event.text.strip()
    if not said or is_backchannel(said):
        if state.before and state.before.speaker in (event.speaker, event.voice):
            state = replace(state, before=None)
        if _false_alarm(state, event):
            return _go_on(state, event)
    if not said:
        return _not_caught(state, event) if event.missed is not None else _resume(state, event, "no_words")
    if says_stop(said, state.names):
        return _told_to_stop(state, event)
    if says_thanks(said, state.names) and _over_ours(state, event):
        return _thanked(state, event)
    because = why(remark(state, event))
    if because is Because.NOT_ADDRESSED:
        return _resume(_left_to_others(state, event), event, because.value)
    if says_goodbye(said, state.names):
        return _told_goodbye(state, event)
    if is_backchannel(said) and not _was_asked(state, event):
        return _resume(state, event, "backchannel")
    question = Question(speaker=event.speaker, text=said, because=because, number=event.number, at_s=event.at_s)
    return _ask(state, question, event)


def _not_caught(state: State, event: Heard) -> Step:
    """Words that took too long. Who spoke to us, as far as was known, is not left waiting for an answer."""
    ours = why(remark(state, replace(event, text=event.missed or ""))) is not Because.NOT_ADDRESSED
    if not ours or state.busy or state.held or state.talking:
        return _resume(state, event, "no_words")
    state = replace(state, answered=(event.speaker, event.at_s))  # who says it again needs no name
    return _say(state, NOT_CAUGHT, event.at_s, notice=False)


def _chat_written(state: State, event: ChatWritten) -> Step:
    said = event.text.strip()
    because = why(remark(state, event)) if said else Because.NOT_ADDRESSED
    if because is Because.NOT_ADDRESSED:
        return state, (Ignore(reason=because.value, speaker=event.speaker),)
    if says_stop(said, state.names):
        return _told_to_stop(state, event)
    if says_goodbye(said, state.names):
        return _told_goodbye(state, event)
    if (is_sign(said) or is_backchannel(said)) and not _was_asked(state, event):
        return state, (Ignore(reason="backchannel", speaker=event.speaker),)
    question = Question(speaker=event.speaker, text=said, because=because, written=True, at_s=event.at_s)
    return _ask(state, question, event)


def _told_to_stop(state: State, event: Heard | ChatWritten) -> Step:
    """Never a question, also where the voice that said it has cut us before its words were known. What is not heard yet
    is stopped by who asked for it, or by who says it to us: others may tell each other to wait."""
    if not state.heard and not state.is_answering(event.speaker) and why(remark(state, event)) is Because.NOT_ADDRESSED:
        return _resume(state, event, Because.NOT_ADDRESSED.value)
    state = replace(state, waiting=tuple(one for one in state.waiting if one.speaker != event.speaker))
    if state.notice:  # is said to its end
        return state, (Ignore(reason="stop", speaker=event.speaker),)
    if state.busy or state.held:
        state = _interrupted(state, event.at_s, hold=False)
        return state, (Interrupt(epoch=state.epoch, by=event.speaker), Ignore(reason="stop", speaker=event.speaker))
    return _resume(state, event, "stop")


def _told_goodbye(state: State, event: Heard | ChatWritten) -> Step:
    """One who takes leave of us goes alone where there are others; only being sent away makes us leave them."""
    if state.others <= 1 or asks_to_leave(event.text, state.names):
        return _leaving(state, event)
    if state.busy or state.talking:
        return _resume(state, event, "farewell")
    return _say(state, FAREWELL, event.at_s, notice=False)


def _leaving(state: State, event: Heard | ChatWritten) -> Step:
    state = _go(_silent(state), Phase.LEAVING, event.at_s)
    state = replace(state, epoch=state.epoch + 1, waiting=(), notices=())
    goodbye = SayGoodbye(epoch=state.epoch, by=event.speaker, written=isinstance(event, ChatWritten))
    return state, (Interrupt(epoch=state.epoch, by=event.speaker), goodbye)


def _over_ours(state: State, event: Heard) -> bool:
    cut_us = state.cut is not None and state.cut.by in (event.speaker, event.voice)
    return state.heard or (cut_us and not state.busy)


def _thanked(state: State, event: Heard) -> Step:
    """Who asked has heard enough: it ends, without a word about it. Another's thanks are a nod."""
    asked = state.cut.asked if state.cut else state.asked
    if asked is None or asked.speaker != event.speaker:
        return _go_on(state, event) if _false_alarm(state, event) else _resume(state, event, "backchannel")
    return _told_to_stop(state, event) if state.heard else _resume(replace(state, cut=None), event, "thanks")


def _left_to_others(state: State, event: Heard) -> State:
    """Words of another after our answer: what the one we answered says next is said to them."""
    answered_other = state.answered is not None and event.speaker not in (state.answered[0], UNKNOWN)
    talk = answered_other and not state.busy and not is_backchannel(event.text)
    return replace(state, answered=None) if talk else state


def _say_asked(state: State, event: SayAsked) -> Step:
    """A notice waits for what is being said; another line comes before it."""
    if event.notice and state.busy:
        return replace(state, notices=(*state.notices, event.text)[-MAX_WAITING:]), ()
    return _say(state, event.text, event.at_s, notice=event.notice)


def _say(state: State, text: str, at_s: float, *, notice: bool) -> Step:
    """What was being asked, and has no answer yet, is answered after it."""
    if state.asked is not None and not state.heard:
        state = replace(state, waiting=(state.asked, *state.waiting)[:MAX_WAITING])
    state = replace(_go(_silent(state), Phase.THINK, at_s), epoch=state.epoch + 1, notice=notice)
    return state, (Speak(text=text, epoch=state.epoch, notice=notice),)


def _playback_began(state: State, event: PlaybackBegan) -> Step:
    if event.epoch != state.epoch or state.phase is not Phase.THINK:
        return state, ()
    return replace(_go(state, Phase.SPEAK, event.at_s), audible_s=event.at_s), ()


def _playback_ended(state: State, event: PlaybackEnded) -> Step:
    if event.epoch != state.epoch or not state.busy:
        return state, ()
    answered = (state.asked.speaker, event.at_s) if state.asked else state.answered
    state = replace(_at_rest(_silent(state), event.at_s), answered=answered, asked_back=event.asks)
    return _next_waiting(state, event.at_s)


def _tick(state: State, event: Tick) -> Step:
    for one in state.talking:
        if event.at_s - one.told_s >= (LOST_UNTOLD_S if one.voiced_s is None else LOST_S):
            state, _ = _speech_stopped(state, SpeechStopped(at_s=event.at_s, speaker=one.speaker))
    if dropped := late(state, event.at_s):
        asked = None if state.asked in dropped else state.asked
        state = replace(state, asked=asked, waiting=tuple(one for one in state.waiting if one not in dropped))
        return state, tuple(Ignore(reason="too_late", speaker=one.speaker) for one in dropped)
    waited_s = event.at_s - state.since_s
    too_long = state.heard and event.at_s - state.audible_s >= SPEAK_LIMIT_S
    thought_too_long = state.phase is Phase.THINK and waited_s >= THINK_LIMIT_S
    if thought_too_long and state.asked is not None and not state.resumed:
        given_up = replace(state, asked=None)
        state, effects = _say(given_up, TOOK_TOO_LONG, event.at_s, notice=False)  # who asked is not left in silence
        return state, (Interrupt(epoch=state.epoch, by=""), *effects)
    if too_long or thought_too_long:
        state = replace(_at_rest(_silent(state), event.at_s), epoch=state.epoch + 1)
        over = Interrupt(epoch=state.epoch, by="")
        state, effects = _next_waiting(state, event.at_s)
        return state, (over, *effects)
    if state.phase is Phase.DECIDE and waited_s >= WORDS_LIMIT_S:
        return _resume_held(state, event.at_s)
    if state.phase is Phase.LISTEN and (state.notices or state.waiting):
        return _next_waiting(state, event.at_s)
    return state, ()


_HANDLERS: dict[type, Callable[[State, Any], Step]] = {
    PeopleChanged: _people_changed,
    SpeechBegan: _speech_began,
    SpeechGoesOn: _speech_goes_on,
    SpeechStopped: _speech_stopped,
    Heard: _heard,
    ChatWritten: _chat_written,
    SayAsked: _say_asked,
    PlaybackBegan: _playback_began,
    PlaybackEnded: _playback_ended,
    Tick: _tick,
}


def _ask(state: State, question: Question, event: Heard | ChatWritten) -> Step:
    """Answer now; a question by someone else waits for the answer being given, and one's own goes on from before."""
    before = state.asked
    if before is not None and not state.is_answering(question.speaker):
        state, full = _wait(state, question)
        state, effects = _resume_held(state, event.at_s)
        return state, full + effects
    if before is not None and not state.heard:
        question = replace(question, text=f"{before.text} {question.text}")
    elif before is None and state.busy:  # a notice, or a line that a user wants said
        return _wait(state, question)
    return _think(state, question, event.at_s)


def _wait(state: State, question: Question) -> Step:
    if len(state.waiting) >= MAX_WAITING:
        return state, (Ignore(reason="too_many_questions", speaker=question.speaker),)
    return replace(state, waiting=(*state.waiting, question)), ()


def _was_asked(state: State, event: Heard | ChatWritten) -> bool:
    """Whether "yes" is an answer: we asked, and nobody else is here to nod to."""
    return state.asked_back and state.others == 1 and not state.busy and remark(state, event).since_answer_s is not None


def _think(state: State, question: Question, at_s: float) -> Step:
    was_busy = state.busy
    state = replace(_go(_silent(state), Phase.THINK, at_s), epoch=state.epoch + 1, asked=question, asked_back=False)
    think = Think(
        question=question.text,
        speaker=question.speaker,
        epoch=state.epoch,
        because=question.because,
        written=question.written,
        number=question.number,
    )
    return state, (Interrupt(epoch=state.epoch, by=question.speaker), think) if was_busy else (think,)


def _resume(state: State, event: Heard | ChatWritten, reason: str) -> Step:
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
    if state.notices:
        text, *notices = state.notices
        return _say(replace(state, notices=tuple(notices)), text, at_s, notice=True)
    if not state.waiting or state.talking:
        return state, ()
    question, *others = state.waiting
    return _think(replace(state, waiting=tuple(others)), question, at_s)


def _false_alarm(state: State, event: Heard) -> bool:
    """The words of who cut us are none, or a nod, soon enough, and nobody speaks since."""
    cut = state.cut
    if cut is None or cut.by not in (event.speaker, event.voice) or event.at_s - cut.at_s > RESUME_S:
        return False
    return not state.busy and not state.talking


def _go_on(state: State, event: Heard) -> Step:
    assert state.cut is not None
    cut = state.cut
    state = replace(_go(_silent(state), Phase.THINK, event.at_s), epoch=state.epoch + 1, asked=cut.asked, resumed=True)
    return state, (Ignore(reason="false_alarm", speaker=event.speaker), Resume(epoch=state.epoch, resumes=cut.epoch))


def _while_others_talk(state: State, at_s: float) -> Step:
    """Softer, silent or as before, by what is said over ours. A question not yet answered is held for what follows."""
    state = replace(state, talking=overlap.forgive(state.talking, at_s))
    meaning, by = overlap.meaning(
        state.talking, at_s, before=state.before, names=state.names, others=state.others, heard=state.heard
    )
    if meaning in {Meaning.NOTHING, Meaning.DUCK}:
        return _loudness(state, at_s, softer=meaning is Meaning.DUCK)
    cut = Cut(epoch=state.epoch, by=by, at_s=at_s, asked=state.asked)
    may_go_on = meaning is Meaning.CUT and state.heard and not state.resumed and len(state.talking) == 1
    state = _interrupted(state, at_s, hold=state.phase is Phase.THINK)
    if meaning is Meaning.YIELD:
        state = replace(state, answered=None)  # what they say next is to each other
    return replace(state, cut=cut if may_go_on else None), (Interrupt(epoch=state.epoch, by=by),)


def _loudness(state: State, at_s: float, *, softer: bool) -> Step:
    if softer and state.phase is Phase.SPEAK:
        return _go(state, Phase.DUCKED, at_s), (Duck(epoch=state.epoch),)
    if not softer and state.phase is Phase.DUCKED:
        return _go(state, Phase.SPEAK, at_s), (Unduck(epoch=state.epoch),)
    return state, ()


def _interrupted(state: State, at_s: float, *, hold: bool) -> State:
    answered = (state.asked.speaker, at_s) if state.asked and not hold else state.answered
    asked = state.asked if hold else None
    return _at_rest(replace(_silent(state), epoch=state.epoch + 1, asked=asked, answered=answered), at_s)


def _silent(state: State) -> State:
    """Without what belongs to the thing being said."""
    return replace(state, asked=None, notice=False, resumed=False, cut=None, before=None)


def _without(state: State, speaker: str) -> tuple[Talker, ...]:
    return tuple(one for one in state.talking if one.speaker != speaker)


def _at_rest(state: State, at_s: float) -> State:
    return _go(state, Phase.CANDIDATE if state.talking else Phase.LISTEN, at_s)


def _go(state: State, phase: Phase, at_s: float) -> State:
    fell_quiet = state.busy and phase not in BUSY
    return replace(state, phase=phase, since_s=at_s, quiet_since_s=at_s if fell_quiet else state.quiet_since_s)
