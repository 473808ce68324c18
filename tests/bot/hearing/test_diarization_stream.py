"""The loop of diarization on a model that knows the truth: what is told of conversations, and how it is corrected."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from bot.hearing.base import RATE_HZ
from bot.hearing.diarization.base import DiarizationEvent, Frontier, SpeakerSpan, Withdrawn
from bot.hearing.diarization.scripted import Said, ScriptedVoices
from bot.hearing.diarization.stream import DiarizationStream
from bot.hearing.diarization.window import HOP, Embeddings, Weights, Window
from bot.hearing.diarization.wire import from_json, to_json
from tests.bot.hearing.spans import standing
from tests.bot.hearing.voices import centres, conversation

SOUND = np.full(HOP, 1000, np.int16)  # what the scripted model does not listen to


def stream_of(script: Sequence[Said], *, speakers: int, seed: int = 0) -> DiarizationStream:
    return DiarizationStream(ScriptedVoices(script, centres(speakers, distance=0.9, seed=seed), seed=seed))


def listen(stream: DiarizationStream, seconds: float, *, hops: int = 1) -> list[DiarizationEvent]:
    told: list[DiarizationEvent] = []
    for number in range(round(2 * seconds / hops)):
        told += stream.feed(number * hops * HOP, np.tile(SOUND, hops))
    return told


def spans_of(told: Sequence[DiarizationEvent]) -> list[tuple[str, float, float]]:
    return [
        (span.speaker, round(span.start_sample / RATE_HZ, 1), round(span.end_sample / RATE_HZ, 1))
        for span in sorted(standing(told).values(), key=lambda span: span.start_sample)
    ]


TWO = [Said(who=0, start_s=1, end_s=4), Said(who=1, start_s=4.5, end_s=8), Said(who=0, start_s=16, end_s=18)]


def test_turns_are_told_with_who_spoke_and_a_returning_voice_keeps_its_label() -> None:
    told = spans_of(listen(stream_of(TWO, speakers=2), 24))
    assert [label for label, _, _ in told] == ["A", "B", "A"]
    for (_, start_s, end_s), said in zip(told, TWO, strict=True):
        assert abs(start_s - said.start_s) <= 0.15 and abs(end_s - said.end_s) <= 0.15


def test_voices_that_overlap_are_told_as_spans_that_overlap() -> None:
    script = [Said(who=0, start_s=1, end_s=7), Said(who=1, start_s=4, end_s=10)]
    (first, _, first_end), (second, second_start, _) = spans_of(listen(stream_of(script, speakers=2), 15))
    assert first != second and second_start < first_end - 2


def test_the_frontier_never_goes_back_and_stays_a_second_and_a_half_behind() -> None:
    stream = stream_of(TWO, speakers=2)
    last = 0
    for number in range(40):
        frontiers = [one for one in stream.feed(number * HOP, SOUND) if isinstance(one, Frontier)]
        assert len(frontiers) == 1 and frontiers[0].sample >= last
        last = frontiers[0].sample
        assert (number + 1) * HOP - last <= 3 * RATE_HZ
    assert last == 40 * HOP - RATE_HZ


def test_what_the_frontier_has_passed_is_only_corrected_never_added_to() -> None:
    frontier, stood = 0, {}
    for event in listen(stream_of(conversation(3, 20, seed=3), speakers=3), 80):
        if isinstance(event, Frontier):
            frontier = event.sample
        elif isinstance(event, SpeakerSpan):
            corrected = [stood.pop(number) for number in event.supersedes]
            stood[event.span] = event
            assert corrected or event.end_sample > frontier
            assert event.start_sample < event.end_sample and 0.0 <= event.confidence <= 1.0


def test_fed_slowly_or_many_windows_at_once_the_same_voices_are_told() -> None:
    script = conversation(3, 12, seed=5, pause_s=1.0)
    slow, fast = (spans_of(listen(stream_of(script, speakers=3), 60, hops=hops)) for hops in (1, 6))
    names: dict[str, str] = {}
    assert len(slow) == len(fast) >= 10
    for (one, _, _), (other, _, _) in zip(slow, fast, strict=True):
        assert names.setdefault(one, other) == other
    assert len(names) == len(set(names.values())) == 3


def test_windows_left_out_are_counted_and_their_sound_is_heard_all_the_same() -> None:
    stream = stream_of(TWO, speakers=2)
    told = listen(stream, 24, hops=4)
    assert stream.counts.windows == 12 and stream.counts.windows_skipped == 36
    assert [label for label, _, _ in spans_of(told)] == ["A", "B", "A"]
    assert stream.counts.dropped_samples == 0


def test_a_long_gap_is_silence_that_costs_nothing() -> None:
    later = [Said(who=0, start_s=1, end_s=4), Said(who=0, start_s=1001, end_s=1004)]
    stream = stream_of(later, speakers=1)
    told = listen(stream, 5)
    looked = stream.counts.windows
    for number in range(16):
        told += stream.feed((1000 * 2 + number) * HOP, SOUND)
    assert spans_of(told)[0][0] == spans_of(told)[1][0] == "A"
    assert abs(spans_of(told)[0][2] - 4) <= 0.15 and abs(spans_of(told)[1][1] - 1001) <= 0.15
    assert stream.counts.windows - looked < 22


def test_silence_is_not_shown_to_the_model() -> None:
    stream = stream_of(TWO, speakers=2)
    for number in range(20):
        stream.feed(number * HOP, np.zeros(HOP, np.int16))
    assert stream.counts.windows == 0


def test_embeddings_are_bounded_by_one_pass_a_second() -> None:
    stream = stream_of(conversation(5, 30, seed=1, overlap=0.7, pause_s=1.0), speakers=5)
    listen(stream, 60)
    assert 10 < stream.counts.embeddings <= 60


class Turncoat(ScriptedVoices):
    """Its first embeddings of the second voice are those of the first."""

    passes = 0

    def embeddings(self, window: Window, weights: Weights) -> Embeddings:
        found = super().embeddings(window, weights)
        self.passes += 1
        return self._centres[[0] * len(found)] if self.passes == 3 else found


def test_a_label_that_was_wrong_is_corrected_by_a_span_that_supersedes_it() -> None:
    script = [Said(who=0, start_s=0, end_s=4), Said(who=1, start_s=20, end_s=34)]
    told = listen(DiarizationStream(Turncoat(script, centres(2, distance=0.9))), 40)
    late = [event for event in told if isinstance(event, SpeakerSpan) and event.start_sample > 19 * RATE_HZ]
    assert late[0].speaker == "A" and late[-1].speaker == "B"
    assert [label for label, _, _ in spans_of(told)] == ["A", "B"]


@pytest.mark.parametrize(
    "event",
    [
        SpeakerSpan(span=3, speaker="B", start_sample=1, end_sample=9, confidence=0.5, supersedes=(1, 2)),
        Withdrawn(spans=(4,)),
        Frontier(sample=8000, dropped_samples=160),
    ],
)
def test_events_cross_the_pipe_unchanged(event: DiarizationEvent) -> None:
    assert from_json(to_json(event)) == event
