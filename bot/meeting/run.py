"""One bot in one meeting, join to goodbye. The order of things; each thing itself is elsewhere in this package."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import Coroutine
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, assert_never

from bot.clock import Clock, RealClock
from bot.config import Settings
from bot.domain.lifecycle import BotState
from bot.log import get_log
from bot.meeting.bridge import Bridge
from bot.meeting.lease import Lease
from bot.meeting.minds import mind_for, passage_of
from bot.meeting.outcome import FAILURES, FENCED_EXIT_CODE, REASONS, REFUSALS, Outcome
from bot.meeting.parts import Parts, open_parts
from bot.meeting.record import Recorder
from bot.meeting.stay import Roster, Stay
from bot.meeting.talk import Talk
from bot.store import bots, characters, knowledge
from bot.store.bots import Bot
from bot.store.characters import Character
from bot.store.fence import Fenced
from bot.store.session import Database, DatabaseUnavailable
from connectors.base import (
    Admitted,
    ChatMessage,
    Connector,
    Ended,
    InLobby,
    JoinRefused,
    JoinRequest,
    ParticipantJoined,
    ParticipantLeft,
    Removed,
    ScreenShared,
    Speaking,
)
from connectors.kit.folders import make_folder

log = get_log(__name__)

LEAVE_TIMEOUT_S = 8.0
_WATCH_S = 0.25
NOBODY_CAME_S = 20 * 60.0
T = TypeVar("T")
_POLITE = frozenset({"asked_by_user", "host_shutdown", "time_limit"})


class Over:
    """The stay was over before something was done."""


class FencedOut(Exception):
    """Another process owns this bot now."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Launch:
    """What the bot host told this process. `attempt` None: a person started it by hand, the current one is taken."""

    bot_id: str
    attempt: int | None = None
    task_id: str | None = None
    kill_fd: int = -1


async def attend(settings: Settings, launch: Launch) -> int:
    """Attend the bot's meeting; returns the process's exit code (see `outcome.py`)."""
    async with Database.open(settings) as database:
        async with database.read() as session:
            bot = await bots.get(session, launch.bot_id)
        attempt = bot.attempt if launch.attempt is None else launch.attempt
        clock = RealClock()
        recorder = Recorder(database, bot_id=launch.bot_id, attempt=attempt, clock=clock)
        return await Visit(settings, launch, bot, database, recorder, clock).run()


class Visit:
    def __init__(
        self, settings: Settings, launch: Launch, bot: Bot, database: Database, recorder: Recorder, clock: Clock
    ) -> None:
        self._settings, self._launch, self._bot, self._database = settings, launch, bot, database
        self._recorder, self._clock = recorder, clock
        self._stay, self._roster = Stay(), Roster(clock)
        self._lease = Lease(recorder.renew, fenced=Fenced, unreachable=(DatabaseUnavailable, OSError), clock=clock)
        self._in_call = self._over = False
        self._moving = asyncio.Lock()
        self._workdir = make_folder("bot")

    async def run(self) -> int:
        self._listen_to_signals()
        try:
            outcome = await self._with_lease()
        except FencedOut:
            log.warning("another process owns this bot, leaving", bot_id=self._bot.id)
            return FENCED_EXIT_CODE
        log.info("the stay is over", code=outcome.code, state=str(outcome.state))
        return outcome.exit_code

    def _listen_to_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stay.end, "host_shutdown")

    async def _with_lease(self) -> Outcome:
        """The stay beside its lease and its pen; without either it ends. Raises FencedOut."""
        lease = asyncio.create_task(self._lease.keep(self._on_command), name="lease")
        writing = asyncio.create_task(self._recorder.run(), name="recorder")
        stay = asyncio.create_task(self._attend(), name="stay")
        try:
            await asyncio.wait({lease, writing, stay}, return_when=asyncio.FIRST_COMPLETED)
            if not stay.done() and writing.done():
                writing.result()
            if not stay.done() and not self._over:  # the last move gives the lease back, and that is in order
                lease.result()
                raise FencedOut
            return await stay
        except Fenced as fenced:
            raise FencedOut from fenced
        finally:
            for task in (lease, writing, stay):
                task.cancel()
            await asyncio.gather(lease, writing, stay, return_exceptions=True)
            shutil.rmtree(self._workdir, ignore_errors=True)

    def _on_command(self, command: str) -> None:
        self._stay.end({"leave": "asked_by_user", "kill": "killed"}[command])

    async def _attend(self) -> Outcome:
        try:
            return await self._in_order()
        except Exception as failure:  # the boundary: whatever broke becomes an outcome with a cause
            error = _first(failure)
            if isinstance(error, Fenced):
                raise error from None
            if isinstance(error, JoinRefused):
                return await self._refused(error)
            return await self._broken(error)

    async def _in_order(self) -> Outcome:
        character, passages = await self._load()
        started: dict[str, Any] = {"pid": os.getpid(), "parent_pid": os.getppid(), "task_id": self._launch.task_id}
        if self._bot.state is BotState.STARTING:  # the bot host said so already
            self._recorder.note("process.started", **started)
        else:
            await self._recorder.move(BotState.STARTING, **started)
        async with AsyncExitStack() as stack:
            texts = [f"{p.heading}. {p.text}" for p in passages]
            opening = open_parts(stack, self._settings, character, self._bot.meeting_url, texts, self._workdir)
            parts = await self._unless_over(opening)
            if isinstance(parts, Over):
                return await self._never_joined()
            bridge = Bridge(parts.connector, parts.session, parts.ears, echo=parts.echo, kill_fd=self._launch.kill_fd)
            stack.callback(bridge.close)
            mind = await stack.enter_async_context(mind_for(self._settings, self._database, character, passages))
            known = {passage.passage_id: passage for passage in map(passage_of, passages)}
            talk = Talk(bridge, parts, mind, known, character, self._recorder, self._roster, self._stay)
            bridge.start()
            return await self._with_background(parts, bridge, talk)

    async def _load(self) -> tuple[Character, list[knowledge.StoredPassage]]:
        async with self._database.read() as session:
            character = await characters.get(session, self._bot.character_id)
            passages = await knowledge.passages(session, character.knowledge_base_id)
        return character, list(passages)

    async def _with_background(self, parts: Parts, bridge: Bridge, talk: Talk) -> Outcome:
        async with asyncio.TaskGroup() as group:
            background = [
                group.create_task(bridge.pump(), name="pump"),
                group.create_task(bridge.hear(), name="hear"),
                group.create_task(self._follow(parts.connector, talk), name="events"),
                group.create_task(talk.run(), name="talk"),
                group.create_task(self._watch(bridge), name="watch"),
            ]
            try:
                return await self._visit(parts, bridge, talk)
            finally:
                for task in background:
                    task.cancel()

    async def _visit(self, parts: Parts, bridge: Bridge, talk: Talk) -> Outcome:
        await self._move(BotState.JOINING)
        if await self._join(parts.connector):
            self._recorder.note("media.settings", width=parts.connector.camera.width, fps=parts.connector.camera.fps)
            await self._greet(talk)
            reason = await self._stay.over()
        else:
            reason = self._stay.reason or "asked_by_user"
        return await self._leave(reason, parts.connector, bridge, talk)

    async def _join(self, connector: Connector) -> bool:
        """True in the call, False when the stay was over before. Raises JoinRefused."""
        request = JoinRequest(
            meeting_url=self._bot.meeting_url,
            display_name=self._bot.bot_name,
            lobby_timeout_s=self._settings.lobby_timeout_s,
        )
        if isinstance(await self._unless_over(connector.join(request)), Over):
            return False
        async with self._moving:
            self._in_call = True
            await self._recorder.move(BotState.IN_CALL)
        return True

    async def _unless_over(self, doing: Coroutine[Any, Any, T]) -> T | Over:
        """The result, or `Over` when the stay ended first; what was being done is then cancelled."""
        task = asyncio.create_task(doing)
        over = asyncio.create_task(self._stay.over())
        try:
            await asyncio.wait({task, over}, return_when=asyncio.FIRST_COMPLETED)
            return task.result() if task.done() else Over()
        finally:
            for each in (task, over):
                each.cancel()
            await asyncio.gather(task, over, return_exceptions=True)

    async def _never_joined(self) -> Outcome:
        outcome = REASONS[self._stay.reason or "asked_by_user"]
        await self._move(BotState.LEAVING)
        await self._end(outcome)
        return outcome

    async def _greet(self, talk: Talk) -> None:
        """The notice is given once someone can hear it."""
        while not self._roster.others and self._stay.reason is None:
            await self._clock.sleep(_WATCH_S)
        if self._stay.reason is None:
            await talk.give_notice()

    async def _move(self, to: BotState) -> None:
        async with self._moving:
            await self._recorder.move(to)

    async def _follow(self, connector: Connector, talk: Talk) -> None:
        async for event in connector.events():
            match event:
                case InLobby():
                    async with self._moving:
                        if not self._in_call:
                            await self._recorder.move(BotState.WAITING_ROOM)
                case ParticipantJoined():
                    self._roster.joined(event.participant, event.name, is_self=event.is_self)
                    talk.people_changed()
                case ParticipantLeft():
                    self._roster.left(event.participant)
                    talk.people_changed()
                case ChatMessage():
                    talk.chat(event)
                case Removed():
                    self._stay.end("removed_by_host")
                case Ended():
                    self._stay.end("meeting_ended")
                case Admitted() | Speaking() | ScreenShared():
                    pass
                case _:
                    assert_never(event)

    async def _watch(self, bridge: Bridge) -> None:
        """Ends the stay by rule: everyone gone, the longest stay, the kill switch."""
        began_s = self._clock.monotonic_s()
        while True:
            if bridge.killed:
                self._stay.end("killed")
            if self._roster.alone_s >= self._settings.alone_timeout_s:
                self._stay.end("everyone_left")
            if not self._in_call:
                began_s = self._clock.monotonic_s()
            elif not self._roster.anyone_came and self._clock.monotonic_s() - began_s >= NOBODY_CAME_S:
                self._stay.end("nobody_came")
            if self._clock.monotonic_s() - began_s >= self._settings.max_meeting_s:
                self._stay.end("time_limit")
            await self._clock.sleep(_WATCH_S)

    async def _leave(self, reason: str, connector: Connector, bridge: Bridge, talk: Talk) -> Outcome:
        outcome = REASONS[reason]
        gone = reason in ("removed_by_host", "meeting_ended")
        if not gone:
            await self._move(BotState.LEAVING)
            if self._in_call and reason in _POLITE and self._roster.others and not bridge.killed:
                await talk.say_goodbye()
        with suppress(TimeoutError):
            async with asyncio.timeout(LEAVE_TIMEOUT_S):
                await connector.leave()
        await talk.close()
        self._recorder.note("media.summary", silence_filled_ms=round(bridge.filled_ms))
        if self._in_call:
            await self._move(BotState.POST_PROCESSING)
        await self._end(outcome)
        return outcome

    async def _end(self, outcome: Outcome, **data: Any) -> None:
        """The last move; nothing is written after it."""
        self._over = True
        await self._recorder.move(outcome.state, code=outcome.code, detail=outcome.sentence, **data)

    async def _refused(self, refused: JoinRefused) -> Outcome:
        outcome = REFUSALS[refused.refusal]
        evidence = refused.evidence
        data: dict[str, Any] = {"retryable": outcome.retryable}
        if evidence is not None:
            data["heading"] = evidence.heading
            data["evidence"] = [self._keep(path) for path in (evidence.screenshot, evidence.html) if path]
        log.warning("the meeting refused the bot", code=outcome.code)
        await self._end(outcome, **data)
        return outcome

    def _keep(self, path: Path) -> str:
        """Move evidence to the installation's home; its path there, relative to the home."""
        folder = self._settings.home / "evidence" / self._bot.id
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        kept = shutil.copy2(path, folder / path.name)
        return str(Path(kept).relative_to(self._settings.home))

    async def _broken(self, error: BaseException) -> Outcome:
        code = getattr(error, "code", "internal_error")
        outcome = FAILURES.get(code, FAILURES["internal_error"])
        log.error("a part failed", code=outcome.code, error=type(error).__name__, pii_detail=str(error))
        with suppress(Fenced):
            await self._end(outcome, error=type(error).__name__)
        return outcome


def _first(group: BaseException) -> Any:
    """The first error inside an exception group."""
    error = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
