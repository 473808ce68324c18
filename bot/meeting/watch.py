"""What happens in the meeting apart from the talk: who comes and goes, who ends it, and what the clock says of the
bot's stay. Knows no engine and no database.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import assert_never

from bot.clock import Clock
from bot.domain.leave_rules import Limits, reason_to_leave
from bot.log import get_log
from bot.meeting.disclosure import Disclosure
from bot.meeting.record import Recorder
from bot.meeting.stay import Roster, Stay
from bot.meeting.talk import Talk
from connectors.base import (
    Admitted,
    ChatMessage,
    Connector,
    DeviceFailed,
    Ended,
    Event,
    InLobby,
    Layout,
    ParticipantJoined,
    ParticipantLeft,
    ParticipantRenamed,
    PictureArrives,
    Removed,
    ScreenShared,
    SoundArrives,
    Speaking,
    UnnamedPeople,
)

log = get_log(__name__)
WATCH_S = 0.25
ASK_FOR_BOTS_S = 10.0

OtherBots = Callable[[], Awaitable[Mapping[str, int]]]


async def follow(
    connector: Connector,
    *,
    roster: Roster,
    stay: Stay,
    talk: Talk,
    disclosure: Disclosure,
    in_lobby: Callable[[], Awaitable[None]],
    recorder: Recorder,
) -> None:
    """The connector's events, each to whom it concerns, until there are no more."""
    async for event in connector.events():
        if isinstance(event, InLobby):
            await in_lobby()
        elif isinstance(event, PictureArrives):
            log.warning("the bot's picture leaves again" if event.active else "the bot's picture does not arrive")
            recorder.note("media.picture_back" if event.active else "media.picture_missing")
        elif isinstance(event, SoundArrives):
            log.warning("the bot's voice leaves again" if event.active else "the bot's voice does not arrive")
            recorder.note("media.sound_back" if event.active else "media.sound_missing")
            disclosure.sounds(event.active)
        else:
            _tell(event, roster, stay, talk, disclosure)


def _tell(event: Event, roster: Roster, stay: Stay, talk: Talk, disclosure: Disclosure) -> None:
    match event:
        case ParticipantJoined():
            roster.joined(event.participant, event.name, is_self=event.is_self)
            if not event.is_self:
                disclosure.joined(event.participant, event.name)
            talk.people_changed()
        case ParticipantRenamed():
            roster.renamed(event.participant, event.name)
            disclosure.renamed(event.participant, event.name)
            talk.people_changed()
        case ParticipantLeft():
            roster.left(event.participant)
            disclosure.left(event.participant)
            talk.speakers.left(event.participant)
            talk.people_changed()
        case UnnamedPeople():
            roster.others_are(event.others)
            disclosure.others_are(event.others)
            talk.people_changed()
        case ChatMessage():
            roster.spoke(event.participant)
            talk.chat(event)
        case Speaking():
            roster.spoke(event.participant)
            talk.speakers.shows(event)
        case Layout():
            talk.gaze.stand(event.others, event.own)
        case Removed():
            stay.end("removed_by_host", evidence=event.evidence)
        case Ended():
            stay.end("meeting_ended", evidence=event.evidence)
        case Admitted():
            roster.back()
        case InLobby() | PictureArrives() | SoundArrives() | ScreenShared():
            pass
        case _:
            assert_never(event)


async def keep_the_rules(
    roster: Roster, stay: Stay, limits: Limits, clock: Clock, *, killed: Callable[[], bool]
) -> None:
    """Ends the stay when a rule of `bot.domain.leave_rules` says so. Goes on after that: a kill may still come."""
    while True:
        if killed():
            stay.end("killed")
        reason = reason_to_leave(roster.snapshot(stay.told), limits)
        if reason is not None:
            stay.end(reason)
        await clock.sleep(WATCH_S)


async def recognise_bots(roster: Roster, other_bots: OtherBots, clock: Clock) -> None:
    """Asks which of those present are bots of this installation, as long as someone's name could be one of ours."""
    while True:
        if roster.may_be_bots:
            roster.bots_are(await other_bots())
            await clock.sleep(ASK_FOR_BOTS_S)
        await clock.sleep(WATCH_S)


async def fall_silent(stay: Stay, connector: Connector, talk: Talk, recorder: Recorder) -> None:
    """The kill as the event loop hears of it: by command, or after the device thread, which does not wait for us; and a
    face whose consent has ended. The devices are neutral for good, whatever the engine still makes."""
    await stay.silenced()
    for device in (connector.microphone, connector.camera):
        with suppress(DeviceFailed):  # each by itself: a microphone that fails leaves no face on the camera
            await asyncio.to_thread(device.neutral)
    recorder.note("consent.ended" if stay.faceless else "kill.silent")
    await talk.close()
