"""Who is in the meeting and when the bot's stay ends. Pure bookkeeping over a clock; knows no connector."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from bot.clock import Clock

# A person's word dominates what happens by itself: a user's stop while the meeting ends is still a user's stop.
_RANK = {"killed": 3, "asked_by_user": 2, "said_goodbye": 2, "removed_by_host": 2, "host_shutdown": 1}


class Stay:
    """The reason to end, set once or overruled by a stronger one; codes are those of `outcome.REASONS`."""

    def __init__(self) -> None:
        self.reason: str | None = None
        self._over = asyncio.Event()

    def end(self, reason: str) -> None:
        if self.reason is None or _RANK.get(reason, 0) > _RANK.get(self.reason, 0):
            self.reason = reason
        self._over.set()

    async def over(self) -> str:
        await self._over.wait()
        assert self.reason is not None
        return self.reason


@dataclass(frozen=True, kw_only=True, slots=True)
class Participant:
    participant: str
    name: str  # untrusted


class Roster:
    """The others in the meeting; the bot itself is never in it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._present: dict[str, Participant] = {}
        self._known: dict[str, Participant] = {}
        self._alone_since_s: float | None = None
        self.own: str | None = None

    def joined(self, participant: str, name: str, *, is_self: bool) -> None:
        if is_self:
            self.own = participant
            return
        someone = Participant(participant=participant, name=name)
        self._present[participant] = self._known[participant] = someone
        self._alone_since_s = None

    def left(self, participant: str) -> None:
        self._present.pop(participant, None)
        if not self._present:
            self._alone_since_s = self._clock.monotonic_s()

    def name_of(self, participant: str) -> str:
        """The name of someone who is or was here, "Speaker A" for a voice; "Someone" for an unknown one."""
        known = self._known.get(participant)
        voice = participant.removeprefix("speaker-")
        return known.name if known else (f"Speaker {voice}" if voice != participant else "Someone")

    @property
    def others(self) -> tuple[Participant, ...]:
        return tuple(self._present.values())

    @property
    def anyone_came(self) -> bool:
        return bool(self._known)

    @property
    def alone_s(self) -> float:
        """Since the last other person left; 0 while someone is here or nobody has come yet."""
        return 0.0 if self._alone_since_s is None else self._clock.monotonic_s() - self._alone_since_s
