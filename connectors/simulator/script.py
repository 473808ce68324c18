"""What a scripted meeting does to one page as time passes: a table of waits. The clock is the event loop's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from connectors.simulator.rooms import Room, Seat


class Script:
    """For one open page. `cut` takes its network away."""

    def __init__(self, room: Room, seat: Seat, *, cut: Callable[[], None]) -> None:
        self._room, self._seat, self._cut = room, seat, cut
        self._timers: list[asyncio.TimerHandle] = []

    def arrived(self, place: str) -> None:
        """The page has come into the lobby or the call."""
        policy, room, seat = self._room.policy, self._room, self._seat
        waits: tuple[tuple[str, float | None, Callable[[], object]], ...] = (
            ("lobby", policy.lobby_timeout_s, lambda: room.wait_no_longer(seat)),
            ("lobby", policy.admit_after_s, lambda: room.admit(seat.id)),
            ("lobby", policy.deny_after_s, lambda: room.deny(seat.id)),
            ("call", policy.remove_after_s, lambda: room.remove(seat.id)),
            ("call", policy.end_after_s, room.end),
            ("call", policy.over_after_s, lambda: room.end_for(seat)),
            ("call", policy.cut_after_s, self._cut),
        )
        loop = asyncio.get_running_loop()
        self._timers += [
            loop.call_later(wait_s, act) for where, wait_s, act in waits if where == place and wait_s is not None
        ]

    def stop(self) -> None:
        for timer in self._timers:
            timer.cancel()
