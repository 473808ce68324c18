"""The turn-taker on a virtual clock: cases, and what holds for every history."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.conversation.notices import FAREWELL, NOT_CAUGHT, TOOK_TOO_LONG
from bot.conversation.overlap import BARGE_IN_S
from bot.conversation.turn_events import (
    UNKNOWN,
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
from bot.conversation.turn_state import Phase, State
from bot.conversation.turns import GOODBYE_LIMIT_S, THINK_LIMIT_S, step

QUESTION = "how often should i water tomatoes"


def play(*events: Event, others: int = 1) -> tuple[State, list[Effect]]:
    state, told = State(names=("Iris",), others=others), []
    for event in events:
        state, effects = step(state, event)
        told += effects
    return state, told


def says(speaker: str, text: str, at_s: float, lasting_s: float = 0.4) -> tuple[Event, ...]:
    return (
        SpeechBegan(at_s=at_s, speaker=speaker),
        SpeechStopped(at_s=at_s + lasting_s, speaker=speaker),
        Heard(at_s=at_s + lasting_s + 0.1, speaker=speaker, text=text),
    )


def spoken(epoch: int, at_s: float, lasting_s: float = 3.0) -> tuple[Event, ...]:
    return (PlaybackBegan(at_s=at_s, epoch=epoch), PlaybackEnded(at_s=at_s + lasting_s, epoch=epoch))


def questions(effects: list[Effect]) -> list[str]:
    return [effect.question for effect in effects if isinstance(effect, Think)]


def test_a_question_by_the_only_other_person_is_thought_about():
    state, effects = play(*says("ann", QUESTION, 1.0))
    assert state.phase is Phase.THINK and questions(effects) == [QUESTION]


def test_an_answer_heard_to_its_end_leads_back_to_listening():
    state, _ = play(*says("ann", QUESTION, 1.0), *spoken(1, 2.5))
    assert state.phase is Phase.LISTEN and state.answered == ("ann", 5.5)


def test_with_more_people_the_bot_answers_only_to_its_name():
    assert questions(play(*says("ann", QUESTION, 1.0), others=3)[1]) == []
    assert len(questions(play(*says("ann", f"Iris, {QUESTION}", 1.0), others=3)[1])) == 1


def test_the_one_just_answered_needs_no_name_for_ten_seconds():
    first = (*says("ann", f"Iris {QUESTION}", 1.0), *spoken(1, 2.0))
    assert len(questions(play(*first, *says("ann", "and roses", 9.0), others=3)[1])) == 2
    assert len(questions(play(*first, *says("ben", "and roses", 9.0), others=3)[1])) == 1
    assert len(questions(play(*first, *says("ann", "and roses", 16.0), others=3)[1])) == 1


def test_words_of_another_after_the_answer_end_what_needs_no_name():
    first = (*says("ann", f"Iris {QUESTION}", 1.0), *spoken(1, 2.0))
    for between, taken in (("that is a lot", 1), ("mhm", 2)):
        _, effects = play(*first, *says("ben", between, 6.0), *says("ann", "and roses", 8.0), others=3)
        assert len(questions(effects)) == taken, between


def held_while_others_talk(until_s: float, others: int) -> list[Effect]:
    """Ann's question is cut while its answer is made, by Ben who goes on until then."""
    began = (*says("ann", f"Iris {QUESTION}", 1.0), SpeechBegan(at_s=1.6, speaker="ben"))
    ticks = [Tick(at_s=2.0 + 0.5 * n) for n in range(round(2 * (until_s - 2.0)))]
    ended = (
        SpeechStopped(at_s=until_s, speaker="ben"),
        Heard(at_s=until_s + 0.2, speaker="ben", text="so we saw the house"),
    )
    return play(*began, *ticks, *ended, others=others)[1]


def test_a_question_others_talk_over_for_long_is_let_go():
    assert len(questions(held_while_others_talk(8.0, others=3))) == 2
    late = held_while_others_talk(42.0, others=3)
    assert len(questions(late)) == 1 and Ignore(reason="too_late", speaker="ann") in late


def test_who_goes_on_with_a_question_for_long_is_answered():
    began = (*says("ann", f"Iris {QUESTION}", 1.0), SpeechBegan(at_s=1.6, speaker="ann"))
    ticks = [Tick(at_s=2.0 + 0.5 * n) for n in range(100)]
    ended = (SpeechStopped(at_s=40.0, speaker="ann"), Tick(at_s=48.0))
    story = Heard(at_s=49.0, speaker="ann", text="there is a long story to it and it begins in spring")
    _, effects = play(*began, *(one for one in ticks if one.at_s < 40.0), *ended, story, others=3)
    assert questions(effects)[-1] == f"Iris {QUESTION} {story.text}"


def test_speech_over_the_answer_interrupts_it_after_half_a_second():
    talking = (*says("ann", QUESTION, 1.0), PlaybackBegan(at_s=2.0, epoch=1), SpeechBegan(at_s=3.0, speaker="ann"))
    assert not any(isinstance(e, Interrupt) for e in play(*talking, Tick(at_s=3.0 + BARGE_IN_S - 0.05))[1])
    state, effects = play(*talking, Tick(at_s=3.0 + BARGE_IN_S))
    assert effects[-1] == Interrupt(epoch=2, by="ann") and state.phase is Phase.CANDIDATE


def test_a_nod_in_words_does_not_interrupt():
    nodded = (*says("ann", QUESTION, 1.0), PlaybackBegan(at_s=2.0, epoch=1), *says("ann", "okay", 3.0, 0.3))
    state, effects = play(*nodded)
    assert state.phase is Phase.SPEAK and not any(isinstance(effect, Interrupt) for effect in effects)


def test_the_word_stop_silences_at_once():
    _, effects = play(*says("ann", QUESTION, 1.0), PlaybackBegan(at_s=2.0, epoch=1), *says("ann", "stop", 3.0, 0.3))
    assert Interrupt(epoch=2, by="ann") in effects and len(questions(effects)) == 1


def test_the_word_stop_is_never_a_question():
    """Nor where the voice has cut us before its words were known, nor in the reply window, nor by chat."""
    answering = (*says("ann", QUESTION, 1.0), PlaybackBegan(at_s=2.0, epoch=1))
    for text in ("stop", "Iris stop", "wait a minute"):
        cut = (
            SpeechBegan(at_s=3.0, speaker="ann"),
            Tick(at_s=3.0 + BARGE_IN_S),
            SpeechStopped(at_s=4.0, speaker="ann"),
        )
        state, effects = play(*answering, *cut, Heard(at_s=4.1, speaker="ann", text=text))
        assert Interrupt(epoch=2, by="ann") in effects and len(questions(effects)) == 1
        assert state.phase is Phase.LISTEN
    state, effects = play(*answering, ChatWritten(at_s=3.0, speaker="ben", text="@Iris stop"), others=1)
    assert Interrupt(epoch=2, by="ben") in effects and state.phase is Phase.LISTEN and not state.waiting


def test_who_waits_is_answered_though_the_one_before_was_stopped():
    asked = (*says("ann", f"Iris {QUESTION}", 1.0), ChatWritten(at_s=1.6, speaker="ben", text="Iris what about roses"))
    state, effects = play(*asked, *says("ann", "stop", 2.0), Tick(at_s=2.6), others=2)
    assert questions(effects)[-1] == "Iris what about roses" and not state.waiting


def test_a_question_said_in_two_breaths_is_one_question():
    _, effects = play(*says("ann", "how often should i", 1.0), *says("ann", "water tomatoes", 1.8, 0.9))
    assert questions(effects)[-1] == QUESTION


def test_a_second_asker_is_answered_after_the_first():
    asked = (*says("ann", f"Iris {QUESTION}", 1.0), *says("ben", "Iris what about roses", 2.0, 0.4))
    _, effects = play(*asked, others=2)
    assert len(questions(effects)) == 1
    _, effects = play(*asked, *spoken(1, 2.6), others=2)
    assert questions(effects)[-1] == "Iris what about roses"


def test_goodbye_is_answered_and_then_the_bot_leaves():
    state, effects = play(*says("ann", "Goodbye Iris", 1.0), *spoken(1, 2.0))
    assert effects[-2:] == [SayGoodbye(epoch=1, by="ann"), Leave(reason="goodbye")] and state.phase is Phase.STOPPED


def test_one_of_several_who_says_goodbye_goes_alone_but_sends_us_away_for_all():
    _, effects = play(*says("ann", "Bye Iris", 1.0), others=3)
    assert effects == [Speak(text=FAREWELL, epoch=1)]
    _, effects = play(*says("ann", "Iris, please leave", 1.0), others=3)
    assert isinstance(effects[-1], SayGoodbye)


def test_a_stop_to_somebody_else_takes_nobodys_answer_away():
    asked = says("ann", f"Iris {QUESTION}", 1.0)
    state, _ = play(*asked, *says("ben", "wait", 1.6, 0.2), others=2)
    assert state.phase is Phase.THINK and state.asked is not None
    state, _ = play(*asked, *says("ben", "Iris stop", 1.6, 0.2), others=2)
    assert state.phase is Phase.LISTEN


def test_yes_is_an_answer_only_where_we_asked_and_one_is_there():
    asked_back = (*says("ann", f"Iris {QUESTION}", 1.0), PlaybackBegan(at_s=2.0, epoch=1))
    yes = says("ann", "yes", 4.0)
    for asks, others, taken in ((True, 1, 2), (False, 1, 1), (True, 2, 1)):
        _, effects = play(*asked_back, PlaybackEnded(at_s=3.0, epoch=1, asks=asks), *yes, others=others)
        assert len(questions(effects)) == taken, (asks, others)


def asked_back(others: int, *said: Event) -> list[Effect]:
    """Ann was answered with a question of ours; then this."""
    spoke = PlaybackBegan(at_s=2.5, epoch=1), PlaybackEnded(at_s=5.5, epoch=1, asks=True)
    _, effects = play(*says("ann", f"Iris {QUESTION}", 1.0), *spoke, *said, others=others)
    return effects


def test_what_we_asked_is_answered_without_our_name():
    assert questions(asked_back(3, *says("ann", "clay i think", 7.0)))[1:] == ["clay i think"]
    for other in ("let's take a break", "we have clay at home", "ask bob about the budget"):
        assert len(questions(asked_back(3, *says("ann", other, 7.0)))) == 1
    assert len(questions(asked_back(3, *says("bob", "clay i think", 7.0)))) == 1


def test_a_nod_in_the_chat_is_no_question_unless_we_asked():
    nods = ["ok", "\U0001f44d", "+1", "lol", "..."]
    _, effects = play(*(ChatWritten(at_s=n, speaker="ann", text=text) for n, text in enumerate(nods)))
    assert questions(effects) == []
    assert questions(asked_back(1, ChatWritten(at_s=7.0, speaker="ann", text="yes")))[1:] == ["yes"]


def test_a_line_that_is_being_made_is_not_lost_to_a_question():
    line = SayAsked(at_s=0.5, text="The break is over.")
    _, effects = play(line, *says("ann", QUESTION, 1.0), *spoken(1, 2.0))
    assert [type(effect) for effect in effects if not isinstance(effect, Ignore)] == [Speak, Think]


def missed(speaker: str, words: str, at_s: float) -> tuple[Event, ...]:
    began, stopped, _ = says(speaker, "", at_s, 1.5)
    return began, stopped, Heard(at_s=at_s + 12.0, speaker=speaker, text="", missed=words)


def test_who_spoke_to_us_while_the_recogniser_was_too_slow_is_told():
    _, alone = play(*missed("ann", "", 1.0))
    _, named = play(*missed("ann", "iris how often", 1.0), others=3)
    _, others = play(*missed("ann", "so the other", 1.0), others=3)
    assert [[one.text for one in told if isinstance(one, Speak)] for told in (alone, named, others)] == [
        [NOT_CAUGHT],
        [NOT_CAUGHT],
        [],
    ]


def test_two_nobody_knows_are_not_one_person():
    asked = says(UNKNOWN, f"Iris {QUESTION}", 1.0)
    state, effects = play(*asked, *says(UNKNOWN, "Iris what about roses", 1.6, 0.3), others=3)
    assert (
        questions(effects)[-1] in (f"Iris {QUESTION}", "Iris what about roses") and "roses" not in questions(effects)[0]
    )
    assert [one.text for one in state.waiting] == ["Iris what about roses"]
    _, effects = play(*asked, *spoken(1, 2.0), *says(UNKNOWN, "and what about roses", 6.0), others=3)
    assert len(questions(effects)) == 1, "nobody knows whether the one just answered says it"


def test_what_was_asked_is_answered_after_a_line_a_user_wants_said():
    state, effects = play(*says("ann", QUESTION, 1.0), SayAsked(at_s=1.7, text="A word from us."))
    assert effects[-1] == Speak(text="A word from us.", epoch=2)
    state, effects = step(state, PlaybackBegan(at_s=2.0, epoch=2))
    state, effects = step(state, PlaybackEnded(at_s=3.0, epoch=2))
    assert questions(list(effects)) == [QUESTION]


def test_who_asks_when_too_many_wait_is_told_to_nobody_but_the_record():
    asked = (*says("p0", f"Iris {QUESTION}", 1.0), PlaybackBegan(at_s=2.0, epoch=1))
    written = [ChatWritten(at_s=2.0 + n, speaker=f"p{n}", text=f"Iris what about {n}") for n in range(1, 6)]
    state, effects = play(*asked, *written, others=9)
    assert [one.speaker for one in state.waiting] == ["p1", "p2", "p3"]
    assert [one for one in effects if isinstance(one, Ignore)] == [
        Ignore(reason="too_many_questions", speaker="p4"),
        Ignore(reason="too_many_questions", speaker="p5"),
    ]


def test_a_goodbye_nobody_hears_is_not_waited_for():
    _, effects = play(*says("ann", "please leave", 1.0), Tick(at_s=1.6 + GOODBYE_LIMIT_S))
    assert effects[-1] == Leave(reason="goodbye")


def test_the_kill_switch_silences_and_leaves_whatever_happens_after():
    state, effects = play(*says("ann", QUESTION, 1.0), Stop(at_s=2.0), *says("ann", QUESTION, 3.0))
    assert effects[-2:] == [Interrupt(epoch=2, by=""), Leave(reason="stopped")] and state.phase is Phase.STOPPED


def test_a_mind_that_never_answers_is_given_up():
    asked = says("ann", QUESTION, 1.0)
    state, effects = play(*asked, Tick(at_s=2.0 + THINK_LIMIT_S))
    assert effects[-2:] == [Interrupt(epoch=2, by=""), Speak(text=TOOK_TOO_LONG, epoch=2)]
    state, effects = play(*asked, Tick(at_s=2.0 + THINK_LIMIT_S), Tick(at_s=3.0 + 2 * THINK_LIMIT_S))
    assert state.phase is Phase.LISTEN and effects[-1] == Interrupt(epoch=3, by=""), "nothing can be said at all"


def test_a_question_that_waited_is_answered_by_its_own_number():
    state, effects = play(*says("ann", f"iris {QUESTION}", 1.0), *spoken(1, 2.0)[:1], others=2)
    garlic = "iris how do i grow garlic"
    for number, text in ((2, garlic), (3, "a remark to somebody else")):
        state, _ = step(state, Heard(at_s=1.0 + number, speaker="ben", text=text, number=number))
    state, effects = step(state, PlaybackEnded(at_s=9.0, epoch=1))
    assert [(one.question, one.number) for one in effects if isinstance(one, Think)] == [(garlic, 2)]


def test_a_mention_in_the_chat_is_answered():
    mention = ChatWritten(at_s=1.0, speaker="ann", text="@Iris when do I plant garlic?")
    _, effects = play(mention, others=5)
    assert [effect.written for effect in effects if isinstance(effect, Think)] == [True]


def test_a_line_that_is_no_notice_can_be_interrupted():
    greeted = (SayAsked(at_s=0.0, text="Hello"), PlaybackBegan(at_s=0.5, epoch=1))
    assert play(*greeted)[1] == [Speak(text="Hello", epoch=1)]
    _, effects = play(*greeted, SpeechBegan(at_s=1.0, speaker="ann"), Tick(at_s=1.6))
    assert effects[-1] == Interrupt(epoch=2, by="ann")


NAMES = st.sampled_from(["ann", "ben", "cem"])
TEXTS = st.sampled_from(
    [QUESTION, f"Iris, {QUESTION}", "", "mhm", "stop", "thanks Iris", "goodbye Iris", "and you ben"]
)
EPOCHS = st.integers(0, 12)
KINDS = (
    lambda at_s, name, text, number: PeopleChanged(at_s=at_s, others=number % 4),
    lambda at_s, name, text, number: SpeechBegan(at_s=at_s, speaker=name),
    lambda at_s, name, text, number: SpeechStopped(at_s=at_s, speaker=name),
    lambda at_s, name, text, number: Heard(at_s=at_s, speaker=name, text=text),
    lambda at_s, name, text, number: ChatWritten(at_s=at_s, speaker=name, text=text),
    lambda at_s, name, text, number: PlaybackBegan(at_s=at_s, epoch=number),
    lambda at_s, name, text, number: PlaybackEnded(at_s=at_s, epoch=number),
    lambda at_s, name, text, number: Tick(at_s=at_s),
    lambda at_s, name, text, number: Stop(at_s=at_s) if number == 12 else Tick(at_s=at_s),
)
STEPS = st.lists(st.tuples(st.sampled_from(KINDS), st.floats(0, 3), NAMES, TEXTS, EPOCHS), max_size=60)


def history(steps: list) -> list[Event]:
    at_s, events = 0.0, []
    for kind, later_s, name, text, number in steps:
        at_s += later_s
        events.append(kind(at_s, name, text, number))
    return events


@settings(max_examples=80, deadline=None)
@given(STEPS, st.integers(0, 3))
def test_epochs_only_grow_and_each_is_for_one_answer(steps: list, others: int):
    _, effects = play(*history(steps), others=others)
    epochs = [effect.epoch for effect in effects if not isinstance(effect, Ignore | Leave)]
    assert epochs == sorted(epochs)
    answers = [effect.epoch for effect in effects if isinstance(effect, Think | Speak | SayGoodbye)]
    assert len(answers) == len(set(answers))


@settings(max_examples=80, deadline=None)
@given(STEPS, st.integers(0, 3))
def test_the_bot_never_speaks_on_through_half_a_second_of_someone_else(steps: list, others: int):
    state = State(names=("Iris",), others=others)
    for event in history(steps):
        state, _ = step(state, event)
        if state.phase not in {Phase.STOPPED, Phase.LEAVING} and state.busy:
            assert all(one.over_s(event.at_s) < BARGE_IN_S for one in state.talking)


@settings(max_examples=80, deadline=None)
@given(STEPS, st.integers(0, 3))
def test_leaving_happens_once_and_nothing_follows_it(steps: list, others: int):
    _, effects = play(*history(steps), others=others)
    leaves = [index for index, effect in enumerate(effects) if isinstance(effect, Leave)]
    stopped = [event for event in history(steps) if isinstance(event, Stop)]
    assert len(leaves) <= 1 + len(stopped)
    if leaves:
        assert not any(isinstance(e, Think | Speak | SayGoodbye) for e in effects[leaves[0] :])


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_among_several_the_first_thing_thought_about_names_the_bot(steps: list):
    crowd = [event for event in history(steps) if not isinstance(event, PeopleChanged)]
    asked = questions(play(*crowd, others=3)[1])
    assert not asked or "Iris" in asked[0]
