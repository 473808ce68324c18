"""How loud the others are: the same however many of them say nothing, and in time."""

from __future__ import annotations

import numpy as np
import pytest

from engine.portrait.heard import MAX_SPEAKERS, Heard

CHUNK = 320  # samples of 20 ms, as meetings give them
QUIET = np.zeros(CHUNK, np.int16)


def spoken(chunks: int) -> list[np.ndarray]:
    rng = np.random.default_rng(3)
    return [rng.normal(0, 4000, CHUNK).astype(np.int16) for _ in range(chunks)]


def levels(speech: list[np.ndarray], silent: int) -> list[float]:
    """Frame by frame, while one speaks among others who do not: 25 chunks are 12 frames."""
    heard, found = Heard(24), []
    for number, chunk in enumerate(speech, 1):
        heard.put(chunk, "ada", None)
        for other in range(silent):
            heard.put(QUIET, f"silent {other}", None)
        found += [heard.level() for _ in range(number * 12 // 25 - len(found))]
    return found


@pytest.mark.parametrize("silent", [1, 7])
def test_a_speaker_among_silent_people_is_heard_as_one_alone(silent: int) -> None:
    alone = levels(spoken(100), 0)
    assert len(alone) == 48 and min(alone) > 0.05
    assert levels(spoken(100), silent) == alone


def test_the_face_looks_at_the_loudest() -> None:
    heard = Heard(24)
    heard.put(np.tile(spoken(1)[0], 3), "ada", (-0.5, 0.1))
    heard.put(np.tile(QUIET, 3), "ben", (0.5, 0.0))
    assert heard.level() > 0.05 and heard.gaze_xy == (-0.5, 0.1)


@pytest.mark.parametrize(
    ("told", "seen"), [((9.0, -50.0), (1.0, -1.0)), ((float("nan"), 0.0), None), ((float("inf"), 0.0), None)]
)
def test_a_gaze_stays_where_a_face_can_look(told: tuple[float, float], seen: tuple[float, float] | None) -> None:
    heard = Heard(24)
    heard.put(QUIET, None, told)
    heard.level()
    assert heard.gaze_xy == seen


def test_many_who_come_and_go_are_not_kept() -> None:
    heard = Heard(24)
    for number in range(3 * MAX_SPEAKERS):
        heard.put(np.tile(QUIET, 100), str(number), None)
    assert len(heard._waiting) == MAX_SPEAKERS
    for _ in range(13):
        heard.level()
    assert not heard._waiting
