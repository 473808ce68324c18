"""Names that are everyday words, have accents, or are in other letters: when are they a call?"""

from __future__ import annotations

import pytest

from bot.conversation.terms import words_of
from bot.conversation.vocative import Named, named
from tests.bot.conversation.sentences import parted

CALLED = """
Will: Will, what is mulch? | hey will can you hear me | hi Will | what do you think, Will? | what do you think will
Will: will can you explain that | okay will what is mulch | Over to you, Will. | goodbye will | So, Will, tell us more.
May: hello may when do we plant | May, do you know? | Thanks, May. | thank you may
Hope: Hope, how deep? | hope how do i do that | hey hope
Mark: mark can you hear me | Mark, repeat that. | can you say that again mark
Max: hi max how long do beans take | Max: is that so? | @max is that so
Rose: rose what is the difference | could you look that up, Rose? | Rose?
Rose: rose please leave | rose which one is it | rose can i freeze it | rose and what do they eat | hello bob hello rose
Rose: thanks for your help rose what's next
Sage: sage what is that | Chloé, sage, what is that
"""
NOT_CALLED = """
Will: Will we meet on Friday? | I think he will | Will do. | Will that work? | he said he will, right? | yes I will
Will: will you come tomorrow | do you think it will | the will of the people | okay will you send it | and will they
May: May I ask something? | In May we ship. | that may be | may be | it may rain | so may we begin | May we go?
Hope: I hope so | let's hope | I hope | hope you are well | Hope to see you soon | I really hope | Hope you can make it
Mark: mark it as done | please mark it as done | okay mark that down | Mark my words. | question mark | we hit the mark
Max: five minutes max | two hundred max, right? | we need ten people max | the max
Rose: prices rose | And I said, Rose, that is it. | costs rose | how much has it rose | the numbers rose, too
Sage: add some sage | thyme and sage
Art: modern art | state of the art | do you like art? | do you like modern art | what do you think about art?
Grace: saving grace | give them grace
Ray: x ray | a ray of hope
Chase: chase them | go chase them up | please chase them
Bill: send the bill | who pays the bill? | bill them monthly | Bill them monthly, please | Pay the bill, please
"""


def by_name(text: str) -> list[tuple[str, str]]:
    lines = [line.split(": ", 1) for line in text.strip().splitlines()]
    return [(name, said) for name, sentences in lines for said in parted(sentences)]


def test_a_name_that_is_a_word_is_called_where_it_can_be_nothing_else() -> None:
    assert [one for one in by_name(CALLED) if named(one[1], one[:1]) is not Named.CALLED] == []


@pytest.mark.parametrize("written", [False, True])
def test_a_word_that_is_a_name_is_no_call(written: bool) -> None:
    assert [one for one in by_name(NOT_CALLED) if named(one[1], one[:1], written=written) is Named.CALLED] == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Zoë", "zoe what is mulch"),
        ("Zoë", "Zoë, what is mulch?"),
        ("José", "hey jose can you hear me"),
        ("Søren", "soren can you hear me"),
        ("Jose", "Hey José, can you hear me?"),
        ("Ольга", "Ольга, что такое мульча?"),
        ("Ольга", "@ольга what is mulch"),
        ("अनिता", "अनिता, what is mulch?"),
        ("小林", "小林、what is mulch?"),
    ],
)
def test_a_name_is_heard_with_its_accents_or_without_and_in_any_letters(name: str, said: str) -> None:
    assert named(said, [name]) is Named.CALLED


@pytest.mark.parametrize("name", ["Ольга", "😀", "...", ""])
@pytest.mark.parametrize("said", ["mail me @ five", "@Bob can you look?", "what is mulch", "@"])
def test_nobody_is_called_by_a_bare_sign(name: str, said: str) -> None:
    assert named(said, [name], written=True) is Named.NOT


def test_an_address_of_mail_or_a_page_calls_nobody() -> None:
    assert named("write to ann@iris.org or see https://example.org/@iris", ["Iris"], written=True) is Named.NOT
    assert named("thanks @iris", ["Iris"], written=True) is Named.CALLED


def test_letters_are_kept_and_accents_are_not() -> None:
    assert words_of("Zoë’s café, Straße; Ольга 小林 don't 3x") == [
        *("zoe's", "cafe", "strasse", "ольга", "小林", "don't", "3x"),
    ]  # fmt: skip
