"""What reaches the recogniser and what comes back, with recognisers that are slow in each way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import numpy as np
import pytest

from bot.hearing.asking import LONGEST_QUEUE_SAMPLES, SLOW_IN_A_ROW, Asking
from bot.hearing.base import RATE_HZ, HearingError, Recognised, RecogniserSlow, Utterance
from bot.hearing.vad import Finished
from bot.meeting.outcome import FAILURES
from tests.bot.clocks import HandClock
from tests.bot.hearing.doubles import Counting, Early
from tests.polling import eventually

SECOND = np.ones(RATE_HZ, np.int16)


class Held(Early):
    """Answers a stream when it is let go; `slow` streams are never answered in time."""

    def __init__(self) -> None:
        super().__init__()
        self.slow: set[str] = set()
        self.gates: dict[str, asyncio.Event] = {}
        self.takes = asyncio.Event()
        self.takes.set()

    async def feed(self, stream: str, pcm: np.ndarray) -> None:
        await self.takes.wait()
        await super().feed(stream, pcm)

    async def finish(self, stream: str) -> Recognised:
        words = await super().finish(stream)
        if stream in self.slow:
            raise RecogniserSlow("no answer within 10 s")
        if gate := self.gates.pop(stream, None):
            await gate.wait()
        return words


class Told:
    def __init__(self) -> None:
        self.utterances: list[Utterance] = []
        self.failures: list[HearingError] = []

    def texts(self, stream: str) -> list[str]:
        return [one.text for one in self.utterances if one.stream == stream]

    def count(self, wanted: int) -> Callable[[], bool]:
        return lambda: len(self.utterances) == wanted


@asynccontextmanager
async def asked(recogniser: Counting) -> AsyncIterator[tuple[Asking, Told]]:
    told = Told()
    asking = Asking(recogniser, tell=told.utterances.append, fail=told.failures.append, clock=HandClock())
    asking.start()
    try:
        yield asking, told
    finally:
        await asking.aclose()


def stretch(asking: Asking, stream: str, seconds: int = 1) -> None:
    asking.begin(stream, 0)
    for _ in range(seconds):
        asking.sound(stream, SECOND)
    end = Finished(start_sample=0, end_sample=seconds * RATE_HZ, decided_sample=seconds * RATE_HZ)
    asking.end(stream, end)


async def test_words_that_take_long_hold_up_nobody_else():
    recogniser = Held()
    recogniser.gates["ann"] = asyncio.Event()
    async with asked(recogniser) as (asking, told):
        stretch(asking, "ann")
        stretch(asking, "ben")
        await eventually(told.count(1))
        assert told.texts("ben") == [str(RATE_HZ)]


async def test_the_words_of_one_person_come_in_the_order_they_were_said():
    recogniser = Held()
    recogniser.gates["ann"] = first = asyncio.Event()
    async with asked(recogniser) as (asking, told):
        stretch(asking, "ann", 1)
        await eventually(lambda: not recogniser.gates)
        stretch(asking, "ann", 2)
        stretch(asking, "ben")
        await eventually(told.count(1))
        first.set()
        await eventually(told.count(3))
        assert told.texts("ann") == [str(RATE_HZ), str(2 * RATE_HZ)]


async def test_a_stretch_without_an_answer_has_no_words_and_the_next_has():
    recogniser = Held()
    recogniser.slow.add("ann")
    async with asked(recogniser) as (asking, told):
        for _ in range(SLOW_IN_A_ROW - 1):
            stretch(asking, "ann")
        stretch(asking, "ben")
        stretch(asking, "ann")
        await eventually(told.count(SLOW_IN_A_ROW + 1))
        assert set(told.texts("ann")) == {""} and told.texts("ben") == [str(RATE_HZ)]
        assert not told.failures


async def test_a_recogniser_that_answers_nobody_any_more_has_failed():
    recogniser = Held()
    recogniser.slow.add("ann")
    async with asked(recogniser) as (asking, told):
        for _ in range(SLOW_IN_A_ROW):
            stretch(asking, "ann")
        await eventually(lambda: bool(told.failures))
        assert told.failures[0].code in FAILURES, "the bot's end says what it was"


async def test_one_that_takes_no_sound_loses_what_it_cannot_keep_and_nothing_waits():
    recogniser = Held()
    recogniser.takes.clear()
    async with asked(recogniser) as (asking, told):
        stretch(asking, "ann", LONGEST_QUEUE_SAMPLES // RATE_HZ + 5)
        assert asking.lost_s == 5
        recogniser.takes.set()
        await eventually(told.count(1))
        assert told.texts("ann") == [str(LONGEST_QUEUE_SAMPLES)]


async def test_early_words_are_never_those_of_the_stretch_before():
    recogniser = Held()
    async with asked(recogniser) as (asking, _told):
        asking.begin("ann", 0)
        asking.sound("ann", SECOND)
        await eventually(lambda: asking.so_far("ann") == f"{RATE_HZ} so far")
        asking.begin("ann", RATE_HZ)
        assert asking.so_far("ann") == ""


@pytest.mark.parametrize("error", [RuntimeError("unthought of"), HearingError("gone")])
async def test_whatever_breaks_is_told(error: Exception):
    class Breaking(Counting):
        async def finish(self, stream: str) -> Recognised:
            raise error

    async with asked(Breaking()) as (asking, told):
        stretch(asking, "ann")
        await eventually(lambda: bool(told.failures))
        assert isinstance(told.failures[0], HearingError)
