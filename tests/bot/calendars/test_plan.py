"""What stands is matched to what is wanted by what they have in common, however many there are."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import replace

from bot.calendars.decide import decide
from bot.calendars.model import Subscriber
from bot.calendars.plan import Do, Stand, Standing, plan
from bot.domain.lifecycle import BotState
from tests.bot.calendars.desk import ALL, event
from tests.bot.stores import NOW

MANY = 300


class Compared(frozenset[str]):
    """Counts how often it is held against another."""

    times = 0

    def __and__(self, other: Set[object]) -> frozenset[str]:
        Compared.times += 1
        return super().__and__(other)


def test_months_of_meetings_are_not_compared_each_with_each() -> None:
    """A plan is made within a transaction that every writer waits for, twice a minute."""
    events = [event(str(number), 60 + 20 * number, room=number % 7 + 1) for number in range(MANY)]
    wants, _ = decide([Subscriber(event=one, rules=ALL) for one in events], NOW)
    standings = []
    for number, want in enumerate(wants):
        mine = {"id": str(number), "room": want.room, "start": want.start, "end": want.end}
        bot = {"bot_id": str(number), "bot_state": BotState.SCHEDULED, "bot_join_at": want.start}
        bot |= {"bot_url": want.url, "bot_room": want.room}
        standings.append(Standing(**mine, **bot, identities=want.identities, stand=Stand.BOOKED))
    wants = [replace(want, identities=Compared(want.identities)) for want in wants]
    steps = plan(wants, standings, NOW)
    assert {step.do for step in steps} == {Do.KEEP} and len(steps) == MANY
    assert all(step.standing and step.want and step.standing.start == step.want.start for step in steps)
    assert Compared.times <= 2 * MANY
