"""How much of scripted conversations the loop of diarization gets wrong, counted by pyannote.metrics: no collar,
overlap scored. The model is the scripted one, so this is what the loop itself loses: latency, following, labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from bot.hearing.base import RATE_HZ
from bot.hearing.diarization.base import DiarizationEvent
from bot.hearing.diarization.scripted import Said, ScriptedVoices
from bot.hearing.diarization.stream import DiarizationStream
from bot.hearing.diarization.window import HOP
from tests.bot.hearing.pyannote_parts import needs_pyannote
from tests.bot.hearing.spans import standing
from tests.bot.hearing.voices import centres, conversation

pytestmark = [pytest.mark.slow, pytest.mark.parallel, needs_pyannote]

TALKS = {  # speakers, turns, seed, how often the next one begins early
    "three": (3, 40, 11, 0.25),
    "four, much overlap": (4, 40, 12, 0.6),
    "five": (5, 50, 13, 0.25),
}


def diarized(script: Sequence[Said], speakers: int, *, hops: int = 1) -> list[DiarizationEvent]:
    stream = DiarizationStream(ScriptedVoices(script, centres(speakers, distance=0.8), seed=1))
    told: list[DiarizationEvent] = []
    for number in range(int((script[-1].end_s + 6) * 2 / hops)):
        told += stream.feed(number * hops * HOP, np.full(hops * HOP, 1000, np.int16))
    return told


def error_of(script: Sequence[Said], told: Sequence[DiarizationEvent]) -> dict[str, float]:
    from pyannote.core import Annotation, Segment
    from pyannote.metrics.diarization import DiarizationErrorRate

    truth, found = Annotation(), Annotation()
    for number, said in enumerate(script):
        truth[Segment(said.start_s, said.end_s), number] = str(said.who)
    for span in standing(told).values():
        found[Segment(span.start_sample / RATE_HZ, span.end_sample / RATE_HZ), span.span] = span.speaker
    counted: dict[str, Any] = DiarizationErrorRate(collar=0.0, skip_overlap=False)(truth, found, detailed=True)
    return {name: round(float(value), 4) for name, value in counted.items()}


@pytest.mark.parametrize("talk", TALKS)
@pytest.mark.parametrize("hops", [1, 4])
def test_less_than_a_twentieth_is_wrong_and_next_to_nothing_is_given_to_another(talk: str, hops: int) -> None:
    speakers, turns, seed, overlap = TALKS[talk]
    script = conversation(speakers, turns, seed=seed, overlap=overlap)
    error = error_of(script, diarized(script, speakers, hops=hops))
    print(talk, hops, error)
    assert error["diarization error rate"] < 0.05
    assert error["confusion"] / error["total"] < 0.005


def test_the_measure_notices_labels_that_are_swapped() -> None:
    script = [Said(who=number % 2, start_s=5 * number, end_s=5 * number + 4) for number in range(8)]
    one = [Said(who=0, start_s=said.start_s, end_s=said.end_s) for said in script]
    assert error_of(script, diarized(one, 1))["diarization error rate"] > 0.3
