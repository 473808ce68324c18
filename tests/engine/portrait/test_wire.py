"""The messages between a session and its process."""

from __future__ import annotations

import numpy as np
import pytest

from engine.api import SPEECH_RATE_HZ, Phoneme, SpeechTiming
from engine.portrait import wire


def timed(*times: tuple[int, int]) -> SpeechTiming:
    return SpeechTiming(phonemes=tuple(Phoneme(start=a, end=b, symbol="a") for a, b in times))


@pytest.mark.parametrize("seconds", [0.1, 349.0, 350.0, 900.0])
def test_speech_of_any_length_goes_whole_in_messages_that_are_taken(seconds: float) -> None:
    pcm = (np.arange(round(seconds * SPEECH_RATE_HZ)) % 30_011).astype(np.int16)
    received = []
    for piece, timing in wire.pieces_of(pcm, None):
        message = wire.packed({"do": "speak"}, piece)
        head, tail = wire.sizes(message[: wire.HEADER.size])
        assert timing is None and len(message) == wire.HEADER.size + head + tail
        received.append(wire.unpacked(message[8 : 8 + head], message[8 + head :])[1])
    np.testing.assert_array_equal(np.concatenate(received), pcm)


def test_phonemes_go_with_their_sound_and_one_that_would_be_cut_goes_whole() -> None:
    found = list(wire.pieces_of(np.arange(100, dtype=np.int16), timed((0, 30), (30, 45), (60, 80), (85, 100)), most=40))
    assert [(int(piece[0]), len(piece)) for piece, _ in found] == [(0, 30), (30, 30), (60, 40)]
    assert [timing for _, timing in found] == [timed((0, 30)), timed((0, 15)), timed((0, 20), (25, 40))]


def test_a_phoneme_longer_than_a_message_is_cut_and_lost_nowhere() -> None:
    found = list(wire.pieces_of(np.zeros(100, np.int16), timed((5, 95)), most=40))
    assert [len(piece) for piece, _ in found] == [5, 40, 40, 15]
    assert [timing for _, timing in found] == [timed(), timed((0, 40)), timed((0, 40)), timed((0, 10))]
