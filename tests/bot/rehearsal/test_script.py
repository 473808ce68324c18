"""A conversation with a bot that is a recording and a clock: who speaks when is known to the sample."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import pytest

from bot.rehearsal.measure import Pcm, Span
from bot.rehearsal.questions import Question
from bot.rehearsal.recording import Recording
from bot.rehearsal.script import GOODBYE, MicrophoneSilent, Patience, converse, say_goodbye

RATE_HZ = 24_000
LINE_S = 2.0
START_S = 1000.0
PATIENCE = Patience(settle_s=5.0)


class Room:
    """A clock that only moves when someone sleeps, an asker whose lines take 2 s, and a bot that answers after
    `latencies_s[n]`, or not where that is None; its first line is the notice."""

    def __init__(self, latencies_s: list[float | None], *, muted: bool = False) -> None:
        self.ears = Recording(RATE_HZ)
        self.said: list[str] = []
        self._now_s = START_S
        self._latencies_s = latencies_s[1:]
        self._muted = muted
        self._bot: list[Span] = []
        self._bot_speaks(START_S, latencies_s[0])

    def monotonic_s(self) -> float:
        return self._now_s

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        start_s, self._now_s = self._now_s, self._now_s + seconds
        self.ears.add(self._sound(start_s, self._now_s), arrived_s=self._now_s)

    async def say(self, text: str) -> Span | None:
        self.said.append(text)
        asked = Span(start_s=self._now_s, end_s=self._now_s + LINE_S)
        await self.sleep(LINE_S - 0.5)
        if len(self.said) <= len(self._latencies_s):
            self._bot_speaks(asked.end_s, self._latencies_s[len(self.said) - 1])
        await self.sleep(0.5)
        return None if self._muted else asked

    def _bot_speaks(self, end_s: float, latency_s: float | None) -> None:
        if latency_s is not None:
            self._bot.append(Span(start_s=end_s + latency_s, end_s=end_s + latency_s + 3.0))

    def _sound(self, start_s: float, end_s: float) -> Pcm:
        first, last = round(start_s * RATE_HZ), round(end_s * RATE_HZ)
        at_s = np.arange(first, last) / RATE_HZ
        loud = np.zeros(len(at_s), bool)
        for span in self._bot:
            loud |= (at_s >= span.start_s) & (at_s < span.end_s)
        return np.where(loud, 6000, 0).astype(np.int16)


def questions(count: int) -> list[Question]:
    return [Question(text=f"Question {number}?") for number in range(count)]


async def test_each_question_waits_for_the_answer_before_it() -> None:
    room = Room([1.0, 0.9, 1.4, 0.7])
    turns = await converse(room, questions(3), clock=room, patience=PATIENCE)
    assert room.said == ["Question 0?", "Question 1?", "Question 2?"]
    assert [turn.latency_s for turn in turns] == pytest.approx([0.9, 1.4, 0.7], abs=0.01)
    assert [turn.answered.seconds for turn in turns if turn.answered] == pytest.approx([3.0] * 3, abs=0.01)
    assert all(later.asked.start_s > earlier.answered.end_s for earlier, later in pairwise(turns))


async def test_the_first_question_waits_for_the_notice_and_the_call_to_settle() -> None:
    room = Room([3.0, 1.0])
    turns = await converse(room, questions(1), clock=room, patience=PATIENCE)
    assert turns[0].asked.start_s > START_S + 6.0 + 1.2


async def test_a_question_nobody_answers_is_given_up_and_the_next_is_asked() -> None:
    room = Room([None, None, 1.0])
    turns = await converse(room, questions(2), clock=room, patience=PATIENCE)
    assert turns[0].answered is None and turns[0].latency_s is None
    assert turns[1].latency_s == pytest.approx(1.0, abs=0.01)


async def test_speaking_over_the_question_is_a_negative_latency() -> None:
    room = Room([1.0, -0.4])
    turns = await converse(room, questions(1), clock=room, patience=PATIENCE)
    assert turns[0].latency_s == pytest.approx(-0.4, abs=0.01)


async def test_a_dead_microphone_ends_the_conversation() -> None:
    room = Room([1.0], muted=True)
    with pytest.raises(MicrophoneSilent):
        await converse(room, questions(1), clock=room, patience=PATIENCE)


async def test_a_goodbye_is_heard_out() -> None:
    room = Room([None, 1.0])
    heard = await say_goodbye(room, clock=room, patience=PATIENCE)
    assert room.said == [GOODBYE]
    assert heard is not None and heard.seconds == pytest.approx(3.0, abs=0.01)
    assert room.monotonic_s() >= heard.end_s + 1.2
