"""One bot in one meeting, join to goodbye. The order of things; each thing itself is elsewhere in this package."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from bot.assets import camera_picture
from bot.clock import Clock, RealClock
from bot.config import Settings
from bot.domain.leave_rules import Limits
from bot.domain.lifecycle import BotState
from bot.log import get_log
from bot.meeting.badge import neutral_picture
from bot.meeting.bridge import Bridge
from bot.meeting.disclosure import Disclosure
from bot.meeting.evidence import keep
from bot.meeting.lease import TTL_S, Lease
from bot.meeting.lines import say_what_is_asked
from bot.meeting.minds import mind_for, passage_of
from bot.meeting.outcome import FENCED_EXIT_CODE, REASONS, REFUSALS, SENT_ANEW, STOOD_DOWN, Outcome, failure_of
from bot.meeting.parts import Parts, open_parts, own_copy
from bot.meeting.pauses import keep_pauses_short
from bot.meeting.punctual import until_time
from bot.meeting.record import CONSENT_ENDED, RETRY_S, Recorder
from bot.meeting.request import request_for
from bot.meeting.signals import listen
from bot.meeting.speakers import Speakers
from bot.meeting.stay import Roster, Stay
from bot.meeting.talk import Talk
from bot.meeting.tally import Tally, media_of, page_of
from bot.meeting.thumbnail import keep_thumbnail
from bot.meeting.watch import fall_silent, follow, keep_the_rules, recognise_bots
from bot.store import bots, characters, knowledge
from bot.store.bots import Bot
from bot.store.characters import Character
from bot.store.fence import Fenced
from bot.store.own_thread import OwnThread
from bot.store.session import Database, DatabaseUnavailable, Session, Transactions, Waits
from connectors.base import Connector, ConnectorError, Evidence, JoinRefused
from connectors.kit.folders import make_folder

log = get_log(__name__)

LEAVE_TIMEOUT_S = 8.0
KILLED_LEAVE_TIMEOUT_S = 3.0
COMMANDS = {"leave": "asked_by_user", "kill": "killed", CONSENT_ENDED: "consent_ended"}  # by what a heartbeat is told
GONE = frozenset({"removed_by_host", "meeting_ended"})  # there is nothing left to leave
WAITS = Waits(connect_s=4.0, statement_s=6.0, lock_s=6.0)  # several tries fit into what a record may wait
T = TypeVar("T")


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
    """Attend the bot's meeting; returns the process's exit code (see `outcome.py`). Raises UnknownBot, and
    DatabaseUnavailable where there is none to begin with."""
    opened = Database.open(settings, held=1, waits=WAITS)  # a server has a hundred for all bots together
    clock = RealClock()
    async with OwnThread(opened) as database:  # a bot that hangs holds no lock
        try:
            async with asyncio.timeout(TTL_S):
                bot = await _had(lambda: database.reading(lambda session: bots.get(session, launch.bot_id)), clock)
        except TimeoutError as error:
            raise DatabaseUnavailable from error
        attempt = bot.attempt if launch.attempt is None else launch.attempt
        recorder = Recorder(database, bot_id=launch.bot_id, attempt=attempt, clock=clock)
        return await Visit(settings, launch, bot, database, recorder, clock).run()


async def _had(ask: Callable[[], Awaitable[T]], clock: Clock) -> T:
    """The answer of a database that may be away for a while: how long is for the caller, or for the lease, to say."""
    while True:
        try:
            return await ask()
        except DatabaseUnavailable:
            log.warning("the database is away, a start waits")
            await clock.sleep(RETRY_S)


class Visit:
    def __init__(
        self, settings: Settings, launch: Launch, bot: Bot, database: Transactions, recorder: Recorder, clock: Clock
    ) -> None:
        self._settings, self._launch, self._bot, self._database = settings, launch, bot, database
        self._recorder, self._clock = recorder, clock
        self._stay, self._roster = Stay(), Roster(clock)
        self._lease = Lease(recorder.renew, fenced=Fenced, unreachable=(DatabaseUnavailable, OSError), clock=clock)
        self._in_call = self._over = False
        self._moving = asyncio.Lock()
        self._tally = Tally(recorder.count, clock)
        self._workdir = make_folder("bot")

    async def run(self) -> int:
        listen(partial(self._stay.end, "host_shutdown"), killed=partial(self._stay.end, "killed"))
        try:
            outcome = await self._with_lease()
        except FencedOut:
            return FENCED_EXIT_CODE
        log.info("the stay is over", code=outcome.code, state=str(outcome.state))
        return outcome.exit_code

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
        except (Fenced, FencedOut) as fenced:  # told now: what is open takes its time to close, and that is not ours
            log.warning("another process owns this bot, leaving", bot_id=self._bot.id)
            raise FencedOut from fenced
        finally:
            for task in (lease, writing, stay):
                task.cancel()
            await asyncio.gather(lease, writing, stay, return_exceptions=True)
            await asyncio.to_thread(self._tidy)

    def _tidy(self) -> None:
        shutil.rmtree(self._workdir, ignore_errors=True)
        if self._stay.faceless:  # how it looked last is not for those who watch either
            with suppress(OSError):
                camera_picture(self._settings.home, self._bot.id).unlink(missing_ok=True)

    def _on_command(self, command: str) -> None:
        self._stay.end(COMMANDS[command])

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
            in_time = parts if isinstance(parts, Over) else await self._unless_over(self._in_time())
            if isinstance(parts, Over) or isinstance(in_time, Over):
                return await self._never_joined()
            if not in_time:
                await self._end(STOOD_DOWN)
                return STOOD_DOWN
            speakers = Speakers(self._recorder, self._roster, mixed=parts.mixed, diarizer=parts.diarizer)
            kill_fd = self._launch.kill_fd
            bridge = Bridge(
                parts.connector, parts.session, parts.ears, echo=parts.echo, kill_fd=kill_fd, speakers=speakers
            )
            self._tally.watch(page_of(parts.connector))
            self._tally.watch(media_of(bridge))
            bridge.neutral_picture(neutral_picture(parts.connector.camera.width, parts.connector.camera.height))
            stack.callback(bridge.close)
            mind = await stack.enter_async_context(mind_for(self._settings, self._database, character, passages))
            known = {passage.passage_id: passage for passage in map(passage_of, passages)}
            talk = Talk(bridge, parts, mind, known, character, self._recorder, self._roster, self._stay, speakers)
            keep_pauses_short()
            bridge.start()
            return await self._with_background(parts, bridge, talk, character)

    async def _in_time(self) -> bool:
        async def now_is() -> datetime:
            with suppress(DatabaseUnavailable):
                bot = await self._database.reading(lambda session: bots.get(session, self._bot.id))
                self._bot = replace(self._bot, join_at=bot.join_at)
            return self._bot.join_at

        return await until_time(self._bot.join_at, now_is, self._clock)

    async def _load(self) -> tuple[Character, list[knowledge.StoredPassage]]:
        async def read(session: Session) -> tuple[Character, list[knowledge.StoredPassage]]:
            character = await characters.get(session, self._bot.character_id)
            return character, list(await knowledge.passages(session, character.knowledge_base_id))

        for _ in range(2):  # its portrait may be replaced between the row and the files
            character, passages = await _had(lambda: self._database.reading(read), self._clock)
            kept = await asyncio.to_thread(own_copy, character, self._workdir)
            if kept is not None:
                return kept, passages
        return character, passages  # the engine says what it lacks

    async def _with_background(self, parts: Parts, bridge: Bridge, talk: Talk, character: Character) -> Outcome:
        name, greeting = character.name, character.greeting
        notices = Disclosure(parts.connector, talk, self._recorder, self._clock, name=name, greeting=greeting)
        roster, stay, clock = self._roster, self._stay, self._clock
        events = follow(
            parts.connector,
            roster=roster,
            stay=stay,
            talk=talk,
            disclosure=notices,
            in_lobby=self._in_lobby,
            recorder=self._recorder,
        )
        rules = keep_the_rules(roster, stay, self._limits(), clock, killed=lambda: bridge.killed)
        shown = partial(_shown, bridge, stay)
        thumbnail = keep_thumbnail(shown, camera_picture(self._settings.home, self._bot.id), clock)
        async with asyncio.TaskGroup() as group:
            background = [
                group.create_task(bridge.pump(), name="pump"),
                group.create_task(bridge.hear(), name="hear"),
                group.create_task(events, name="events"),
                group.create_task(talk.run(), name="talk"),
                group.create_task(rules, name="rules"),
                group.create_task(fall_silent(stay, parts.connector, talk, self._recorder), name="silence"),
                group.create_task(recognise_bots(roster, self._other_bots, clock), name="bots"),
                group.create_task(say_what_is_asked(self._recorder.next_line, talk.say_line, clock), name="lines"),
                group.create_task(talk.speakers.run(), name="speakers"),
                group.create_task(thumbnail, name="thumbnail"),
                group.create_task(self._tally.keep(), name="tally"),
            ]
            try:
                late_s = (self._clock.now() - self._bot.join_at).total_seconds()
                await self._move(BotState.JOINING, late_s=round(late_s, 3))
                if await self._join(parts.connector):
                    background.append(group.create_task(notices.run(), name="notices"))
                    await self._stay.over()
                return await self._leave(parts.connector, bridge, talk)
            finally:
                if not self._over:  # a part broke: what has been until then counts
                    self._tally.count()
                for task in background:
                    task.cancel()

    def _limits(self) -> Limits:
        settings = self._settings
        return Limits(
            alone_s=settings.alone_timeout_s,
            unattended_s=settings.nobody_came_timeout_s,
            silent_s=settings.silence_timeout_s,
            in_call_s=settings.max_meeting_s,
        )

    async def _other_bots(self) -> dict[str, int]:
        """The names of this installation's other bots in the meeting; none while the database is away."""
        try:
            return await self._database.reading(
                lambda session: bots.names_in_meeting(session, self._bot.meeting_key, besides=self._bot.id)
            )
        except DatabaseUnavailable:
            return {}

    async def _join(self, connector: Connector) -> bool:
        """True in the call, False when the stay was over before. Raises JoinRefused."""
        request = request_for(self._bot, self._settings)
        try:
            if isinstance(await self._unless_over(connector.join(request)), Over):
                return False
        finally:
            self._tally.count()
        async with self._moving:
            self._in_call = True
            self._roster.entered()
            await self._recorder.move(BotState.IN_CALL)
        camera = connector.camera
        self._recorder.note("media.settings", width=camera.width, fps=camera.fps)
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
        reason = self._stay.reason or "asked_by_user"
        if reason == "host_shutdown":
            await self._end(SENT_ANEW)
            return SENT_ANEW
        await self._move(BotState.LEAVING)
        await self._end(REASONS[reason])
        return REASONS[reason]

    async def _move(self, to: BotState, **data: Any) -> None:
        async with self._moving:
            await self._recorder.move(to, **data)

    async def _in_lobby(self) -> None:
        async with self._moving:
            if not self._in_call:
                await self._recorder.move(BotState.WAITING_ROOM)
                return
        log.warning("the bot was sent back to the lobby")
        self._roster.sent_out()
        self._recorder.note("lobby.sent_back")

    async def _leave(self, connector: Connector, bridge: Bridge, talk: Talk) -> Outcome:
        """Politely where there is time and someone to hear it. A kill meanwhile cuts that short and has the last
        word."""
        reason = self._stay.reason or "asked_by_user"
        if reason not in GONE:
            await self._move(BotState.LEAVING)
            goodbye = REASONS[reason].goodbye
            if goodbye and self._in_call and (self._roster.others or self._roster.unnamed) and not bridge.killed:
                await talk.say_goodbye(goodbye)
        killed = bridge.killed or self._stay.reason == "killed"
        with suppress(TimeoutError):
            async with asyncio.timeout(KILLED_LEAVE_TIMEOUT_S if killed else LEAVE_TIMEOUT_S):
                await connector.leave()
        await talk.close()
        self._recorder.note("media.summary", silence_filled_ms=round(bridge.filled_ms))
        self._tally.count()
        if self._in_call:
            await self._move(BotState.POST_PROCESSING)
        outcome = REASONS[self._stay.reason or reason]
        await self._end(outcome, **self._kept(self._stay.evidence))
        return outcome

    async def _end(self, outcome: Outcome, **data: Any) -> None:
        """The last move; nothing is written after it."""
        self._over = True
        if outcome.state is BotState.FAILED:
            await self._recorder.fail(outcome.code, outcome.sentence, **data)
        else:
            await self._recorder.move(outcome.state, code=outcome.code, detail=outcome.sentence, **data)

    async def _refused(self, refused: JoinRefused) -> Outcome:
        outcome = REFUSALS[refused.refusal]
        data: dict[str, Any] = {"retryable": outcome.retryable, **self._kept(refused.evidence)}
        log.warning("the meeting refused the bot", code=outcome.code)
        self._recorder.count("refusals", 1, outcome.code)
        await self._end(replace(outcome, sentence=f"{outcome.sentence} {refused.advice}".strip()), **data)
        return outcome

    def _kept(self, evidence: Evidence | None) -> dict[str, Any]:
        return keep(evidence, home=self._settings.home, bot_id=self._bot.id)

    async def _broken(self, error: BaseException) -> Outcome:
        outcome = failure_of(error)
        log.error("a part failed", code=outcome.code, error=type(error).__name__, pii_detail=str(error))
        seen = self._kept(error.evidence) if isinstance(error, ConnectorError) else {}
        with suppress(Fenced):
            await self._end(outcome, error=type(error).__name__, **seen)
        return outcome


def _shown(bridge: Bridge, stay: Stay) -> NDArray[np.uint8] | None:
    """What may be kept of the bot's picture."""
    return None if stay.faceless else bridge.shown


def _first(group: BaseException) -> Any:
    """The first error inside an exception group."""
    error = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
