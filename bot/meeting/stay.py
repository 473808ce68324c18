"""Who is in the meeting, since when it is quiet, and when the bot's stay ends. Pure bookkeeping over a clock; drives no
connector. The rules themselves are `bot.domain.leave_rules`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from bot.clock import Clock
from bot.domain.leave_rules import Snapshot, stronger
from bot.domain.naming import DISCLOSURE
from bot.meeting.newest import Newest
from connectors.base import Evidence

AT_ONCE = ("killed", "consent_ended")  # no word more, and the neutral picture
KNOWN = 1000  # people whose name is remembered when they have left


class Stay:
    """The reason to end, set once or overruled by a stronger one; codes are those of `outcome.REASONS`."""

    def __init__(self) -> None:
        self.reason: str | None = None
        self._told: set[str] = set()
        self._seen: dict[str, Evidence] = {}
        self._over, self._silenced = asyncio.Event(), asyncio.Event()

    def end(self, reason: str, *, evidence: Evidence | None = None) -> None:
        if evidence is not None:
            self._seen.setdefault(reason, evidence)
        if stronger(reason, self.reason):
            self.reason = reason
        self._told.add(reason)
        self._over.set()
        if reason in AT_ONCE:
            self._silenced.set()

    @property
    def told(self) -> frozenset[str]:
        """Every reason that was given, the overruled ones too."""
        return frozenset(self._told)

    @property
    def evidence(self) -> Evidence | None:
        """What was on the screen, where the meeting's page gave the reason that stands."""
        return self._seen.get(self.reason or "")

    async def over(self) -> str:
        await self._over.wait()
        assert self.reason is not None
        return self.reason

    @property
    def faceless(self) -> bool:
        """The character's face may not be shown any more."""
        return "consent_ended" in self._told

    async def silenced(self) -> None:
        """Returns when the bot is to be neither heard nor seen any more: the kill switch is used or the consent to its
        face ends, also of a stay that is over."""
        await self._silenced.wait()


@dataclass(frozen=True, kw_only=True, slots=True)
class Participant:
    participant: str
    name: str  # untrusted


class Roster:
    """The others in the meeting; the bot itself is never in it. Other bots of this installation are among `others`
    and not company: with them alone the bot is alone. Whom the page shows and does not name is company, and counted:
    that is known of them alone, so nothing is taken for the word of the only one here while there are such."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._present: dict[str, Participant] = {}
        self._known: Newest[str, Participant] = Newest(KNOWN, stays=lambda one: one in self._present)
        self._bots: set[str] = set()
        self.unnamed = 0
        self._unnamed_came = False
        self._entered_s: float | None = None
        self._outside = False
        self._alone_since_s: float | None = None
        self._last_sign_s = 0.0
        self.own: str | None = None

    def entered(self) -> None:
        """The bot is in the call: from now on time counts."""
        self._entered_s = self._last_sign_s = self._clock.monotonic_s()

    def sent_out(self) -> None:
        """Back to the lobby: nobody is there, and that is no reason to leave."""
        self._outside = True

    def back(self) -> None:
        if self._outside:
            self._outside = False
            self._last_sign_s = self._clock.monotonic_s()
            self._alone_since_s = None
            self._count()

    def joined(self, participant: str, name: str, *, is_self: bool) -> None:
        if is_self:
            self.own = participant
            return
        someone = Participant(participant=participant, name=name)
        self._present[participant] = someone
        self._known[participant] = someone
        self.spoke(participant)
        self._count()

    def renamed(self, participant: str, name: str) -> None:
        """From now on; a bot of this installation stays one, whatever a host calls it."""
        if participant in self._present:
            self._present[participant] = self._known[participant] = Participant(participant=participant, name=name)

    def left(self, participant: str) -> None:
        self._present.pop(participant, None)
        self._count()

    def others_are(self, unnamed: int) -> None:
        """So many are here besides those who have joined and not left."""
        if unnamed > self.unnamed:
            self._unnamed_came = True
            self.spoke()
        self.unnamed = unnamed
        self._count()

    def spoke(self, participant: str | None = None) -> None:
        """A sign of life: someone speaks, writes or comes. The bot's own does not count."""
        if participant is None or participant != self.own:
            self._last_sign_s = self._clock.monotonic_s()

    def bots_are(self, names: Mapping[str, int]) -> None:
        """The names this installation gave to other bots in this meeting, each with how many carry it: as many of
        that name are no people, and stay none. Nobody is taken for a bot for what they call themselves."""
        for name, count in names.items():
            here = [one.participant for one in self._present.values() if one.name == name]
            unknown = [participant for participant in here if participant not in self._bots]
            self._bots.update(unknown[: max(0, count - (len(here) - len(unknown)))])
        self._count()

    def _count(self) -> None:
        self._bots &= self._known.keys()
        if self.people:
            self._alone_since_s = None
        elif self._people_came and self._alone_since_s is None:
            self._alone_since_s = self._clock.monotonic_s()
        elif not self._people_came:
            self._alone_since_s = None

    def name_of(self, participant: str) -> str:
        """The name of someone who is or was here, "Speaker A" for a voice; "Someone" for an unknown one, or one without
        a name."""
        known = self._known.get(participant)
        voice = participant.removeprefix("speaker-")
        return (known.name or "Someone") if known else (f"Speaker {voice}" if voice != participant else "Someone")

    @property
    def others(self) -> tuple[Participant, ...]:
        return tuple(self._present.values())

    def is_bot(self, participant: str, *, name: str = "") -> bool:
        """Is it this bot, or another one of this installation? By name where a participant is not known."""
        if participant:
            return participant == self.own or participant in self._bots
        return any(one.name == name for one in self._present.values() if one.participant in self._bots)

    @property
    def only(self) -> Participant | None:
        """The only other one here, where it is known that there is one alone."""
        return next(iter(self._present.values())) if len(self._present) == 1 and not self.unnamed else None

    @property
    def people(self) -> int:
        return len(self._present.keys() - self._bots) + self.unnamed

    @property
    def may_be_bots(self) -> bool:
        """Does anyone here carry a name such as we give?"""
        return any(DISCLOSURE in one.name for one in self._present.values())

    @property
    def _people_came(self) -> bool:
        return self._unnamed_came or bool(self._known.keys() - self._bots)

    def snapshot(self, told: frozenset[str]) -> Snapshot:
        """How it stands, for the rules. Before the call nothing but being told counts."""
        if self._entered_s is None:
            return Snapshot(told=told)
        now_s = self._clock.monotonic_s()
        in_call_s = now_s - self._entered_s
        if self._outside:
            return Snapshot(told=told, in_call_s=in_call_s)
        return Snapshot(
            told=told,
            alone_s=0.0 if self._alone_since_s is None else now_s - self._alone_since_s,
            unattended_s=0.0 if self._people_came else in_call_s,
            silent_s=now_s - self._last_sign_s if self.people else 0.0,
            in_call_s=in_call_s,
        )
