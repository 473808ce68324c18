"""Diarization events as JSON objects, between the process that makes them and the bot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from bot.hearing.diarization.base import DiarizationEvent, Frontier, SpeakerSpan, Withdrawn

KINDS: dict[str, Callable[..., DiarizationEvent]] = {
    "speaker": SpeakerSpan,
    "withdrawn": Withdrawn,
    "frontier": Frontier,
}
_NAMES = {SpeakerSpan: "speaker", Withdrawn: "withdrawn", Frontier: "frontier"}


def to_json(event: DiarizationEvent) -> dict[str, Any]:
    return {"kind": _NAMES[type(event)], **asdict(event)}


def from_json(row: dict[str, Any]) -> DiarizationEvent:
    """Raises KeyError, TypeError for what is no event."""
    fields = {name: tuple(value) if isinstance(value, list) else value for name, value in row.items() if name != "kind"}
    return KINDS[row["kind"]](**fields)
