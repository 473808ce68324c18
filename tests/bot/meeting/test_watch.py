"""What the connector tells, and to whom it goes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

from bot.meeting.gaze import Gaze
from bot.meeting.stay import Roster, Stay
from bot.meeting.watch import follow
from connectors.base import Ended, Event, Evidence, Layout, PictureArrives, Removed, SoundArrives, UnnamedPeople
from tests.bot.clocks import HandClock
from tests.bot.meeting.talk_doubles import MemoryConnector, MemoryRecorder


class Telling(MemoryConnector):
    def __init__(self, *events: Event) -> None:
        super().__init__()
        self._told = events

    async def events(self) -> AsyncIterator[Event]:
        for event in self._told:
            yield event


async def test_how_the_page_gave_a_reason_to_end_is_kept_with_it():
    stay, seen = Stay(), Evidence(url="", rule="removed.text.en")
    parts: dict[str, Any] = {"talk": None, "disclosure": None, "in_lobby": None, "recorder": MemoryRecorder()}
    told: Any = Telling(Ended(at_s=4.0, evidence=Evidence(url="")), Removed(at_s=5.0, evidence=seen))
    await follow(told, roster=Roster(HandClock()), stay=stay, **parts)
    assert stay.reason == "removed_by_host" and stay.evidence is seen
    stay.end("killed")
    assert stay.evidence is None


async def test_a_voice_that_does_not_arrive_is_an_event_and_makes_no_notice():
    recorder, told_of_sound = MemoryRecorder(), []

    class Notices:
        def sounds(self, arrives: bool) -> None:
            told_of_sound.append(arrives)

    parts: dict[str, Any] = {"talk": None, "disclosure": Notices(), "in_lobby": None, "recorder": recorder}
    told: Any = Telling(SoundArrives(at_s=5.0, active=False), SoundArrives(at_s=9.0, active=True))
    await follow(told, roster=Roster(HandClock()), stay=Stay(), **parts)
    assert [kind for kind, _ in recorder.notes] == ["media.sound_missing", "media.sound_back"]
    assert told_of_sound == [False, True]


async def test_a_picture_that_does_not_arrive_is_an_event_of_the_bot_and_so_is_its_return():
    recorder, connector = (
        MemoryRecorder(),
        Telling(PictureArrives(at_s=5.0, active=False), PictureArrives(at_s=9.0, active=True)),
    )
    parts: dict[str, Any] = {"talk": None, "disclosure": None, "in_lobby": None, "recorder": recorder}
    told: Any = connector
    await follow(told, roster=Roster(HandClock()), stay=Stay(), **parts)
    assert [kind for kind, _ in recorder.notes] == ["media.picture_missing", "media.picture_back"]


async def test_people_without_a_name_are_company_that_is_told_what_the_bot_is():
    roster, told_of = Roster(HandClock()), []

    class Meeting:
        def others_are(self, unnamed: int) -> None:
            told_of.append(unnamed)

        def people_changed(self) -> None:
            told_of.append(roster.people)

    parts: dict[str, Any] = {"talk": Meeting(), "disclosure": Meeting(), "in_lobby": None, "recorder": MemoryRecorder()}
    told: Any = Telling(UnnamedPeople(at_s=5.0, others=4))
    await follow(told, roster=roster, stay=Stay(), **parts)
    assert told_of == [4, 4]


async def test_where_pictures_stand_is_where_the_face_will_look():
    gaze = Gaze()
    talk: Any = SimpleNamespace(gaze=gaze)
    parts: dict[str, Any] = {"disclosure": None, "in_lobby": None, "recorder": MemoryRecorder()}
    told: Any = Telling(Layout(at_s=1.0, others={"ada": (-0.5, 0.0)}, own=(0.5, 0.0)))
    await follow(told, roster=Roster(HandClock()), stay=Stay(), talk=talk, **parts)
    gaze.begins("ada", 1.0)
    assert gaze.at(3.0, own_voice=False) == (-1.0, 0.0)
