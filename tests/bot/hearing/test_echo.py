"""Our own voice is kept out of what is heard: the rules, with a canceller that subtracts, and real parts."""

from __future__ import annotations

import shutil
from typing import TypeVar

import numpy as np
import pytest

from bot.hearing import webrtc
from bot.hearing.base import RATE_HZ, Pcm
from bot.hearing.echo import MAX_STREAMS, WITHOUT_CANCELLER, EchoRemover, NoCanceller
from bot.hearing.registry import open_echo_removal
from tests.bot.hearing import echoes

Test = TypeVar("Test")
SECONDS = 3
OWN = np.random.default_rng(5).normal(0, 3000, SECONDS * RATE_HZ).astype(np.int16)
SOMEONE = np.random.default_rng(6).normal(0, 3000, SECONDS * RATE_HZ).astype(np.int16)
LEAD = RATE_HZ * 20 // 1000


class Subtracting:
    """Cancels an echo of the same level that comes as much later as it is promised."""

    def __init__(self) -> None:
        self._before: Pcm = np.zeros(LEAD, np.int16)

    def process(self, heard: Pcm, played: Pcm) -> Pcm:
        sound = np.concatenate([self._before, played])
        self._before = sound[len(played) :]
        return echoes.as_pcm(heard.astype(float) - sound[: len(heard)])


def test_an_echo_is_silenced_until_it_is_known_and_then_taken_out():
    mix = echoes.as_pcm(echoes.delayed(OWN, 180, 0, len(OWN)))
    mix[2 * RATE_HZ :] = echoes.as_pcm(mix[2 * RATE_HZ :].astype(float) + SOMEONE[2 * RATE_HZ :] / 2)
    out = echoes.cleaned(EchoRemover(Subtracting), mix, OWN)
    assert not out[: 2 * RATE_HZ].any()
    left = out[2 * RATE_HZ :].astype(float) - SOMEONE[2 * RATE_HZ :] / 2
    assert np.abs(left).max() < 2


def test_a_stream_without_echo_is_soon_left_alone():
    out = echoes.cleaned(EchoRemover(Subtracting), SOMEONE, OWN)
    assert (out[3 * RATE_HZ // 2 :] == SOMEONE[3 * RATE_HZ // 2 :]).all()
    assert not out[: RATE_HZ // 2].any()


def test_nothing_is_touched_while_we_are_silent():
    echo = EchoRemover(Subtracting)
    echo.played(0, OWN[:320])
    chunk = SOMEONE[:320]
    assert echo.clean("mix", 2 * RATE_HZ, chunk) is chunk
    assert echo.clean("mix", -RATE_HZ, chunk) is chunk


def test_without_a_canceller_only_someone_louder_is_heard_over_us():
    mix = echoes.delayed(OWN, 180, -6, len(OWN))
    mix[2 * RATE_HZ :] += SOMEONE[2 * RATE_HZ :].astype(np.float32) * 2
    out = echoes.cleaned(EchoRemover(NoCanceller, WITHOUT_CANCELLER), echoes.as_pcm(mix), OWN)
    assert not out[: 2 * RATE_HZ].any() and out[2 * RATE_HZ + 320 :].any()


def test_streams_that_come_and_go_are_bounded_and_lengths_are_kept():
    echo = EchoRemover(Subtracting)
    for number in range(3 * MAX_STREAMS):
        echo.played(number * 100, OWN[:320])
        for start, length in ((number * 100, 320), (50, 7), (number * 100 + 5, 0), (10**9, 320)):
            assert len(echo.clean(f"person {number}", start, SOMEONE[:length])) == length
    assert echo.streams_kept <= MAX_STREAMS


real = [
    pytest.mark.skipif(not webrtc.installed(), reason="the extra echo is not installed"),
    *(
        pytest.mark.skipif(shutil.which(name) is None, reason=f"{name} is not installed")
        for name in ("espeak-ng", "flite", "ffmpeg")
    ),
]


def needs_real_parts(test: Test) -> Test:
    for mark in real:
        test = mark(test)
    return test


async def starts_of_own_voice(seconds: float, delay_ms: float, gain_db: float) -> list[tuple[int, int]]:
    own48 = echoes.own_speech(seconds)
    own = echoes.at_16_khz(own48)
    mix = echoes.as_pcm(echoes.delayed(echoes.through_opus(own48), delay_ms, gain_db, len(own)))
    assert await echoes.speech_heard(mix[: 5 * RATE_HZ]), "without echo removal it would be heard"
    return await echoes.speech_heard(echoes.cleaned(open_echo_removal(), mix, own))


@pytest.mark.slow
@pytest.mark.parallel
@needs_real_parts
@pytest.mark.parametrize(("delay_ms", "gain_db"), [(50, 0), (300, -12)])
async def test_our_own_voice_is_nobody(delay_ms: float, gain_db: float):
    assert await starts_of_own_voice(10.0, delay_ms, gain_db) == []


@pytest.mark.acceptance
@pytest.mark.parallel
@pytest.mark.timeout(600)
@needs_real_parts
@pytest.mark.parametrize(("delay_ms", "gain_db"), [(50, 0), (200, 0), (500, 0), (300, -6), (300, -12)])
async def test_ten_minutes_of_our_own_voice_are_nobody(delay_ms: float, gain_db: float):
    assert await starts_of_own_voice(600.0, delay_ms, gain_db) == []


@pytest.mark.slow
@pytest.mark.parallel
@needs_real_parts
async def test_people_who_talk_over_our_echo_are_heard():
    own48 = echoes.own_speech(28.0)
    own = echoes.at_16_khz(own48)
    mix = echoes.delayed(echoes.through_opus(own48), 200, 0, len(own))
    people = echoes.talk_over(mix, echoes.others_speech(), level_of=own, first_s=6.0)
    starts = await echoes.speech_heard(echoes.cleaned(open_echo_removal(), echoes.as_pcm(mix), own))
    onsets = echoes.onsets_ms(people, starts)
    assert len(onsets) >= 3 and sum(one is not None for one in onsets) >= 0.8 * len(onsets), onsets
