"""What one stay adds to the installation's counters: looked at now and then, so that one that breaks is counted too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from bot.clock import Clock
from bot.meeting.bridge import Bridge
from connectors.base import Connector

COUNT_S = 30.0  # what a bot that is killed leaves uncounted

Key = tuple[str, ...]  # a figure of `bot.domain.figures` and its labels
Totals = Callable[[], Mapping[Key, float]]  # since the stay began


class Count(Protocol):
    def __call__(self, figure: str, value: float, /, *labels: str) -> None: ...


class Tally:
    """Hands on by how much each total has grown since the last look, every half a minute and when it is asked."""

    def __init__(self, count: Count, clock: Clock) -> None:
        self._hand_on, self._clock = count, clock
        self._totals: list[Totals] = []
        self._counted: dict[Key, float] = {}

    def watch(self, totals: Totals) -> None:
        self._totals.append(totals)

    def count(self) -> None:
        for totals in self._totals:
            for key, total in totals().items():
                grown = total - self._counted.get(key, 0.0)
                self._counted[key] = total
                if grown > 0:
                    figure, *labels = key
                    self._hand_on(figure, grown, *labels)

    async def keep(self) -> None:
        while True:
            await self._clock.sleep(COUNT_S)
            self.count()


def page_of(connector: Connector) -> Totals:
    """What the meeting's page was known by."""
    return lambda: {("page_rules", rule): times for rule, times in connector.hits().items()}


def media_of(bridge: Bridge) -> Totals:
    return lambda: {
        ("silence_filled_seconds",): bridge.filled_ms / 1000,
        ("audio_dropped_seconds",): bridge.dropped_s,
        **{("frames", fate): frames for fate, frames in bridge.frames.items()},
    }
