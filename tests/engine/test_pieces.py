"""Speech is cut where nothing of its timing is lost."""

from __future__ import annotations

import numpy as np

from engine.api import Phoneme, SpeechTiming
from engine.pieces import pieces_of


def timed(*times: tuple[int, int]) -> SpeechTiming:
    return SpeechTiming(phonemes=tuple(Phoneme(start=a, end=b, symbol="a") for a, b in times))


def test_phonemes_go_with_their_sound_and_one_that_would_be_cut_goes_whole() -> None:
    found = list(pieces_of(np.arange(100, dtype=np.int16), timed((0, 30), (30, 45), (60, 80), (85, 100)), most=40))
    assert [(int(piece[0]), len(piece)) for piece, _ in found] == [(0, 30), (30, 30), (60, 40)]
    assert [timing for _, timing in found] == [timed((0, 30)), timed((0, 15)), timed((0, 20), (25, 40))]


def test_a_phoneme_longer_than_a_message_is_cut_and_lost_nowhere() -> None:
    found = list(pieces_of(np.zeros(100, np.int16), timed((5, 95)), most=40))
    assert [len(piece) for piece, _ in found] == [5, 40, 40, 15]
    assert [timing for _, timing in found] == [timed(), timed((0, 40)), timed((0, 40)), timed((0, 10))]
