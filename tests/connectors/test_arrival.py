"""Does the picture leave? From counts of frames to events."""

from __future__ import annotations

import pytest

from connectors.base import PictureArrives, SoundArrives
from connectors.kit.web.arrival import MISSING_S, UNHEARD_S, Arrival, Sent


def told(counts: list[int], *, others: bool = True) -> list[PictureArrives | SoundArrives]:
    """One count a second."""
    arrival = Arrival()
    return [
        event
        for at_s, frames in enumerate(counts)
        for event in arrival.take(
            Sent(links=1, frames=frames, energy=0.0), others=others, spoken_s=0.0, at_s=float(at_s)
        )
    ]


def told_of_sound(counts: list[tuple[float, float]], *, others: bool = True, links: int = 1) -> list[SoundArrives]:
    """One count a second: seconds spoken so far, and the energy of what left."""
    arrival, events = Arrival(), []
    for at_s, (spoken_s, energy) in enumerate(counts):
        sent = Sent(links=links, frames=at_s, energy=energy)
        events += arrival.take(sent, others=others, spoken_s=spoken_s, at_s=float(at_s))
    return [event for event in events if isinstance(event, SoundArrives)]


def test_a_picture_that_leaves_is_nothing_to_tell() -> None:
    assert told([0, 24, 48, 72, 96, 120, 144, 168]) == []


def test_a_picture_that_stops_is_told_once_after_five_seconds_and_again_when_it_is_back() -> None:
    events = told([0, 24, 24, 24, 24, 24, 24, 24, 24, 48])
    assert events == [PictureArrives(at_s=1.0 + MISSING_S, active=False), PictureArrives(at_s=9.0, active=True)]


def test_who_is_alone_has_nobody_to_be_seen_by() -> None:
    assert told([0] * 20, others=False) == []


def test_a_picture_that_never_left_is_told() -> None:
    assert [event.active for event in told([0] * 20)] == [False]


def test_connections_that_begin_anew_count_from_there() -> None:
    assert told([0, 500, 24, 48, 72, 96, 120, 144]) == []


def test_silence_and_sound_are_told_apart() -> None:
    arrival = Arrival()
    list(arrival.take(Sent(links=1, frames=1, energy=0.0), others=True, spoken_s=0.0, at_s=0.0))
    assert not arrival.sounds
    list(arrival.take(Sent(links=1, frames=2, energy=0.3), others=True, spoken_s=1.0, at_s=1.0))
    assert arrival.sounds


def test_a_voice_that_leaves_and_a_bot_that_is_silent_are_nothing_to_tell() -> None:
    assert told_of_sound([(0.0, 0.0), (1.0, 0.1), (2.0, 0.2), (2.0, 0.2), (2.0, 0.2), (2.0, 0.2)]) == []


def test_a_voice_that_does_not_leave_any_more_is_told_once_and_again_when_it_does() -> None:
    spoken = [(0.0, 0.0), (1.0, 0.1), (2.0, 0.1), (3.0, 0.1), (4.0, 0.1), (4.0, 0.1), (5.0, 0.2)]
    assert UNHEARD_S <= 2.0
    assert told_of_sound(spoken) == [SoundArrives(at_s=3.0, active=False), SoundArrives(at_s=6.0, active=True)]


@pytest.mark.parametrize(("others", "links"), [(False, 1), (True, 0)])
def test_a_voice_nobody_is_connected_to_is_not_missed(others: bool, links: int) -> None:
    assert told_of_sound([(float(at_s), 0.0) for at_s in range(9)], others=others, links=links) == []


def test_a_voice_counts_anew_when_its_connections_do() -> None:
    assert told_of_sound([(0.0, 0.0), (1.0, 0.5), (2.0, 0.1), (3.0, 0.2), (4.0, 0.3)]) == []
