from __future__ import annotations

from bot.meeting.bridge import Answer, Heard
from bot.meeting.turn_record import Interruption, Turn, record_of

HEARD = Heard(text="one two", cut=True, first_audible_s=101.0, last_heard_s=103.0, offset_ms=None)


def cut_turn(**times: float | None) -> dict:
    turn = Turn(epoch=3, kind="answer")
    turn.cut = Interruption(by="ben", **{"decided_s": 103.0, "onset_s": 102.4, "silent_s": 103.09} | times)  # type: ignore[arg-type]
    return record_of(turn, HEARD, Answer(epoch=3), start_s=100.0, known={}, models={})["interruption"]


def test_an_interruption_says_who_and_when_on_the_timeline() -> None:
    assert cut_turn() == {
        "by": "ben",
        "onset_s": 2.4,
        "decided_s": 3.0,
        "silent_s": 3.09,
        "decided_to_silence_ms": 90.0,
        "onset_to_silence_ms": 690.0,
    }


def test_a_cut_in_a_pause_of_ours_found_silence() -> None:
    assert cut_turn(silent_s=102.8)["decided_to_silence_ms"] == 0.0


def test_what_is_not_known_is_not_made_up() -> None:
    cut = cut_turn(onset_s=None, silent_s=None)
    assert cut["onset_to_silence_ms"] is None and cut["decided_to_silence_ms"] is None


def test_nothing_audible_was_no_interruption() -> None:
    turn = Turn(epoch=3, kind="answer", cut=Interruption(by="ben", decided_s=1.0, onset_s=None))
    unheard = Heard(text="", cut=True, first_audible_s=None, last_heard_s=None, offset_ms=None)
    assert "interruption" not in record_of(turn, unheard, Answer(epoch=3), start_s=0.0, known={}, models={})
