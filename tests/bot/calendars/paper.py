"""Bots on paper: what a plan says is done to them at once, in no database. Time stands still, so none is claimed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import count

from bot.calendars.decide import decide
from bot.calendars.model import SAME_START, Event, Subscriber, Want
from bot.calendars.plan import Do, Stand, Standing, plan
from bot.domain.lifecycle import BotState
from tests.bot.calendars.desk import ALL, minutes
from tests.bot.stores import NOW


@dataclass
class Paper:
    standings: dict[str, Standing] = field(default_factory=dict)
    numbers: count[int] = field(default_factory=count)

    def look(self, events: Sequence[Event]) -> None:
        wants, _ = decide([Subscriber(event=one, rules=ALL) for one in events], NOW)
        for step in plan(wants, list(self.standings.values()), NOW):
            known = step.standing.id if step.standing else str(next(self.numbers))
            if step.do in (Do.DROP, Do.WITHDRAW, Do.REPLACE):
                self.standings.pop(known, None)
            if step.want is not None and step.do in (Do.SPAWN, Do.REPLACE, Do.RETIME, Do.KEEP):
                self.standings[known] = self._booked(known, step.want)

    def _booked(self, known: str, want: Want) -> Standing:
        holder = next((one for one in self.standings.values() if one.id != known and _is_near(one, want)), None)
        assert holder is None, "two bots in one meeting"
        made = Standing(
            id=known, room=want.room, start=want.start, end=want.end, identities=want.identities, stand=Stand.BOOKED
        )
        bot = {"bot_id": known, "bot_state": BotState.SCHEDULED, "bot_join_at": want.start}
        return replace(made, **bot, bot_url=want.url, bot_room=want.room)

    def goes(self) -> list[tuple[int, float]]:
        return sorted((int(one.room[5:]), minutes(one.bot_join_at or datetime.max)) for one in self.standings.values())


def _is_near(one: Standing, want: Want) -> bool:
    return one.room == want.room and abs(one.start - want.start) <= SAME_START
