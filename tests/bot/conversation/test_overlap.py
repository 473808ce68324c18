"""Voices over ours: a nod, an interruption, a false alarm, people among themselves. The machine on a virtual clock."""

from __future__ import annotations

import pytest

from bot.conversation.overlap import BARGE_IN_S, NOD_S
from bot.conversation.turn_events import (
    ChatWritten,
    Duck,
    Effect,
    Event,
    Heard,
    Interrupt,
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
from bot.conversation.turn_state import Phase, State
from bot.conversation.turns import RESUME_S, WORDS_LIMIT_S, step

PAUSE_S = 0.5  # of silence, until the ears say that a stretch is over
WORDS_S = 0.2


class Table:
    """The bot among people, answering from second 2 on under epoch 1."""

    def __init__(self, *others: str, notice: bool = False) -> None:
        self.state, self.effects = State(names=("Iris",)), list[Effect]()
        self.now_s = 1.0
        self.tell(PeopleChanged(at_s=self.now_s, others=len(others), other_names=others))
        if notice:
            self.tell(SayAsked(at_s=self.now_s, text="I am an AI.", notice=True))
        else:
            self.tell(ChatWritten(at_s=self.now_s, speaker=others[0], text="Iris, what is mulch?"))
        self.now_s = 2.0
        self.tell(PlaybackBegan(at_s=self.now_s, epoch=1))
        self.effects.clear()

    def tell(self, event: Event) -> None:
        self.state, effects = step(self.state, event)
        self.effects += effects

    def voices(self, spans: dict[str, tuple[float, float]], until_s: float, text: str = "", tells: bool = True) -> None:
        """Each speaks from and to these seconds from now; told every 100 ms until the ears end the stretch."""
        start_s = self.now_s
        for tick in range(round(until_s * 20) + 1):
            self.now_s = start_s + tick * 0.05
            for who, (begins_s, ends_s) in spans.items():
                self._voice(who, tick * 0.05, begins_s, ends_s, text, tells=tells and tick % 2 == 0)
            self.tell(Tick(at_s=self.now_s))

    def _voice(self, who: str, at_s: float, begins_s: float, ends_s: float, text: str, *, tells: bool) -> None:
        if abs(at_s - begins_s) < 0.01:
            self.tell(SpeechBegan(at_s=self.now_s, speaker=who))
        if tells and begins_s < at_s < ends_s + PAUSE_S:
            voiced_s, silent_s = min(at_s, ends_s) - begins_s, max(0.0, at_s - ends_s)
            event = SpeechGoesOn(at_s=self.now_s, speaker=who, voiced_s=voiced_s, silent_s=silent_s, text=text)
            self.tell(event)
        if abs(at_s - ends_s - PAUSE_S) < 0.01:
            self.tell(SpeechStopped(at_s=self.now_s, speaker=who))

    def words(self, who: str, text: str) -> None:
        self.now_s += WORDS_S
        self.tell(Heard(at_s=self.now_s, speaker=who, text=text))

    def kinds(self) -> list[type]:
        return [type(effect) for effect in self.effects]


@pytest.mark.parametrize("text", ["", "mhm", "yeah right"])
def test_a_nod_of_three_tenths_of_a_second_is_answered_with_a_softer_voice_only(text: str) -> None:
    table = Table("ann", "ben")
    table.voices({"ben": (0.1, 0.4)}, until_s=1.2, text=text)
    table.words("ben", text)
    assert [kind for kind in table.kinds() if kind in {Duck, Unduck, Interrupt}] == [Duck, Unduck]
    assert table.state.phase is Phase.SPEAK and table.state.epoch == 1


def test_a_nod_in_words_may_last_longer_than_other_speech() -> None:
    table = Table("ann", "ben")
    table.voices({"ben": (0.1, 0.8)}, until_s=1.4, text="yeah okay")
    assert Interrupt not in table.kinds()
    table.voices({"ben": (0.0, NOD_S + 0.3)}, until_s=NOD_S + 0.3, text="yeah okay")
    assert Interrupt in table.kinds()


def test_several_nods_are_not_added_up() -> None:
    table = Table("ann", "ben")
    for _ in range(4):
        table.voices({"ben": (0.05, 0.35)}, until_s=0.8)
    assert Interrupt not in table.kinds()


def test_speech_ducks_first_and_cuts_after_half_a_second_of_voice() -> None:
    table = Table("ann", "ben")
    table.voices({"ben": (0.0, 2.0)}, until_s=BARGE_IN_S - 0.05, text="so about the")
    assert table.kinds() == [Duck]
    table = Table("ann", "ben")
    table.voices({"ben": (0.0, 2.0)}, until_s=BARGE_IN_S + 0.1, text="so about the")
    assert table.kinds() == [Duck, Interrupt] and table.effects[-1] == Interrupt(epoch=2, by="ben")


@pytest.mark.parametrize("text", ["stop", "wait a", "Iris can you", "hold on"])
def test_a_word_that_asks_for_the_floor_cuts_at_once(text: str) -> None:
    table = Table("ann", "ben")
    table.voices({"ben": (0.0, 2.0)}, until_s=0.2, text=text)
    assert Interrupt(epoch=2, by="ben") in table.effects


def test_alone_with_one_their_question_cuts_at_once() -> None:
    table = Table("ann")
    table.voices({"ann": (0.0, 2.0)}, until_s=0.3, text="what about the")
    assert Interrupt(epoch=2, by="ann") in table.effects


def test_ears_that_do_not_tell_cut_by_the_clock() -> None:
    table = Table("ann", "ben")
    table.voices({"ben": (0.0, 2.0)}, until_s=BARGE_IN_S + 0.05, tells=False)
    assert table.kinds() == [Duck, Interrupt]


@pytest.mark.parametrize("text", ["", "mhm"])
def test_a_cut_by_nothing_is_taken_back_in_a_new_epoch(text: str) -> None:
    table = Table("ann", "ben")
    table.voices({"ben": (0.0, 0.7)}, until_s=1.3)
    assert Interrupt in table.kinds()
    table.words("ben", text)
    assert table.effects[-1] == Resume(epoch=3, resumes=1) and table.state.phase is Phase.THINK


def test_an_answer_goes_on_once_only() -> None:
    table = Table("ann", "ben")
    for epoch in (1, 3):
        table.tell(PlaybackBegan(at_s=table.now_s, epoch=epoch))
        table.voices({"ben": (0.0, 0.7)}, until_s=1.3)
        table.words("ben", "mhm")
    assert table.kinds().count(Interrupt) == 2 and table.kinds().count(Resume) == 1


def test_nothing_goes_on_once_someone_else_speaks_or_it_was_long_ago_or_it_had_words() -> None:
    for others, later_s, said in (({"ann": (0.8, 3.0)}, 0.0, ""), ({}, RESUME_S, ""), ({}, 0.0, "pass me the salt")):
        table = Table("ann", "ben")
        table.voices({"ben": (0.0, 0.7), **others}, until_s=1.3)
        table.now_s += later_s
        table.words("ben", said)
        assert Interrupt in table.kinds() and Resume not in table.kinds()


def test_a_notice_is_neither_ducked_nor_cut_nor_asked_away() -> None:
    table = Table("ann", "ben", notice=True)
    table.voices({"ben": (0.0, 2.0), "ann": (0.1, 2.0)}, until_s=2.6, text="stop")
    table.words("ben", "Iris stop")
    table.words("ann", "Iris, what is mulch?")
    assert not {Duck, Interrupt, Think} & set(table.kinds())
    table.tell(PlaybackEnded(at_s=table.now_s, epoch=1))
    asked = [effect.question for effect in table.effects if isinstance(effect, Think)]
    assert asked == ["Iris, what is mulch?"]


def test_a_notice_ends_for_the_kill_switch_and_for_being_asked_to_leave() -> None:
    table = Table("ann", "ben", notice=True)
    table.tell(Stop(at_s=table.now_s))
    assert Interrupt in table.kinds()
    table = Table("ann", "ben", notice=True)
    table.words("ann", "Iris, please leave")
    assert table.kinds() == [Interrupt, SayGoodbye]


def test_a_notice_to_a_late_joiner_waits_for_the_answer() -> None:
    table = Table("ann", "ben")
    table.tell(SayAsked(at_s=table.now_s, text="I am an AI.", notice=True))
    assert table.effects == []
    table.tell(PlaybackEnded(at_s=table.now_s + 1, epoch=1))
    assert table.effects == [Speak(text="I am an AI.", epoch=2, notice=True)]


def test_two_who_talk_at_once_have_the_floor() -> None:
    table = Table("ann", "ben", "cem")
    table.voices({"ben": (0.0, 3.0), "cem": (0.0, 3.0)}, until_s=0.45)
    assert Interrupt in table.kinds() and table.state.answered is None


def test_one_who_answers_another_over_ours_has_the_floor() -> None:
    table = Table("ann", "ben", "cem")
    table.voices({"ben": (0.0, 0.4)}, until_s=0.9, text="where is it")
    assert Interrupt not in table.kinds()
    table.voices({"cem": (0.1, 3.0)}, until_s=0.5, text="over there")
    assert Interrupt(epoch=2, by="cem") in table.effects


def test_after_yielding_only_its_name_brings_it_back() -> None:
    table = Table("ann", "ben", "cem")
    table.voices({"ann": (0.0, 1.0), "ben": (0.0, 1.0)}, until_s=1.6)
    table.words("ann", "that was on tuesday")
    table.words("ben", "mhm")
    assert not {Think, Resume} & set(table.kinds())
    table.words("ann", "Iris, what do you say?")
    assert table.kinds()[-1] is Think


def test_please_leave_is_obeyed_by_voice_and_by_chat() -> None:
    for event in (Heard, ChatWritten):
        table = Table("ann", "ben", "cem")
        table.tell(event(at_s=3.0, speaker="ben", text="Iris, please leave"))
        assert table.kinds() == [Interrupt, SayGoodbye] and table.state.phase is Phase.LEAVING


def test_a_goodbye_among_people_does_not_send_the_bot_away() -> None:
    table = Table("ann", "ben", "cem")
    table.tell(PlaybackEnded(at_s=3.0, epoch=1))
    table.tell(Heard(at_s=5.0, speaker="ann", text="okay bye ben, see you tomorrow"))
    table.tell(Heard(at_s=6.0, speaker="ann", text="okay bye, see you tomorrow"))
    assert not {SayGoodbye, Think} & set(table.kinds())


def test_someone_whom_the_ears_lost_does_not_hold_the_floor_for_ever() -> None:
    table = Table("ann", "ben")
    table.tell(PlaybackEnded(at_s=2.5, epoch=1))
    table.tell(SpeechGoesOn(at_s=3.0, speaker="ben", voiced_s=1.0, silent_s=0.0))
    for second in range(4, 20):
        table.tell(Tick(at_s=float(second)))
    assert table.state.phase is Phase.LISTEN and not table.state.talking


def test_a_question_held_for_words_that_never_come_is_answered_after_all() -> None:
    table = Table("ann", "ben")
    table.tell(PlaybackEnded(at_s=2.1, epoch=1))
    table.tell(ChatWritten(at_s=3.0, speaker="ann", text="Iris, what is loam?"))
    table.now_s = 3.2
    table.voices({"ben": (0.0, 1.0)}, until_s=1.6)
    assert table.kinds() == [Think, Interrupt]
    table.tell(Tick(at_s=table.now_s + WORDS_LIMIT_S))
    assert table.kinds() == [Think, Interrupt, Think]


def test_a_notice_that_waited_for_a_cut_answer_is_given() -> None:
    table = Table("ann", "ben")
    table.tell(SayAsked(at_s=2.5, text="I am an AI.", notice=True))
    table.words("ann", "Iris stop")
    table.tell(Tick(at_s=3.0))
    assert table.kinds()[-1] is Speak


@pytest.mark.parametrize(("who", "effect"), [("ann", Interrupt), ("ben", Resume)])
def test_thanks_over_an_answer_end_it_for_who_asked_and_are_a_nod_of_another(who: str, effect: type) -> None:
    table = Table("ann", "ben")
    table.voices({who: (0.05, 0.65)}, until_s=1.2, text="okay thanks")
    table.words(who, "okay thanks")
    assert [kind for kind in table.kinds() if kind in {Interrupt, Resume, Think, Speak}][-1] is effect


def test_thanks_too_short_to_cut_end_the_answer_too() -> None:
    table = Table("ann")
    table.voices({"ann": (0.05, 0.35)}, until_s=0.9, text="thanks")
    table.words("ann", "thanks")
    assert table.state.phase is Phase.LISTEN and Think not in table.kinds()
