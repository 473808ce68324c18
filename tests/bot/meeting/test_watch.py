"""What the connector tells, and to whom it goes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from bot.meeting.stay import Roster, Stay
from bot.meeting.watch import follow
from connectors.base import Event, PictureArrives
from tests.bot.clocks import HandClock
from tests.bot.meeting.talk_doubles import MemoryConnector, MemoryRecorder


class Telling(MemoryConnector):
    def __init__(self, *events: Event) -> None:
        super().__init__()
        self._told = events

    async def events(self) -> AsyncIterator[Event]:
        for event in self._told:
            yield event


async def test_a_picture_that_does_not_arrive_is_an_event_of_the_bot_and_so_is_its_return():
    recorder, connector = (
        MemoryRecorder(),
        Telling(PictureArrives(at_s=5.0, active=False), PictureArrives(at_s=9.0, active=True)),
    )
    parts: dict[str, Any] = {"talk": None, "disclosure": None, "in_lobby": None, "recorder": recorder}
    told: Any = connector
    await follow(told, roster=Roster(HandClock()), stay=Stay(), **parts)
    assert [kind for kind, _ in recorder.notes] == ["media.picture_missing", "media.picture_back"]
