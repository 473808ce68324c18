"""Own playback is kept out of a mix."""

from __future__ import annotations

import numpy as np

from bot.hearing.base import RATE_HZ
from bot.hearing.playback import PlaybackGate

OWN = np.full(RATE_HZ, 2000, np.int16)


def test_own_sound_and_its_echo_are_silenced_and_later_sound_is_not():
    gate = PlaybackGate()
    gate.played(RATE_HZ, OWN)
    echo = np.full(320, 1500, np.int16)
    assert not gate.clean(RATE_HZ + 3200, echo).any()
    assert not gate.clean(2 * RATE_HZ + 3200, echo).any()
    assert gate.clean(3 * RATE_HZ, echo).any() and gate.clean(RATE_HZ // 2, echo).any()


def test_someone_much_louder_gets_through():
    gate = PlaybackGate()
    gate.played(0, OWN)
    assert gate.clean(0, np.full(320, 9000, np.int16)).any()


def test_played_silence_gates_nothing():
    gate = PlaybackGate()
    gate.played(0, np.zeros(RATE_HZ, np.int16))
    assert gate.clean(0, np.full(320, 500, np.int16)).any()
