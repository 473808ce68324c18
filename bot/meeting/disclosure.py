"""Tells everyone in the meeting what the bot is, by voice and in the chat, and keeps the evidence: to whom, when, what
of it was heard. Whose turn it is to be told is `bot.conversation.notices`; how it is said is the talk's.

    disclosure.spoken    text as heard, cut or not, to whom (participant ids)
    disclosure.written   the text, to whom
    disclosure.delayed   one try of one way failed and is repeated
    disclosure.failed    people whom neither way has reached, and none will
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from bot.clock import Clock
from bot.conversation import notices
from bot.conversation.notices import Audience, Way
from bot.log import get_log
from bot.meeting.bridge import Heard
from bot.meeting.record import Recorder
from connectors.base import Connector, ConnectorError

log = get_log(__name__)

WATCH_S = 0.1
GATHER_S = 0.5  # from the first person seen to the greeting: who was there before the bot is seen one after the other
CHAT_TIMEOUT_S = 10.0
SPOKEN_TIMEOUT_S = 30.0


class Speaker(Protocol):
    """Who says it: `bot.meeting.talk.Talk`."""

    @property
    def quiet(self) -> bool:
        """Does nobody speak, and is nothing being answered?"""
        ...

    async def notify(self, text: str) -> Heard | None:
        """Say it whole, whoever speaks. None: it cannot be said now."""
        ...


class Disclosure:
    """`run` gives the notices from the moment someone is there until cancelled."""

    def __init__(
        self, connector: Connector, speaker: Speaker, recorder: Recorder, clock: Clock, *, name: str, greeting: str
    ) -> None:
        self._connector, self._speaker, self._recorder, self._clock = connector, speaker, recorder, clock
        self._name, self._greeting = name, notices.spoken_greeting(name, greeting)
        self._greeted = False
        self._sounds = True
        self._unnamed: list[str] = []
        self._numbered = self._most = 0  # those who have gone, and all there ever were
        self._audience = Audience(by_chat=connector.capabilities.chat)

    def joined(self, participant: str, name: str) -> None:
        self._audience.joined(participant, name, self._clock.monotonic_s())

    def renamed(self, participant: str, name: str) -> None:
        self._audience.renamed(participant, name, self._clock.monotonic_s())

    def left(self, participant: str) -> None:
        self._audience.left(participant, self._clock.monotonic_s())

    def others_are(self, unnamed: int) -> None:
        """So many are here whom the page does not name. They are told by number; anew only when more are here than ever
        were told, or all had gone: nobody can say who of them comes and goes."""
        while len(self._unnamed) > unnamed:
            self.left(self._unnamed.pop())
        if not unnamed:
            self._numbered = self._most
        while len(self._unnamed) < unnamed:
            self._unnamed.append(f"unnamed-{self._numbered + len(self._unnamed) + 1}")
            self._most = max(self._most, self._numbered + len(self._unnamed))
            self.joined(self._unnamed[-1], "")

    def sounds(self, arrives: bool) -> None:
        """Whether the bot's voice leaves for the others: a notice said while it does not has told nobody."""
        self._sounds = arrives

    async def run(self) -> None:
        """The full notice once someone can hear it, then a short one to who comes later."""
        while not self._audience.here:
            await self._clock.sleep(WATCH_S)
        await self._clock.sleep(GATHER_S)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._write_all(), name="written notices")
            group.create_task(self._say_all(), name="spoken notices")

    async def _say_all(self) -> None:
        way = self._audience.spoken
        if self._audience.here:
            await self._say(self._audience.here)
        while True:
            now_s = self._clock.monotonic_s()
            over_talk = way.overdue(now_s) and not self._connector.capabilities.chat  # nobody is told in any other way
            if (to := way.due(now_s)) and (self._speaker.quiet or over_talk):
                await self._say(to)
            await self._clock.sleep(WATCH_S)

    async def _write_all(self) -> None:
        if not self._connector.capabilities.chat:
            return
        way = self._audience.written
        if self._audience.here:
            await self._write(self._audience.here)
        while True:
            if to := way.due(self._clock.monotonic_s()):
                await self._write(to)
            await self._clock.sleep(WATCH_S)

    async def _say(self, to: tuple[str, ...]) -> None:
        heard: Heard | None = None
        try:
            async with asyncio.timeout(SPOKEN_TIMEOUT_S):
                heard = await self._speaker.notify(
                    notices.spoken_welcome(self._name) if self._greeted else self._greeting
                )
        except TimeoutError:
            log.warning("a spoken notice was not heard in time")
        way, now_s = self._audience.spoken, self._clock.monotonic_s()
        if heard is not None and not self._sounds:
            self._failed("spoken", way, to, "muted")
            return
        if heard is not None and heard.text:
            self._recorder.note("disclosure.spoken", to=list(to), text=heard.text, cut=heard.cut)
        if heard is None or not heard.text or heard.cut:
            self._failed("spoken", way, to, "cut" if heard is not None and heard.text else "unheard")
            return
        self._greeted = True
        self._audience.told(way, to, now_s)

    async def _write(self, to: tuple[str, ...]) -> None:
        text = notices.chat_notice(self._name)
        try:
            async with asyncio.timeout(CHAT_TIMEOUT_S):
                await self._connector.say_in_chat(text)
        except (ConnectorError, TimeoutError) as error:
            self._failed("written", self._audience.written, to, getattr(error, "code", "timeout"))
            return
        self._recorder.note("disclosure.written", to=list(to), text=text)
        self._audience.told(self._audience.written, to, self._clock.monotonic_s())

    def _failed(self, kind: str, way: Way, to: tuple[str, ...], why: str) -> None:
        log.warning("a notice did not get through", way=kind, why=why)
        self._recorder.note("disclosure.delayed", way=kind, why=why, to=list(to))
        lost = self._audience.failed(way, to, self._clock.monotonic_s())
        if lost:
            log.error("some people were not told what the bot is", people=len(lost))
            self._recorder.note("disclosure.failed", to=list(lost))
