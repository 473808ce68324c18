"""Sound is taken once, in order, and read ahead without being taken."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.diffusion.timeline import Timeline


def ramp(count: int, start: int = 1) -> np.ndarray:
    return np.arange(start, start + count, dtype=np.int16)


@given(st.lists(st.integers(0, 50), max_size=8), st.lists(st.integers(1, 40), min_size=1, max_size=8))
def test_any_pieces_in_and_out_give_the_same_stream(pieces, takes):
    timeline, at = Timeline(1000), 1
    for size in pieces:
        timeline.speak(ramp(size, at), epoch=1)
        at += size
    ahead = timeline.read(0, sum(takes))
    taken = [timeline.take(size) for size in takes]
    stream = np.concatenate([part.pcm for part in taken])
    expected = np.zeros(sum(takes), np.int16)
    voiced = min(sum(takes), sum(pieces))
    expected[:voiced] = ramp(voiced)
    np.testing.assert_array_equal(stream, expected)
    np.testing.assert_array_equal(ahead, stream)
    np.testing.assert_array_equal(timeline.read(-5, sum(takes))[5:], stream)
    assert taken[-1].spoken_to == voiced


def test_a_newer_epoch_drops_what_is_queued_and_an_older_one_is_not_heard():
    timeline = Timeline(100)
    timeline.speak(ramp(10), epoch=1)
    timeline.take(4)
    timeline.speak(ramp(3, 50), epoch=2)
    timeline.speak(ramp(9), epoch=1)
    taken = timeline.take(5)
    assert (taken.epoch, taken.spoken_from, taken.spoken_to) == (2, 0, 3)
    assert taken.pcm.tolist() == [50, 51, 52, 0, 0]


def test_what_is_no_longer_kept_cannot_be_read():
    timeline = Timeline(10)
    timeline.take(30)
    assert not timeline.read(20, 40).any()
    with pytest.raises(ValueError, match="no longer kept"):
        timeline.read(19, 25)
