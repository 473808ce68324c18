"""Sound on the meeting's timeline: positions from stamps, whatever the network did to the arrivals."""

from __future__ import annotations

import random

import numpy as np

from connectors.base import CHUNK_SAMPLES, HEARING_RATE_HZ
from connectors.kit.timeline import FILLED_S, Lane, Pcm

RATE_HZ = 48_000
PIECE = 960
PIECE_S = PIECE / RATE_HZ
STAMP_ZERO_S = 5000.0  # the page's clock has its own zero


def ramp(pieces: int) -> list[Pcm]:
    """Slowly rising sound, so that a sample's value tells where in the stream it was."""
    whole = np.linspace(0, 20_000, pieces * PIECE).astype(np.int16)
    return list(whole.reshape(pieces, PIECE))


def placed(lane: Lane, pieces: list[Pcm], *, skip: range = range(0), late_s: list[float] | None = None):
    out = []
    for index, pcm in enumerate(pieces):
        if index in skip:
            continue
        arrived_s = (index + 1) * PIECE_S + (late_s[index] if late_s else 0.0)
        out += lane.place(pcm, stamp_s=STAMP_ZERO_S + index * PIECE_S, arrived_s=100.0 + arrived_s)
    return out


def assert_orderly(chunks) -> None:
    starts = np.array([start for start, _ in chunks])
    assert (np.diff(starts) >= CHUNK_SAMPLES).all()
    assert all(len(pcm) == CHUNK_SAMPLES for _, pcm in chunks)


def test_sound_stands_where_it_sounded() -> None:
    chunks = placed(Lane(start_s=99.0, rate_hz=RATE_HZ), ramp(100))
    assert_orderly(chunks)
    assert abs(chunks[0][0] - HEARING_RATE_HZ) <= 1, "the first sample sounded one second after the start"
    middle = len(chunks) // 2
    expected = 20_000 * middle * CHUNK_SAMPLES / (100 * PIECE / 3)
    assert abs(float(chunks[middle][1][0]) - expected) < 20, "resampling moved the sound"
    assert len(chunks) >= 97


def test_late_arrivals_move_nothing() -> None:
    rng = random.Random(7)
    late_s = [0.0] + [rng.choice([0.0, 0.004, 0.3]) for _ in range(199)]
    steady, shaken = (Lane(start_s=99.0, rate_hz=RATE_HZ) for _ in range(2))
    assert [start for start, _ in placed(shaken, ramp(200), late_s=late_s)] == [
        start for start, _ in placed(steady, ramp(200))
    ]


def test_a_hole_stays_a_hole() -> None:
    chunks = placed(Lane(start_s=99.0, rate_hz=RATE_HZ), ramp(100), skip=range(40, 60))
    assert_orderly(chunks)
    steps = np.diff([start for start, _ in chunks])
    assert (steps > CHUNK_SAMPLES).sum() == 1
    after = next(start for start, step in zip([s for s, _ in chunks][1:], steps, strict=True) if step > CHUNK_SAMPLES)
    assert abs(after - (HEARING_RATE_HZ + 60 * CHUNK_SAMPLES)) <= 1


def test_the_last_said_before_a_hole_is_not_lost() -> None:
    lane, piece = Lane(start_s=99.0, rate_hz=RATE_HZ), np.full(PIECE * 3 // 2, 5000, np.int16)  # 30 ms
    chunks = []
    for index in (*range(41), *range(60, 90)):
        ends_s = (index + 1) * PIECE_S * 1.5
        chunks += lane.place(piece, stamp_s=STAMP_ZERO_S + ends_s - PIECE_S * 1.5, arrived_s=100.0 + ends_s)
    assert_orderly(chunks)
    hole = HEARING_RATE_HZ + 41 * CHUNK_SAMPLES * 3 // 2
    before = np.concatenate([pcm for start, pcm in chunks if start < hole])
    lost = 41 * CHUNK_SAMPLES * 3 // 2 - int((before > 1000).sum())
    assert lost < HEARING_RATE_HZ // 200, f"{lost} samples"


def test_sound_that_comes_twice_is_taken_once() -> None:
    lane = Lane(start_s=99.0, rate_hz=RATE_HZ)
    first = placed(lane, ramp(50))
    again = placed(lane, ramp(40))
    assert not again
    assert_orderly(first)


def test_a_late_first_estimate_of_the_clock_never_turns_time_back() -> None:
    late_s = [0.25, 0.25] + [0.0] * 98
    chunks = placed(Lane(start_s=99.0, rate_hz=RATE_HZ), ramp(100), late_s=late_s)
    assert_orderly(chunks)


def test_other_rates_fill_the_same_time() -> None:
    lane = Lane(start_s=99.0, rate_hz=44_100)
    out = []
    for index in range(100):
        pcm = np.zeros(882, np.int16)
        out += lane.place(pcm, stamp_s=index * PIECE_S, arrived_s=100.0 + (index + 1) * PIECE_S)
    assert_orderly(out)
    assert 97 <= len(out) <= 100


def stamped_late(pieces: int, *, lost: range = range(0)) -> list[float]:
    """Stamps of a page that comes to the sound every 40 ms, takes all there is, and is often held up for up to 110 ms.
    Sound is lost where nobody took it for longer."""
    rng = random.Random(11)
    stamps: list[float] = []
    now_s = 0.0
    while len(stamps) < pieces:
        now_s += 0.04 if rng.random() < 0.7 else rng.choice([0.08, 0.11])
        while len(stamps) < pieces and (len(stamps) + 1) * PIECE_S <= now_s:
            stamps.append(now_s - PIECE_S + len(lost) * PIECE_S * (len(stamps) >= lost.start) * bool(lost))
    return stamps


def stamped(lane: Lane, pieces: list[Pcm], stamps: list[float]):
    return [
        chunk
        for pcm, stamp_s in zip(pieces, stamps, strict=True)
        for chunk in lane.place(pcm, stamp_s=STAMP_ZERO_S + stamp_s, arrived_s=100.0 + stamp_s + PIECE_S)
    ]


def test_a_page_that_is_held_up_loses_no_sound_and_makes_no_holes() -> None:
    chunks = stamped(Lane(start_s=99.0, rate_hz=RATE_HZ), ramp(500), stamped_late(500))
    assert_orderly(chunks)
    starts = np.array([start for start, _ in chunks])
    assert (np.diff(starts) == CHUNK_SAMPLES).all()
    heard = np.concatenate([pcm for _, pcm in chunks]).astype(int)
    assert len(heard) > 495 * CHUNK_SAMPLES and (np.diff(heard) <= 2).all(), "nothing is left out in between"


def test_what_a_page_lost_while_it_was_held_up_is_a_hole() -> None:
    lost = range(250, 255)
    chunks = stamped(Lane(start_s=99.0, rate_hz=RATE_HZ), ramp(500), stamped_late(500, lost=lost))
    assert_orderly(chunks)
    starts = np.array([start for start, _ in chunks])
    holes = np.diff(starts) - CHUNK_SAMPLES
    at = int(holes.argmax())
    assert (holes > 0).sum() == 1 and abs(int(holes[at]) - len(lost) * CHUNK_SAMPLES) < CHUNK_SAMPLES * 3 // 2
    assert 250 <= at < 265, "it is told within 300 ms"


def test_the_first_sound_after_a_hole_that_nobody_filled_stands_where_it_sounded() -> None:
    """Though all before it came late, and was laid too late."""
    hole = range(20, 20 + round(FILLED_S / PIECE_S))
    late_s = [0.25] * 20 + [0.0] * 80
    chunks = placed(Lane(start_s=99.0, rate_hz=RATE_HZ), ramp(100), skip=hole, late_s=late_s)
    assert_orderly(chunks)
    starts = np.array([start for start, _ in chunks])
    after = starts[1 + int(np.diff(starts).argmax())]
    assert abs(int(after) - (HEARING_RATE_HZ + hole.stop * CHUNK_SAMPLES)) <= 1
