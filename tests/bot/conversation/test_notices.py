"""The bot says what it is."""

from __future__ import annotations

import tomllib

import pytest

from bot.conversation.notices import chat_notice, spoken_greeting
from tests.bot.conversation.sources import LIBRARY


@pytest.mark.parametrize(
    "greeting", ["Good day!", "Ask me about AI and gardens.", "I'm Iris, not an AI at all.", "I am no robot. An AI is."]
)
def test_a_greeting_that_hides_the_ai_gets_a_declaration_before_it(greeting: str):
    assert spoken_greeting("Iris", greeting) == f"Hello, I'm Iris, an AI assistant. {greeting}"


def test_the_written_notice_says_what_is_kept_and_how_to_send_it_away():
    assert "transcript" in chat_notice("Iris") and "leave" in chat_notice("Iris")


def test_the_shipped_character_declares_itself():
    iris = tomllib.loads((LIBRARY / "iris" / "character.toml").read_text())
    assert spoken_greeting(iris["name"], iris["greeting"]) == iris["greeting"]
    assert iris["likeness"] == "fictional" and iris["knowledge"] == "knowledge"
