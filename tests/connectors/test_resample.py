"""Sound at a device's rate becomes the meeting's, without waiting and without what the meeting's rate cannot hold."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from connectors.kit.resample import Resampler, resampler

RATE_HZ = 16_000
PCM = NDArray[np.int16]


def tone(hertz: float, rate_hz: int, seconds: float = 1.0) -> PCM:
    return (10_000 * np.sin(2 * np.pi * hertz * np.arange(round(rate_hz * seconds)) / rate_hz)).astype(np.int16)


def in_pieces(one: Resampler, pcm: PCM, size: int) -> list[PCM]:
    return [one.resample_chunk(pcm[first : first + size]) for first in range(0, len(pcm), size)]


def level(pcm: PCM) -> float:
    settled = pcm[len(pcm) // 4 :].astype(np.float64)
    return float(np.sqrt((settled**2).mean())) / (10_000 / np.sqrt(2))


@pytest.mark.parametrize("rate_hz", [16_000, 32_000, 48_000])
def test_a_whole_multiple_gives_each_piece_at_once(rate_hz: int) -> None:
    pieces = in_pieces(resampler(rate_hz, RATE_HZ), tone(440, rate_hz), rate_hz // 50)
    assert {len(piece) for piece in pieces} == {RATE_HZ // 50}


def test_how_it_is_cut_into_pieces_changes_nothing() -> None:
    sound = tone(700, 48_000)[:9_600]
    whole = resampler(48_000, RATE_HZ).resample_chunk(sound)
    for size in (1, 7, 441, 960):
        np.testing.assert_array_equal(np.concatenate(in_pieces(resampler(48_000, RATE_HZ), sound, size)), whole)


@pytest.mark.parametrize("rate_hz", [32_000, 44_100, 48_000])
def test_speech_stays_and_what_would_fold_into_it_goes(rate_hz: int) -> None:
    def kept(hertz: float) -> float:
        return level(np.concatenate(in_pieces(resampler(rate_hz, RATE_HZ), tone(hertz, rate_hz), rate_hz // 50)))

    assert kept(300) == pytest.approx(1.0, abs=0.02)
    assert kept(6_000) == pytest.approx(1.0, abs=0.06)
    assert kept(10_500) < 0.02


def test_a_whole_multiple_is_half_a_millisecond_late() -> None:
    click = np.zeros(4_800, np.int16)
    click[2_400] = 20_000
    at = int(np.abs(resampler(48_000, RATE_HZ).resample_chunk(click)).argmax())
    assert 0 <= at - 800 <= 8
