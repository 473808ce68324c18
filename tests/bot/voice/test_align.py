"""Phoneme times by alignment: a voice that hides its times gets them back, and other words are not taken for these."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from ctypes.util import find_library
from dataclasses import replace
from typing import Self

import numpy as np
import pytest

from bot.voice.align import AlignedVoice, aligned
from bot.voice.base import RATE_HZ, SpokenClause, UnknownVoice, VoiceError
from bot.voice.espeak import EspeakVoice
from bot.voice.flite import VOICES
from bot.voice.registry import open_voice
from tests.benchmarks.lips import FLITE, by_flite, counted, sentences, with_alignment

pytestmark = pytest.mark.skipif(find_library("espeak-ng") is None, reason="libespeak-ng is not installed")
CLOSED = ("p", "b", "m")
TEXT = "Maybe Pam brought a big map of bamboo. Put it up by my lamp."


class Mute(EspeakVoice):
    """A voice that keeps to itself when its sounds are said."""

    async def say(self, text: str) -> AsyncIterator[SpokenClause]:
        async for clause in super().say(text):
            yield replace(clause, phonemes=None, words=None)


class Hoarse(EspeakVoice):
    """A voice that is open and cannot speak."""

    async def say(self, text: str) -> AsyncIterator[SpokenClause]:
        raise VoiceError("not now")
        yield

    async def __aenter__(self) -> Self:
        return self


async def said(voice: object, text: str = TEXT) -> list[SpokenClause]:
    async with voice as open_one:
        return [clause async for clause in open_one.say(text)]


def closures(clause: SpokenClause) -> np.ndarray:
    return np.array([(m.start + m.end) / 2 / RATE_HZ for m in clause.phonemes or () if m.text[:1] in CLOSED])


@pytest.mark.slow
@pytest.mark.parallel
async def test_a_voice_that_hides_its_times_gets_them_back() -> None:
    truth = await said(EspeakVoice("en-gb-x-rp+m6"))
    found = await said(AlignedVoice(Mute("en-gb-x-rp+m6"), EspeakVoice()))
    off = np.concatenate([closures(b) - closures(a) for a, b in zip(truth, found, strict=True)])
    assert len(off) >= 10 and np.abs(off).max() < 0.045
    for clause in found:
        ends = [0] + [mark.end for mark in clause.phonemes]
        assert all(before <= mark.start < mark.end for before, mark in zip(ends, clause.phonemes, strict=False))
        assert ends[-1] <= len(clause.pcm)
        assert [mark.text for mark in clause.words] == clause.text.rstrip(".").split()


@pytest.mark.slow
@pytest.mark.parallel
async def test_other_words_and_no_words_are_not_aligned() -> None:
    (these,) = await said(EspeakVoice(), "Water the tomatoes early in the morning, when it is cool.")
    (others,) = await said(EspeakVoice("en-us+m3"), "Nobody asked for that, said the old clock over the shelf.")
    assert aligned(others.pcm, [these]) is None
    assert aligned(others.pcm[: RATE_HZ // 3], [these]) is None
    for nothing in (np.zeros(0, np.int16), np.zeros(RATE_HZ, np.int16), np.ones(60 * RATE_HZ, np.int16)):
        assert aligned(nothing, [these]) is None
    assert aligned(these.pcm, []) is None
    assert aligned(these.pcm, [replace(these, phonemes=None)]) is None


async def test_what_cannot_be_aligned_is_said_all_the_same() -> None:
    (clause,) = await said(AlignedVoice(Mute(), Hoarse()), "Hello there.")
    assert clause.phonemes is None and len(clause.pcm) > RATE_HZ // 4


async def test_a_voice_that_knows_its_times_keeps_them() -> None:
    theirs, own = (
        await said(AlignedVoice(EspeakVoice(), Hoarse()), "Hello there."),
        await said(EspeakVoice(), "Hello there."),
    )
    assert [clause.phonemes for clause in theirs] == [clause.phonemes for clause in own]


@pytest.mark.slow
@pytest.mark.parallel
async def test_a_voice_that_only_sounds_comes_with_times_from_the_registry() -> None:
    with pytest.raises(UnknownVoice, match="slt"):
        open_voice("flite:nobody")
    if shutil.which("flite") is None:
        pytest.skip("flite is not installed")
    clauses = await said(open_voice("flite:slt"))
    assert len(clauses) == 2 and all(clause.phonemes and clause.words for clause in clauses)
    (half,) = await said(open_voice("flite:slt"), "Good \ud83d morning\0 Ada.")  # as a model's words come, cut anywhere
    assert len(half.pcm) > RATE_HZ // 2


@pytest.mark.acceptance
@pytest.mark.parallel
@pytest.mark.parametrize("voice", VOICES)
async def test_lips_shut_with_alignment(voice: str) -> None:
    if shutil.which("flite") is None:
        pytest.skip("flite is not installed")
    assert set(FLITE) == set(VOICES)
    texts = sentences("amara", "bramble")[::6][:14]
    found = counted(await with_alignment(by_flite(voice, texts), texts), timed=True)
    print(voice, found)
    assert found["shut"] >= 0.95 and found["vowels_wrongly_shut"] <= 0.05
