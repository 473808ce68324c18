"""Whom the face looks at, on a clock of the test's own."""

from __future__ import annotations

import pytest

from bot.meeting.gaze import DWELL_S, HELD_S, OWN_PAUSE_S, STAY_S, STREAMS_KEPT, Gaze, Spot

LEFT, RIGHT = (-0.5, 0.0), (0.5, 0.0)
STEP_S = 0.02


def gaze(own: Spot | None = (0.0, 0.0), **others: Spot) -> Gaze:
    looking = Gaze()
    looking.stand(others or {"ada": LEFT, "ben": RIGHT}, own)
    return looking


def over(looking: Gaze, start_s: float, end_s: float, *, own_voice: bool = False) -> list[float]:
    """To which side it looks, chunk by chunk."""
    times = [start_s + STEP_S * n for n in range(round((end_s - start_s) / STEP_S))]
    return [(looking.at(now_s, own_voice=own_voice) or (0.0, 0.0))[0] for now_s in times]


def turns(sides: list[float]) -> list[float]:
    return [side for before, side in zip([0.0, *sides], sides, strict=False) if side != before]


@pytest.mark.parametrize(
    ("own", "tile", "looks"),
    [
        ((0.5, 0.0), (-0.5, 0.0), (-1.0, 0.0)),
        ((-0.5, 0.0), (0.5, 0.0), (1.0, 0.0)),
        ((0.5, 0.5), (0.5, -0.5), (0.0, -1.0)),
        ((-0.9, 0.0), (-0.5, 0.0), (0.6, 0.0)),  # left in the window, and right of us
        (None, (-0.5, 0.2), (-0.75, 0.3)),
        ((0.2, 0.2), (0.2, 0.2), (0.0, 0.0)),
    ],
)
def test_it_looks_from_its_own_picture_to_the_speakers(own: Spot | None, tile: Spot, looks: Spot) -> None:
    looking = gaze(own, ada=tile)
    looking.begins("ada", 0.0)
    assert looking.at(1.0, own_voice=False) == pytest.approx(looks)


def test_it_turns_after_a_moment_and_back_to_the_camera_a_while_after_the_last_word() -> None:
    looking = gaze()
    looking.begins("ada", 1.0)
    assert turns(over(looking, 0.0, 1.0 + DWELL_S)) == []
    assert set(over(looking, 1.0 + DWELL_S + STEP_S, 5.0)) == {-0.75}
    looking.ends("ada", 4.6)
    held = over(looking, 5.0, 8.0)
    assert turns(held) == [-0.75, 0.0] and held.count(-0.75) * STEP_S == pytest.approx(4.6 + HELD_S - 5.0, abs=0.03)


def test_a_word_thrown_in_turns_nothing_and_a_pause_neither() -> None:
    looking = gaze()
    looking.begins("ada", 0.0)
    over(looking, 0.0, 3.0)
    looking.begins("ben", 3.0)
    sides = over(looking, 3.0, 3.2)
    looking.ends("ben", 3.2)
    looking.ends("ada", 3.2)
    sides += over(looking, 3.2, 4.0)
    looking.begins("ada", 4.0)
    assert set(sides + over(looking, 4.0, 6.0)) == {-0.75}


def test_whoever_goes_on_alone_is_turned_to_and_never_to_and_fro() -> None:
    looking = gaze()
    sides = []
    for number in range(30):  # they throw words at each other, three a second
        one, other = ("ada", "ben") if number % 2 else ("ben", "ada")
        looking.ends(one, number / 3)
        looking.begins(other, number / 3)
        sides += over(looking, number / 3, (number + 1) / 3)
    assert turns(sides) == [], "nobody has spoken for long enough"
    looking.ends("ada", 10.0)
    looking.begins("ben", 10.0)
    over(looking, 10.0, 11.0)
    looking.begins("ada", 11.0)
    both = over(looking, 11.0, 13.0)
    looking.ends("ben", 13.0)
    assert set(both) == {0.75} and turns(over(looking, 13.0, 14.0)) == [-0.75]


def test_it_stays_with_someone_before_it_turns_to_another() -> None:
    looking = gaze()
    looking.begins("ada", 0.0)
    looking.begins("ben", 0.1)
    over(looking, 0.0, DWELL_S + 2 * STEP_S)
    looking.ends("ada", 0.4)
    sides = over(looking, 0.5, 3.0)
    assert turns(sides) == [-0.75, 0.75] and sides.count(-0.75) * STEP_S > STAY_S - 0.2


def test_the_bots_own_voice_is_for_the_camera_and_so_are_its_pauses() -> None:
    looking = gaze()
    looking.begins("ada", 0.0)
    over(looking, 0.0, 2.0)
    assert set(over(looking, 2.0, 3.0, own_voice=True) + over(looking, 3.0, 3.0 + OWN_PAUSE_S - 0.1)) == {0.0}
    assert turns(over(looking, 3.6, 5.0)) == [-0.75], "who goes on speaking is looked at again"
    looking.ends("ada", 5.0)
    over(looking, 5.0, 5.1, own_voice=True)
    assert set(over(looking, 5.1, 9.0)) == {0.0}


def test_in_a_mix_it_goes_by_whom_the_platform_shows() -> None:
    looking = gaze()
    sides = []
    for number in range(400):
        shown = {0: "ada", 1: "ben", 2: None, 3: None}[number // 100]
        looking.shows(shown, number * STEP_S)
        sides += over(looking, number * STEP_S, (number + 1) * STEP_S)
    assert turns(sides) == [-0.75, 0.75, 0.0]


def test_whose_picture_stands_nowhere_known_is_not_looked_at() -> None:
    looking = gaze()
    for nobody in ("mix", "cy"):
        looking.begins(nobody, 0.0)
    assert set(over(looking, 0.0, 2.0)) == {0.0}
    looking.begins("ada", 2.0)
    assert over(looking, 2.0, 3.0)[-1] == -0.75
    looking.stand({"ben": RIGHT}, None)
    assert looking.at(3.0, own_voice=False) is None, "they left, or their page is another"
    looking.stand({"ada": RIGHT}, None)
    assert looking.at(3.1, own_voice=False) == (0.75, 0.0), "their picture has moved"


def test_chunks_of_many_streams_do_not_turn_time_back() -> None:
    looking = gaze()
    looking.begins("ada", 0.0)
    sides = [looking.at(now_s + late_s, own_voice=False) for now_s in (1.0, 1.02, 1.04) for late_s in (0.0, -0.9)]
    assert sides == [(-0.75, 0.0)] * 6


def test_many_who_speak_and_never_stop_are_not_kept() -> None:
    looking = gaze()
    for number in range(10 * STREAMS_KEPT):
        looking.begins(str(number), 0.0)
    assert len(looking._since) == STREAMS_KEPT
