"""The ears on real Silero, with a recogniser that counts what it is fed."""

from __future__ import annotations

import asyncio
import itertools
import subprocess

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.hearing.base import (
    RATE_HZ,
    HearingError,
    HearingEvent,
    SpeechEnded,
    SpeechGoesOn,
    SpeechStarted,
    Utterance,
)
from bot.hearing.ears import MAX_STREAMS, PREROLL_SAMPLES, QUEUE_CHUNKS, RecognisingEars
from bot.hearing.vad import WINDOW
from tests.bot.clocks import HandClock
from tests.bot.hearing.doubles import Counting, Early

WAIT_S = 10.0


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    """Half a second of silence, a spoken sentence, a second of silence; 16 kHz."""
    said = subprocess.run(
        ["espeak-ng", "-v", "en-us", "--stdout", "How often should I water my tomatoes"],
        capture_output=True,
        check=True,
    ).stdout
    import soxr

    pcm = np.frombuffer(said[44 : 44 + (len(said) - 44) // 2 * 2], np.int16)
    quiet = np.zeros(RATE_HZ, np.int16)
    return np.concatenate([quiet[: RATE_HZ // 2], soxr.resample(pcm, 22050, RATE_HZ), quiet])


def feed(ears: RecognisingEars, stream: str, start: int, pcm: np.ndarray) -> None:
    for at in range(0, len(pcm), 320):
        ears.feed(stream, start + at, pcm[at : at + 320])


async def take(ears: RecognisingEars, count: int, *, going_on: bool = False) -> list[HearingEvent]:
    """The next events; those in between that only tell how it goes on when asked for, and not counted."""
    taken: list[HearingEvent] = []
    told = 0
    async with asyncio.timeout(WAIT_S):
        async for event in ears.events():
            if isinstance(event, SpeechGoesOn):
                told += 1
                if not going_on:
                    continue
            taken.append(event)
            if len(taken) == count + told * going_on:
                break
    return taken


async def test_a_sentence_is_started_ended_and_put_into_words(speech):
    recogniser = Counting()
    async with RecognisingEars(recogniser) as ears:
        feed(ears, "ann", 50_000, speech)
        started, ended, utterance = await take(ears, 3)
    assert isinstance(started, SpeechStarted) and isinstance(ended, SpeechEnded) and isinstance(utterance, Utterance)
    loud = np.flatnonzero(np.abs(speech.astype(int)) > 600) + 50_000
    assert abs(started.start_sample - loud[0]) < RATE_HZ * 0.05
    assert abs(ended.end_sample - loud[-1]) < RATE_HZ * 0.08
    assert recogniser.starts == [("ann", started.start_sample - PREROLL_SAMPLES)]
    assert int(utterance.text) == ended.decided_sample - recogniser.starts[0][1]


async def test_the_end_of_speech_tells_when_its_sound_arrived(speech):
    async with RecognisingEars(Counting()) as ears:
        for at in range(0, len(speech), 320):
            ears.feed("ann", at, speech[at : at + 320], arrived_s=100.0 + at)
        _, ended, _ = await take(ears, 3)
    assert isinstance(ended, SpeechEnded) and ended.arrived_s is not None
    assert ended.arrived_s - 100.0 == (ended.decided_sample - 1) // 320 * 320


async def test_speech_that_goes_on_is_told_every_tenth_of_a_second(speech):
    async with RecognisingEars(Early()) as ears:
        feed(ears, "ann", 0, speech)
        started, *told, ended, _ = await take(ears, 3, going_on=True)
    steps = np.diff([started.start_sample, *(one.at_sample for one in told), ended.decided_sample])
    assert set(steps[1:-1]) == {1536} and steps[-1] <= 1536
    assert all(one.start_sample == started.start_sample for one in told)
    assert all(before.voiced_samples <= after.voiced_samples for before, after in itertools.pairwise(told))
    voiced = [one for one in told if one.at_sample <= ended.end_sample - RATE_HZ // 5]
    assert max(one.silent_samples for one in voiced) < RATE_HZ // 5
    assert told[-1].silent_samples == told[-1].at_sample - ended.end_sample
    assert told[-1].voiced_samples > 0.8 * (ended.end_sample - ended.start_sample)
    fed = told[-1].at_sample - (started.start_sample - PREROLL_SAMPLES)
    assert fed - WINDOW <= int(told[-1].text.removesuffix(" so far")) <= fed


async def test_a_recogniser_that_tells_nothing_early_leaves_the_words_empty(speech):
    async with RecognisingEars(Counting()) as ears:
        feed(ears, "ann", 0, speech)
        events = await take(ears, 3, going_on=True)
    assert {one.text for one in events if isinstance(one, SpeechGoesOn)} == {""}


async def test_a_stream_that_falls_silent_by_sending_nothing_is_ended(speech):
    cut = int(np.flatnonzero(np.abs(speech.astype(int)) > 600)[-1])
    async with RecognisingEars(Counting()) as ears:
        feed(ears, "ann", 0, speech[:cut])
        events = await take(ears, 3)
    assert isinstance(events[1], SpeechEnded) and abs(events[1].end_sample - cut) < RATE_HZ * 0.1


class Slow(Counting):
    """Takes so long over each piece that the stream would seem to have stopped sending."""

    def __init__(self, clock: HandClock) -> None:
        super().__init__()
        self._clock = clock

    async def feed(self, stream: str, pcm: np.ndarray) -> None:
        await super().feed(stream, pcm)
        self._clock.advance(0.3)


async def test_sound_that_waits_for_a_slow_recogniser_is_not_late(speech):
    clock = HandClock()
    async with RecognisingEars(Slow(clock), clock=clock) as ears:
        feed(ears, "ann", 0, speech)
        started, ended, utterance = await take(ears, 3)
    assert isinstance(ended, SpeechEnded) and isinstance(utterance, Utterance)
    assert ended.end_sample - started.start_sample > RATE_HZ, "a sentence was cut while its sound was waiting"


async def test_a_long_gap_in_the_positions_is_silence(speech):
    cut = int(np.flatnonzero(np.abs(speech.astype(int)) > 600)[-1])
    async with RecognisingEars(Counting()) as ears:
        feed(ears, "ann", 0, speech[:cut])
        feed(ears, "ann", 20 * RATE_HZ, speech)
        events = await take(ears, 5)
    starts = [event.start_sample for event in events if isinstance(event, SpeechStarted)]
    assert len(starts) == 2 and starts[1] > 20 * RATE_HZ


async def test_two_people_at_once_are_two_utterances(speech):
    async with RecognisingEars(Counting()) as ears:
        for at in range(0, len(speech), 320):
            ears.feed("ann", at, speech[at : at + 320])
            ears.feed("ben", at, speech[at : at + 320])
        events = await take(ears, 6)
    assert {event.stream for event in events if isinstance(event, Utterance)} == {"ann", "ben"}


async def test_silence_and_noise_are_nobody():
    noise = np.random.default_rng(7).normal(0, 300, 3 * RATE_HZ).astype(np.int16)
    async with RecognisingEars(Counting()) as ears:
        feed(ears, "ann", 0, np.zeros(3 * RATE_HZ, np.int16))
        feed(ears, "ann", 3 * RATE_HZ, noise)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.7):
                await take(ears, 1)


async def test_a_recogniser_that_is_gone_ends_the_events_with_its_error(speech):
    async with RecognisingEars(Counting(fails=True)) as ears:
        feed(ears, "ann", 0, speech)
        with pytest.raises(HearingError):
            await take(ears, 3)


class Breaking(Counting):
    async def start(self, stream: str, start_sample: int) -> None:
        raise RuntimeError("a fault nobody thought of")


async def test_ears_that_break_end_the_events_and_do_not_seem_to_listen(speech):
    async with RecognisingEars(Breaking()) as ears:
        feed(ears, "ann", 0, speech)
        with pytest.raises(HearingError, match="RuntimeError"):
            await take(ears, 3)


def test_sound_that_waits_too_long_is_dropped_and_counted():
    ears = RecognisingEars(Counting())
    for number in range(QUEUE_CHUNKS + 5):
        ears.feed("a", number * 320, np.zeros(320, np.int16))
    assert ears.dropped_s == pytest.approx(5 * 0.02)


PIECE = st.tuples(st.integers(0, 2 * MAX_STREAMS), st.integers(0, 3 * RATE_HZ), st.integers(0, 700))


@pytest.mark.slow
@pytest.mark.parallel
@settings(max_examples=12, deadline=None)
@given(pieces=st.lists(PIECE, max_size=100))
def test_sound_in_any_order_from_anyone_never_breaks_the_ears(pieces, speech):
    """Late, doubled, out of order, of any length, from more streams than are kept."""
    noise = np.random.default_rng(1).normal(0, 3000, 700).astype(np.int16)

    async def play() -> list[HearingEvent]:
        clock = HandClock()
        async with RecognisingEars(Counting(), clock=clock) as ears:
            for number, start, length in pieces:
                ears.feed(f"person {number}", start, noise[:length])
                clock.advance(0.02)
                await asyncio.sleep(0)
            feed(ears, "ann", 0, speech)
            assert ears.streams_kept <= MAX_STREAMS
            return await take(ears, 1)

    assert any(isinstance(event, SpeechStarted) for event in asyncio.run(play()))
