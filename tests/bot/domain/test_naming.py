"""No name hides that it is an AI's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.naming import MAX_NAME_CHARACTERS, BadBotName, disclosed_name


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Iris", "Iris (AI)"),
        ("Iris (ai)", "Iris (AI)"),
        ("(AI) Iris", "(AI) Iris"),
        ("Iris （AI）", "Iris (AI)"),  # full-width parentheses
        ("Iris (A\u200bI)", "Iris (AI)"),
        ("  Iris\n\tSmith ", "Iris Smith (AI)"),
        ("Iris (\u0410I)", "Iris (\u0410I) (AI)"),  # a Cyrillic A is no disclosure
        ("\u202eIris", "Iris (AI)"),
        ("x" * 100, "x" * 55 + " (AI)"),
        ("x" * 58 + "(AI)", "x" * 55 + " (AI)"),
    ],
)
def test_the_disclosure_is_there_and_readable(name, shown):
    assert disclosed_name(name) == shown


@pytest.mark.parametrize("name", ["", "  ", "\u200b", "...", "\u202e"])
def test_a_name_without_letter_digit_or_symbol_is_refused(name):
    with pytest.raises(BadBotName):
        disclosed_name(name)


@given(st.text(max_size=200))
def test_every_name_that_is_accepted_discloses_and_fits(name):
    try:
        shown = disclosed_name(name)
    except BadBotName:
        return
    assert "(AI)" in shown and len(shown) <= MAX_NAME_CHARACTERS and shown == disclosed_name(shown)
