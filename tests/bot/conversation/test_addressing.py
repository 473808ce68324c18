"""Is it for us?"""

from __future__ import annotations

import pytest

from bot.conversation.addressing import Because, Remark, names_us, why
from bot.conversation.dismissal import says_goodbye
from tests.bot.conversation.sentences import parted, without_marks

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


@pytest.mark.parametrize(
    ("text", "because"),
    [
        ("Iris Meyer sent me the file", Because.NOT_ADDRESSED),
        ("Iris Meyer, what do you think?", Because.NOT_ADDRESSED),
        ("iris meyer what do you think", Because.NOT_ADDRESSED),
        ("Iris, what does Iris Meyer think?", Because.NAME),
        ("Iris, Meyer is late, what now?", Because.NAME),
        ("@Iris (AI) what do you think?", Because.NAME),
        ("Iris, what do you think?", Because.NAME),
    ],
)
def test_a_namesake_with_a_surname_is_not_the_bot(text: str, because: Because):
    assert why(remark(text, other_names=("Iris Meyer", "Iris (AI)", "Bob"))) is because


def test_iris_from_somewhere_is_somebody_else():
    assert why(remark("iris from accounting sent the invoice")) is Because.NOT_ADDRESSED
    assert why(remark("Iris, from where do snails come?")) is Because.NAME


@pytest.mark.parametrize("text", ["no i meant sweet peas", "no, how do I grow them?", "per day or per week"])
def test_who_was_answered_may_begin_with_no(text: str):
    assert why(remark(text, since_answer_s=3.0)) is Because.REPLY


@pytest.mark.parametrize(
    ("text", "because"),
    [
        ("what would you do iris if it were yours", Because.NAME),
        ("could you tell me more iris in the next minutes", Because.NAME),
        ("would you say iris was right", Because.NOT_ADDRESSED),
        ("do you think iris will come", Because.NOT_ADDRESSED),
        ("have you read the message iris sent", Because.NOT_ADDRESSED),
        ("have you seen what iris wrote", Because.NOT_ADDRESSED),
    ],
)
def test_a_name_within_a_question_to_you_is_a_call(text: str, because: Because):
    assert why(remark(text)) is because


TALK_ABOUT = """
And then I said, Iris, that can't be right. | Iris usually knows that | Iris froze | Iris sent it | Iris in accounting
Have you tried Iris | who's Iris | we call it Iris | my sister Iris | me and Iris | Iris and Tom are on it | Iris too
Tom and Iris worked that out | Tom, did you ask Iris? | Iris checks that every week | even Iris knew
"""
CALLS = """
As I said, Iris, what is next? | Iris, who asked for it | Iris does Tom know
Iris and Tom, what do you both think? | so Tom and Iris, what next? | Tom and Iris can you tell us why
Thanks for your help Iris, what's next? | Come on Iris, you know this | what do you think Iris | Iris, just tell us
before we go on Iris do we have it | And Iris, what about bark?
let me ask you Iris is it worth it | Iris can the price go up
"""


@pytest.mark.parametrize(("sentences", "because"), [(TALK_ABOUT, Because.NOT_ADDRESSED), (CALLS, Because.NAME)])
def test_talk_about_the_bot_is_told_from_a_call_with_and_without_marks(sentences: str, because: Because):
    said = [form(one) for one in parted(sentences) for form in (str, without_marks)]
    assert [one for one in said if why(remark(one, other_names=("Tom Hill", "Ann"))) is not because] == []


@pytest.mark.parametrize("text", ["You said, Iris, that it was ten.", "Tom and Iris, any thoughts?"])
def test_marks_make_a_call_of_what_might_be_talk(text: str):
    assert why(remark(text, other_names=("Tom Hill",))) is Because.NAME


@pytest.mark.parametrize(
    "text", ["we want to be alone please leave rose", "rose you can go now", "rose please leave us"]
)
def test_a_name_that_is_a_word_is_heard_where_the_bot_is_sent_away(text: str):
    assert why(remark(text, names=("Rose",))) is Because.NAME


def test_alone_with_one_what_they_call_to_someone_beside_them_is_not_for_the_bot():
    assert why(remark("Mum, I'm in a call, one moment.", others=1)) is Because.NOT_ADDRESSED
    assert why(remark("My mum grows roses, how do I prune them?", others=1)) is Because.ALONE
