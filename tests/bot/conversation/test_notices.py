"""The bot says what it is."""

from __future__ import annotations

import tomllib

import pytest

from bot.conversation.notices import BACK_S, RETRY_S, Audience, Way, chat_notice, spoken_greeting, spoken_welcome
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


def test_who_comes_later_is_told_once_together_after_a_moment():
    audience = Audience()
    audience.joined("p1", "Ada", 100.0)
    audience.joined("p2", "Bo", 104.0)
    assert audience.written.due(104.9) == ()
    assert audience.written.due(105.0) == audience.spoken.due(105.0) == ("p1", "p2")
    audience.told(audience.written, ("p1", "p2"), 105.0)
    assert audience.written.due(200.0) == () and audience.spoken.due(200.0) == ("p1", "p2")


def test_a_crowd_that_comes_one_by_one_hears_two_and_reads_one_a_minute():
    audience = Audience()
    told = {"written": 0, "spoken": 0}
    for second in range(120):
        audience.joined(f"p{second}", f"Guest {second}", float(second))
        for name, way in (("written", audience.written), ("spoken", audience.spoken)):
            if to := way.due(float(second)):
                audience.told(way, to, float(second))
                told[name] += 1
    assert told == {"written": 2, "spoken": 4}


def test_who_comes_back_knows_and_a_namesake_does_not():
    audience = Audience()
    audience.joined("p1", "Ada", 0.0)
    audience.told(audience.written, ("p1",), 5.0)
    audience.left("p1", 60.0)
    audience.joined("p7", "Ada", 90.0)
    assert audience.written.waiting == {}
    audience.joined("p8", "Ada", 90.0)
    assert list(audience.written.waiting) == ["p8"]


def test_a_namesake_who_comes_much_later_is_somebody_else():
    audience = Audience()
    audience.joined("p1", "Guest", 0.0)
    audience.told(audience.spoken, ("p1",), 5.0)
    audience.left("p1", 60.0)
    audience.joined("p2", "Guest", 60.0 + BACK_S + 1.0)
    assert list(audience.spoken.waiting) == list(audience.written.waiting) == ["p2"]


def test_without_a_name_everyone_is_new():
    audience = Audience()
    audience.joined("p1", "", 0.0)
    audience.told(audience.spoken, ("p1",), 5.0)
    audience.left("p1", 60.0)
    audience.joined("p2", "", 90.0)
    assert list(audience.written.waiting) == ["p2"]


def test_who_leaves_before_being_told_is_not_told():
    audience = Audience()
    audience.joined("p1", "Ada", 0.0)
    audience.left("p1", 3.0)
    assert audience.written.due(99.0) == ()


def test_a_failed_notice_is_tried_again_later_and_given_up_in_the_end():
    way, at_s = Way(per_window=1), 5.0
    way.waiting["p1"] = 0.0
    for pause_s in RETRY_S:
        assert way.failed(("p1",), at_s) == ()
        assert way.due(at_s + pause_s - 0.1) == () and way.due(at_s + pause_s) == ("p1",)
        at_s += pause_s
    assert way.failed(("p1",), at_s) == ("p1",) and way.due(999.0) == ()


def test_only_whom_no_way_reaches_is_lost():
    audience, lost = Audience(), []
    for participant in ("p1", "p2"):
        audience.joined(participant, participant, 0.0)
    audience.told(audience.spoken, ("p2",), 5.0)
    for way, to in ((audience.spoken, ("p1",)), (audience.written, ("p1", "p2"))):
        for _ in range(len(RETRY_S) + 1):
            lost += audience.failed(way, to, 5.0)
    assert lost == ["p1"]


def test_the_welcome_repeats_nobodys_name_and_says_what_is_kept():
    assert spoken_welcome("Iris") == "Welcome. I'm Iris, an AI assistant, and I keep a transcript."


def test_who_left_before_every_way_had_failed_is_forgotten() -> None:
    audience = Audience()
    for number in range(50):
        who = f"guest {number}"
        audience.joined(who, who, 0.0)
        for _ in range(len(RETRY_S) + 1):
            audience.failed(audience.written, (who,), 10.0)
        audience.left(who, 20.0)
    assert not audience._unreached


@pytest.mark.parametrize(("name", "is_told"), [("Guest", True), ("iPhone (2)", True), ("", True), ("Ada Guest", False)])
def test_a_name_that_anyone_may_have_is_nobody_coming_back(name: str, is_told: bool) -> None:
    audience = Audience(by_chat=False)
    audience.joined("1", name, 0.0)
    audience.told(audience.spoken, ("1",), 10.0)
    audience.left("1", 20.0)
    audience.joined("2", name, 30.0)
    assert (audience.spoken.due(40.0) == ("2",)) is is_told
