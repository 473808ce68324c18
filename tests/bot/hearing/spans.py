"""What stands after a run of diarization events."""

from __future__ import annotations

from collections.abc import Iterable

from bot.hearing.diarization.base import DiarizationEvent, SpeakerSpan, Withdrawn


def standing(told: Iterable[DiarizationEvent]) -> dict[int, SpeakerSpan]:
    """The spans nothing has superseded. Raises KeyError where one supersedes what was never told."""
    spans: dict[int, SpeakerSpan] = {}
    for event in told:
        if isinstance(event, SpeakerSpan):
            for number in event.supersedes:
                del spans[number]
            assert event.span not in spans
            spans[event.span] = event
        elif isinstance(event, Withdrawn):
            for number in event.spans:
                del spans[number]
    return spans
