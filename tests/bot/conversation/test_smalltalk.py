"""An honest answer to what the bot is."""

from __future__ import annotations

from bot.conversation.smalltalk import small_talk, what_am_i
from tests.bot.conversation.sentences import parted

NAMES = ("Iris", "Miss Iris")
ASKED = """
are you an AI | Are you a robot? | are you human | are you real | are you a real person | Iris, are you a real person?
so are you like a bot | you're a robot, aren't you | so you are not human | am I talking to a machine
are we talking to a real person | are you actually a human being or a computer | hey Iris, are you a person or an AI
is this a real person | is this a bot | who are you | what are you | what are you exactly | are you chatgpt
wait, are you just a recording? | are you even alive | Iris are you an artificial intelligence or not
is Iris a real person? | tell me, are you a human? | aren't you a robot | are you a deepfake | you are an AI, right?
is there a real person behind this | are you flesh and blood | honestly, are you human? | are you a real girl
so this is an AI right | are you a computer program | am I speaking with a live agent? | are you fake
are you for real
Is a human answering these questions? | is this a recording | is your face real | you sound like a robot
are you sure you're human? | what are you, a robot? | is anybody real here | is somebody controlling you
which AI model are you | are you powered by ChatGPT | is that your real face? | could you be a bot
are you an AI agent
do I speak with a real person | are you one of those AI things | are you an AI bot | are you some kind of AI
Iris is an AI, right? | are you a digital avatar | are you an AI model
"""
OTHERS = """
are you sure about that | are you really certain | what are you growing | who are you going to call
is this a real rose | are you a fan of compost | do real people eat this | are you there | what machine do I need
can a robot mow the lawn | is it human to forget to water | are you able to hear a person behind me | what is an AI
are you saying that people should wait | is this a machine i can rent | you are right | Is it alive?
is it artificial?
is it a machine? | Is that a person? | is there software | is there someone | Is it real | is this software free
are you a gardener | it's a real person i saw | is there a person in the room | Is Anna a real person?
are you saving water | do you keep bees | do you record the temperature of the soil | are you keeping chickens
are you taking the bus | is the frost recorded here every year | are you writing a book | do you save seeds
could you be a bit quicker | are you made with love | what model of mower is this | are you going to record the yield
will this be stored in the shed | is that your face cream | don't record the weather | what model do you recommend
"""
RECORDING = """
are you recording? | Are you recording this call? | do you keep a transcript | are you taking notes
is Iris recording this
is this being recorded | is this meeting recorded | are you transcribing us | do you record us | am I being recorded
are you keeping a transcript of this? | are you writing this down | do you save what we say | are you listening in
will this be recorded? | is my voice being recorded | are you recording video | do you record audio
are you spying on us
Does Iris record what we say? | is someone recording this meeting | are you saving our conversation | are we on record
has this been recorded | were you recording that | are you going to record this | does this meeting get recorded
do you keep the recordings | do you store my voice | are you recording everything we say
hey Iris, do you take notes? | are you storing our voices
"""
KEEPING = """
where does the recording go? | Iris, where is this transcript stored? | what happens to our data
who reads the transcript | who has access to the recording
how long do you keep the transcript | where will the meeting recording end up
"""


def answers(sentences: str) -> dict[str, str | None]:
    return {said: what_am_i(said, names=NAMES) for said in parted(sentences)}


def test_asked_what_it_is_the_bot_says_an_ai() -> None:
    honest = "I'm Iris, an AI assistant, not a human."
    assert {said: answer for said, answer in answers(ASKED).items() if answer != honest} == {}


def test_asked_whether_it_records_the_bot_says_what_it_keeps() -> None:
    honest = "I'm Iris, an AI assistant. I keep a transcript of what is said and written here, but no sound."
    assert {said: answer for said, answer in answers(RECORDING).items() if answer != honest} == {}


def test_asked_where_what_it_keeps_goes_the_bot_says_who_knows() -> None:
    assert [
        said for said, answer in answers(KEEPING).items() if not (answer and "no sound. Those who sent" in answer)
    ] == []
    others = "where does the water go | where is the data cable | how long is the recording | what happens to the roots"
    assert set(answers(others).values()) == {None}


def test_told_not_to_record_the_bot_says_what_ends_it() -> None:
    asked = (
        "please don't record me | can you stop recording | stop transcribing this please | I don't want to be recorded"
    )
    assert [said for said, answer in answers(asked).items() if not (answer and answer.endswith("and I go."))] == []


def test_other_questions_go_to_the_mind() -> None:
    assert {said: answer for said, answer in answers(OTHERS).items() if answer is not None} == {}


def test_a_name_of_two_words_does_not_hide_small_talk() -> None:
    assert small_talk("Hello Ada Green", name="Ada Green", about="") == "Hello! What would you like to know?"
