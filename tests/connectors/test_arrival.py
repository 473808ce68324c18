"""Does the picture leave? From counts of frames to events."""

from __future__ import annotations

from connectors.base import PictureArrives
from connectors.kit.web.arrival import MISSING_S, Arrival, Sent


def told(counts: list[int], *, others: bool = True, arrival: Arrival | None = None) -> list[PictureArrives]:
    """One count a second."""
    arrival = arrival or Arrival()
    return [
        event
        for at_s, frames in enumerate(counts)
        for event in arrival.take(Sent(links=1, frames=frames, energy=0.0), others=others, at_s=float(at_s))
    ]


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
    list(arrival.take(Sent(links=1, frames=1, energy=0.0), others=True, at_s=0.0))
    assert not arrival.sounds
    list(arrival.take(Sent(links=1, frames=2, energy=0.3), others=True, at_s=1.0))
    assert arrival.sounds
