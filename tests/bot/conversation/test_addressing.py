"""Is it for us?"""

from __future__ import annotations

import pytest

from bot.conversation.addressing import Because, Remark, names_us, why
from bot.conversation.dismissal import says_goodbye
from tests.bot.conversation.sentences import parted

NAMES = ("Iris", "Miss Iris")


def remark(text: str, **changed: object) -> Remark:
    given: dict = {"others": 3, "names": NAMES, "since_answer_s": None} | changed
    return Remark(text=text, **given)


@pytest.mark.parametrize("text", ["Iris, what is mulch", "tell us, Miss Iris", "hey irish what is mulch", "ask iris"])
def test_a_name_is_heard_even_misheard(text: str):
    assert names_us(text, NAMES)


@pytest.mark.parametrize(
    "text", ["ours are fine", "the areas are dry", "hours later", "he arrives at errors", "a rose is"]
)
def test_common_words_that_sound_alike_are_no_name(text: str):
    assert not names_us(text, NAMES)


def test_a_written_name_is_spelled_right():
    assert names_us("@iris hello", NAMES, written=True) and not names_us("irish coffee", NAMES, written=True)


@pytest.mark.parametrize(
    ("said", "because"),
    [
        (remark("what is mulch", others=1), Because.ALONE),
        (remark("what is mulch"), Because.NOT_ADDRESSED),
        (remark("Iris what is mulch"), Because.NAME),
        (remark("and bark", since_answer_s=10.0), Because.REPLY),
        (remark("and bark", since_answer_s=10.1), Because.NOT_ADDRESSED),
        (remark("and bark", since_answer_s=1.0, written=True), Because.NOT_ADDRESSED),
    ],
)
def test_each_rule_decides(said: Remark, because: Because):
    assert why(said) is because


def test_a_name_lost_in_the_likeliest_reading_is_found_in_the_next_ones():
    lost = "i is a do i get rid of slugs"
    assert why(remark(lost)) is Because.NOT_ADDRESSED
    assert why(remark(lost, readings=("i is i do i get", "iris how do i get rid of slugs"))) is Because.NAME


@pytest.mark.parametrize(
    ("text", "readings"),
    [
        ("iris could be a bit faster", ("iris could we a bit faster",)),  # talk about it is no call, however alike
        ("we rise at six", ("we rise at six it", "he rise at six", "we rise a six", "iris at six")),  # the fourth
        ("the iris is in bloom", ("iris is it in bloom",)),
    ],
)
def test_other_readings_make_no_call_of_talk(text: str, readings: tuple[str, ...]):
    assert why(remark(text, readings=readings)) is Because.NOT_ADDRESSED


@pytest.mark.parametrize(
    ("text", "because"),
    [
        ("iris can do i get rid of slugs", Because.NAME),  # "how" as it is misheard after the name
        ("iris can deep should i plant tulips", Because.NAME),
        ("can and you iris goodbye", Because.NAME),  # "thank you"
        ("and then we told iris bye", Because.NOT_ADDRESSED),
        ("iris can do that", Because.NOT_ADDRESSED),
        ("iris can tell you how i did it", Because.NOT_ADDRESSED),
    ],
)
def test_a_question_of_oneself_after_the_name_is_for_the_bot(text: str, because: Because):
    assert why(remark(text)) is because


QUESTIONS = """
how do i say goodbye to slugs | should i leave the roots in | can i leave tomatoes outside | please leave a gap
when can i leave | should we leave now | which plants can i leave | Iris, when should I leave?
Iris did they leave the meeting | can he leave now please
"""


def test_questions_about_leaving_are_no_farewell():
    assert [text for text in parted(QUESTIONS) if says_goodbye(text, NAMES)] == []


@pytest.mark.parametrize(
    ("text", "other_name", "because"),
    [
        ("what does Tom think", "Tom Hill", Because.NOT_ADDRESSED),
        ("what will it cost", "Will Hill", Because.REPLY),  # his name is a word
        ("Will, what does it cost?", "Will Hill", Because.NOT_ADDRESSED),
        ("how does art help", "Art Hill", Because.REPLY),
    ],
)
def test_a_follow_up_that_names_someone_else_is_for_them(text: str, other_name: str, because: Because):
    assert why(remark(text, since_answer_s=3.0, other_names=(other_name,))) is because
