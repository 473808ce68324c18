"""What an installation counts of itself, as tables: name, meaning, labels, bounds. Pure; knows no database.

A figure is a counter or a histogram; its labels have few values, all of them words of this product and none of them a
person's. Names carry neither prefix nor unit's ending; whoever shows them adds those.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.domain.lifecycle import TERMINAL, BotState

_WORD = re.compile(r"[a-z0-9][a-z0-9_.-]{0,47}")
OTHER = "other"
NO_BOUND = "+Inf"

_LATENCY = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.2, 3.0, 5.0, 10.0)
_STAGE = (0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.2, 3.0, 5.0, 10.0)
_OVERHEAD = (0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.2, 0.3, 0.5, 1.0)
_SILENCE = (0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.8, 1.2, 2.0)
_JOINING = (2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0)
_STAY = (60.0, 300.0, 600.0, 900.0, 1800.0, 2700.0, 3600.0, 5400.0, 7200.0, 14400.0)
_PROCESSOR = (10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 2400.0, 3600.0, 7200.0, 14400.0)
_OFFSET = (-0.3, -0.185, -0.125, -0.09, -0.045, 0.0, 0.045, 0.09, 0.185, 0.3)  # those of ITU-R BT.1359-1 among them


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """`bounds` empty: a counter; else the upper bounds of a histogram's buckets, in seconds."""

    name: str
    meaning: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Observation:
    """A counter goes up by `value`; a histogram has seen it. `labels` in the order of the figure's."""

    figure: str
    labels: tuple[str, ...] = ()
    value: float = 1.0


FIGURES: dict[str, Figure] = {
    figure.name: figure
    for figure in (
        Figure(name="turns", meaning="What was decided about each remark, and why", labels=("decision", "reason")),
        Figure(name="turn_latency", meaning="End of a question to the first audible sample", bounds=_LATENCY),
        Figure(name="turn_frame_latency", meaning="End of a question to the first speaking frame", bounds=_LATENCY),
        Figure(name="turn_stage", meaning="What each stage of a turn took", labels=("stage",), bounds=_STAGE),
        Figure(name="turn_overhead", meaning="Time of a turn outside the models", bounds=_OVERHEAD),
        Figure(name="turn_wait_for_frame", meaning="Speech waiting for its turn on the device", bounds=_OVERHEAD),
        Figure(name="silence", meaning="Interruption to silence, by its beginning", labels=("since",), bounds=_SILENCE),
        Figure(name="av_offset", meaning="Sound against picture at the device, + is sound early", bounds=_OFFSET),
        Figure(name="interruptions", meaning="What was not heard to its end, by what it was", labels=("kind",)),
        Figure(name="characters", meaning="Of what was to be said: generated, and heard", labels=("part",)),
        Figure(name="frames", meaning="Of the bot's picture: shown, or too late and dropped", labels=("outcome",)),
        Figure(name="launches", meaning="Attempts to run a bot"),
        Figure(name="joins", meaning="Bots that were let into their meeting"),
        Figure(name="join_delay", meaning="From the time a bot was to join until it was let in", bounds=_JOINING),
        Figure(name="refusals", meaning="Bots that were not let into their meeting, by cause", labels=("cause",)),
        Figure(name="page_rules", meaning="What pages and their controls were known by, joining", labels=("rule",)),
        Figure(name="bot_stay", meaning="What one bot spent in its meeting", bounds=_STAY),
        Figure(name="bot_cpu", meaning="Processor time of one run of a bot, all its processes", bounds=_PROCESSOR),
        Figure(name="bots_over", meaning="Bots that came to a final state", labels=("state", "code")),
        Figure(name="audio_dropped_seconds", meaning="Sound of meetings that nobody could listen to in time"),
        Figure(name="silence_filled_seconds", meaning="Silence sent because no block was ready"),
        Figure(
            name="calendar_notices_forged",
            meaning="Messages to a calendar's address without the secret of a channel",
            labels=("provider",),
        ),
    )
}

_TIMES: tuple[tuple[str, tuple[str, ...], Callable[[Mapping[str, Any]], Any]], ...] = (  # milliseconds of a record
    ("turn_latency", (), lambda record: record.get("latency_device_ms")),
    ("turn_frame_latency", (), lambda record: record.get("first_frame_device_ms")),
    ("turn_overhead", (), lambda record: record.get("overhead_ms")),
    ("turn_wait_for_frame", (), lambda record: record.get("wait_for_frame_ms")),
    ("av_offset", (), lambda record: record.get("av_offset_device_ms")),
    ("silence", ("decided",), lambda record: (record.get("interruption") or {}).get("decided_to_silence_ms")),
    ("silence", ("onset",), lambda record: (record.get("interruption") or {}).get("onset_to_silence_ms")),
)


def of_turn(record: Mapping[str, Any]) -> Iterator[Observation]:
    """What one turn record adds."""
    yield Observation(
        figure="turns", labels=(word(record.get("decision")), word(record.get("because") or record.get("kind")))
    )
    if record.get("interrupted"):
        yield Observation(figure="interruptions", labels=(word(record.get("kind")),))
    for part in ("generated", "heard"):
        if record.get(f"{part}_characters"):
            yield Observation(figure="characters", labels=(part,), value=record[f"{part}_characters"])
    for figure, labels, of in _TIMES:
        value_ms = of(record)
        if value_ms is not None:
            yield Observation(figure=figure, labels=labels, value=value_ms / 1000)
    for stage, took_ms in (record.get("stages_ms") or {}).items():
        yield Observation(figure="turn_stage", labels=(word(stage),), value=took_ms / 1000)


def of_move(
    code: str | None, *, came_from: BotState, to: BotState, join_at: datetime, joined_at: datetime | None, at: datetime
) -> Iterator[Observation]:
    """What a bot's change of state adds; `code` is why it is in the new one."""
    if to is BotState.STARTING:
        yield Observation(figure="launches")
    if to is BotState.IN_CALL:
        yield Observation(figure="joins")
        yield Observation(figure="join_delay", value=max(0.0, (at - join_at).total_seconds()))
    if to in TERMINAL and came_from not in TERMINAL:
        yield Observation(figure="bots_over", labels=(to.value, word(code)))
        if joined_at is not None:
            yield Observation(figure="bot_stay", value=max(0.0, (at - joined_at).total_seconds()))


def bucket(figure: Figure, value: float) -> str:
    """The bucket of a histogram that `value` falls into, named by its upper bound."""
    at = bisect_left(figure.bounds, value)
    return bound_name(figure.bounds[at]) if at < len(figure.bounds) else NO_BOUND


def bound_name(bound: float) -> str:
    return repr(float(bound))


def word(text: object) -> str:
    """A label's value: a word of ours, or "other", so that nothing from outside makes a series."""
    return text if isinstance(text, str) and _WORD.fullmatch(text) else OTHER
