"""The embedded voice, with its real process."""

from __future__ import annotations

import asyncio
import os
import signal
from ctypes.util import find_library
from itertools import pairwise

import numpy as np
import psutil
import pytest

from bot.voice.base import RATE_HZ, SpokenClause, UnknownVoice, VoiceError
from bot.voice.espeak import EspeakVoice
from bot.voice.registry import open_voice
from bot.voice.trim import QUIET

pytestmark = pytest.mark.skipif(find_library("espeak-ng") is None, reason="libespeak-ng is not installed")
TEXT = "Hello, I'm Iris. Water the tomatoes in the morning, when it is cool."


@pytest.fixture(scope="module")
def clauses() -> list[SpokenClause]:
    async def said() -> list[SpokenClause]:
        async with open_voice() as voice:
            return [clause async for clause in voice.say(TEXT)]

    return asyncio.run(said())


async def test_each_sentence_is_a_clause_of_audible_unclipped_sound(clauses):
    assert [clause.text for clause in clauses] == ["Hello, I'm Iris.", TEXT[17:]]
    for clause in clauses:
        assert clause.pcm.dtype == np.int16 and 1.0 < len(clause.pcm) / RATE_HZ < 6.0
        assert 8_000 < np.abs(clause.pcm.astype(int)).max() < 32_000


async def test_leading_silence_is_trimmed(clauses):
    for clause in clauses:
        assert np.flatnonzero(np.abs(clause.pcm.astype(int)) >= QUIET)[0] <= RATE_HZ // 200


async def test_phonemes_are_ipa_in_order_within_the_sound(clauses):
    for clause in clauses:
        ends = [0] + [mark.end for mark in clause.phonemes]
        assert all(before <= mark.start < mark.end for before, mark in zip(ends, clause.phonemes, strict=False))
        assert ends[-1] <= len(clause.pcm)
    assert "".join(mark.text for mark in clauses[0].phonemes).startswith("həloʊ")


async def test_a_stop_consonant_sits_where_the_sound_is_quiet(clauses):
    loudness = {mark.text: [] for mark in clauses[1].phonemes}
    for mark in clauses[1].phonemes:
        loudness[mark.text].append(np.sqrt((clauses[1].pcm[mark.start : mark.end].astype(float) ** 2).mean()))
    assert np.mean(loudness["t"]) < 0.5 * np.mean(loudness["oʊ"])


async def test_words_are_the_written_ones_in_order(clauses):
    words = clauses[1].words
    assert [mark.text for mark in words][:4] == ["Water", "the", "tomatoes", "in"]
    assert all(one.end <= two.start for one, two in pairwise(words))


async def test_an_unknown_voice_is_said_so_on_opening():
    with pytest.raises(UnknownVoice):
        async with open_voice("espeak:klingon-nowhere"):
            pass
    with pytest.raises(UnknownVoice):
        open_voice("gramophone:78")


async def test_a_dead_process_is_an_error_once_and_replaced():
    async with EspeakVoice() as voice:
        os.kill(voice.pid, signal.SIGKILL)
        with pytest.raises(VoiceError):
            _ = [clause async for clause in voice.say("Hello.")]
        assert len([clause async for clause in voice.say("Hello.")]) == 1


async def test_leaving_a_sentence_half_said_does_not_disturb_the_next():
    async with EspeakVoice() as voice:
        saying = voice.say(TEXT)
        await anext(saying)
        await saying.aclose()
        assert [clause.text async for clause in voice.say("Good.")] == ["Good."]


async def test_the_process_ends_with_the_voice():
    async with EspeakVoice() as voice:
        pid = voice.pid
        assert psutil.pid_exists(pid)
    assert not psutil.pid_exists(pid)


async def test_signs_alone_make_no_sound_and_no_error():
    async with EspeakVoice() as voice:
        assert [clause async for clause in voice.say(" ... ")] == []
        assert set(await voice.pronounce(["mulch"])) == {"mulch"}


async def test_half_a_character_stops_neither_the_sentence_nor_the_voice():
    """As a model's words come, cut anywhere."""
    async with EspeakVoice() as voice:
        pid = voice.pid
        (clause,) = [clause async for clause in voice.say("Good \ud83d morning\0 Ada.")]
        assert "Ada" in [word.text.strip(".") for word in clause.words or ()]
        assert (await voice.pronounce(["Ada\ud83d"])).keys() == {"Ada\ud83d"} and voice.pid == pid
