"""An honest answer to what the bot is."""

from __future__ import annotations

import pytest

from bot.conversation.smalltalk import what_am_i

NAMES = ("Iris", "Miss Iris")
ASKED = """
are you an AI | Are you a robot? | are you human | are you real | are you a real person | Iris, are you a real person?
so are you like a bot | you're a robot, aren't you | so you are not human | am I talking to a machine
are we talking to a real person | are you actually a human being or a computer | hey Iris, are you a person or an AI
is this a real person | is this a bot | who are you | what are you | what are you exactly | are you chatgpt
wait, are you just a recording? | are you even alive | Iris are you an artificial intelligence or not
is Iris a real person? | tell me, are you a human? | aren't you a robot | are you a deepfake | you are an AI, right?
is there a real person behind this | are you flesh and blood | honestly, are you human?
"""
OTHERS = """
are you sure about that | are you really certain | what are you growing | who are you going to call
is this a real rose | are you a fan of compost | do real people eat this | are you there | what machine do I need
can a robot mow the lawn | is it human to forget to water | are you able to hear a person behind me | what is an AI
are you saying that people should wait | is this a machine i can rent | you are right
"""


def questions(text: str) -> list[str]:
    return text.strip().replace("\n", " | ").split(" | ")


@pytest.mark.parametrize("said", questions(ASKED))
def test_asked_what_it_is_the_bot_says_an_ai(said: str) -> None:
    answer = what_am_i(said, names=NAMES)
    assert answer is not None and "I'm Iris, an AI assistant" in answer and "not a human" in answer


@pytest.mark.parametrize("said", questions(OTHERS))
def test_other_questions_go_to_the_mind(said: str) -> None:
    assert what_am_i(said, names=NAMES) is None
