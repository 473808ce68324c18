"""What was played is kept by position, and the delay of its echo is found."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.hearing.base import RATE_HZ
from bot.hearing.echo_delay import MAX_DELAY_SAMPLES, find_delay
from bot.hearing.played import KEPT_SAMPLES, PlayedSound
from bot.hearing.residue import ResidueGate

RANDOM = np.random.default_rng(3)
PIECE = st.tuples(st.integers(0, 3 * KEPT_SAMPLES), st.integers(1, 2000))


@settings(max_examples=15)
@given(st.lists(PIECE, max_size=8))
def test_what_was_played_is_where_it_was_played(pieces: list[tuple[int, int]]):
    played, truth = PlayedSound(), np.zeros(6 * KEPT_SAMPLES, np.int16)
    for number, (start, length) in enumerate(pieces):
        sound = np.full(length, number + 1, np.int16)
        played.add(start, sound)
        truth[start : start + length] = sound
    first = max(0, played.end - KEPT_SAMPLES)
    assert (played.take(first, 2 * KEPT_SAMPLES) == truth[first : first + 2 * KEPT_SAMPLES]).all()
    assert not played.take(-500, 500).any() and not played.take(played.end, 500).any()


def test_silence_sounds_nowhere():
    played = PlayedSound()
    played.add(1000, np.ones(320, np.int16))
    played.add(1320, np.zeros(3200, np.int16))
    assert played.sounds_in(1300, 1400) and not played.sounds_in(1320, 5000) and not played.sounds_in(0, 1000)


def test_an_echo_is_found_under_someone_else_and_no_echo_is_not():
    played = RANDOM.normal(0, 3000, RATE_HZ + MAX_DELAY_SAMPLES).astype(np.int16)
    someone = RANDOM.normal(0, 3000, RATE_HZ)
    at = MAX_DELAY_SAMPLES - 4321
    heard = (someone + played[at : at + RATE_HZ] / 2).astype(np.int16)
    found = find_delay(heard, played)
    assert found.delay_samples == 4321 and found.strength > 15
    assert find_delay(someone.astype(np.int16), played).strength < 8.5


def test_what_is_left_of_us_is_silenced_and_someone_is_not():
    gate, own = ResidueGate(over_db=-16.0), np.full(320, 4000, np.int16)
    gate.learn(own // 2, own)
    assert not gate.let_through(np.full(320, 200, np.int16), own).any()
    assert gate.let_through(np.full(320, 1000, np.int16), own).any()
    assert gate.let_through(np.full(320, 200, np.int16), own).any(), "a syllable's end is not cut off"
