"""Lips shut for p, b and m: told by phoneme times, and heard in voices that calibrated nothing."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from engine.lipsync.closures import HOP, Closures
from tests.benchmarks.lips import FLITE, UNSEEN, by_espeak, by_flite, counted, sentences


def test_what_is_heard_does_not_depend_on_how_it_was_cut() -> None:
    samples = np.random.default_rng(2).normal(0, 0.1, 16 * HOP)
    whole, cut = Closures(), Closures()
    surest = [cut.step(samples[at : at + HOP]) for at in range(0, len(samples), HOP)]
    for frame in range(4):
        of_frame = samples[frame * 4 * HOP : (frame + 1) * 4 * HOP]
        assert whole.step(of_frame) == max(surest[frame * 4 : (frame + 1) * 4])


@pytest.mark.acceptance
@pytest.mark.parallel
@pytest.mark.parametrize("voice", UNSEEN)
async def test_an_unseen_voice_shuts_the_lips(voice: str) -> None:
    said = await by_espeak(voice, sentences("amara", "bramble")[::6][:14])
    timed, heard = (counted(said, timed=known) for known in (True, False))
    print(voice, timed, heard)
    assert timed["shut"] >= 0.95 and timed["vowels_wrongly_shut"] <= 0.02
    assert heard["shut"] >= 0.70 and heard["vowels_wrongly_shut"] <= 0.15


@pytest.mark.acceptance
@pytest.mark.parallel
@pytest.mark.parametrize("voice", FLITE)
def test_another_makers_voice_shuts_the_lips(voice: str) -> None:
    if shutil.which("flite") is None:
        pytest.skip("flite is not installed")
    heard = counted(by_flite(voice, sentences("amara", "bramble")[::6][:14]), timed=False)
    print(voice, heard)
    assert heard["shut"] >= 0.70 and heard["vowels_wrongly_shut"] <= 0.15
