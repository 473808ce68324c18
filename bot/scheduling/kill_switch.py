"""The kill switch on the bot's host: a way to a bot that does not lead through the bot's own event loop.

Four times a second the bot host asks the database, in one query by primary key, how its own bots stand. One that is to
be killed has its parent told at once (SIGUSR1: a byte on the device thread's own pipe, so silence and the neutral
picture do not wait for anything of the bot). What has not left in time after that is ended by force. The same becomes
of a process whose bot is over in the database: it should have ended by itself, so it hangs. One that was given up for
lost, or overtaken by another attempt, is still in its meeting: it has little time to find that out by itself. So has
one whose lease has run out, whether or not a dispatcher lives to say so.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, Protocol

from bot.clock import Clock
from bot.domain.lifecycle import TERMINAL, BotState, Command
from bot.errors import BotError
from bot.log import get_log
from bot.store import bots, leases
from bot.store.bots import Bot
from bot.store.leases import Standing
from bot.store.session import Database, Session

log = get_log(__name__)

POLL_S = 0.25
ASK_TIMEOUT_S = 5.0
KILLS_AT_ONCE = 4  # a row that somebody holds keeps one of them waiting
KILL_GRACE_S = 12.0  # its own parent ends the meeting process after 6 s and needs at most 5 for the rest
OVER_GRACE_S = 40.0  # a bot whose end is written still closes its browser
STALE_GRACE_S, STALE_KILL_GRACE_S = 3.0, 7.0  # with a lease of 15 s, it is gone 30 s after its last sign of life

Key = tuple[str, int]  # bot, attempt


class Target(Protocol):
    """A bot's process as the host runs it."""

    killed: bool  # the switch was used: its end is to be told so

    @property
    def pid(self) -> int: ...

    def force(self) -> None:
        """End the process and all below it, now."""
        ...


class KillSwitch:
    def __init__(
        self,
        database: Database,
        clock: Clock,
        targets: Callable[[], Mapping[Key, Target]],
        *,
        grace_s: float = KILL_GRACE_S,
        over_grace_s: float = OVER_GRACE_S,
        stale_grace_s: float = STALE_GRACE_S,
    ) -> None:
        self._database, self._clock, self._targets = database, clock, targets
        self._grace_s, self._over_grace_s, self._stale_grace_s = grace_s, over_grace_s, stale_grace_s
        self._force_at_s: dict[Key, float] = {}
        self._over_since_s: dict[Key, float] = {}
        self._away = False

    async def run(self) -> None:
        """Until cancelled. Nothing is written down before everyone is told, and nobody waits for it."""
        async with asyncio.TaskGroup() as notes:
            while True:
                for key, target in await self.look():
                    notes.create_task(self._note(key, target))
                await self._clock.sleep(POLL_S)

    async def look(self) -> list[tuple[Key, Target]]:
        """Once: tells who is to end, ends who is late; returns whom someone has asked to be killed just now."""
        targets = self._targets()
        found = await self._ask({bot_id for bot_id, _ in targets}) if targets else []
        standings = {standing.bot_id: standing for standing in found}
        killed = [
            (key, target)
            for key, target in targets.items()
            if key[0] in standings and self._told_to_die(key, target, standings[key[0]])
        ]
        self._force_the_late()
        return killed

    async def _ask(self, bot_ids: set[str]) -> list[Standing]:
        try:
            async with asyncio.timeout(ASK_TIMEOUT_S), self._database.read() as session:
                found = await leases.standing(session, bot_ids)
        except (BotError, TimeoutError, OSError) as error:
            if not self._away:
                log.warning("the kill switch cannot ask the database", error=type(error).__name__)
            self._away = True
            return []
        self._away = False
        return found

    def _told_to_die(self, key: Key, target: Target, standing: Standing) -> bool:
        """Tells a process to fall silent and end where that is its lot; True when someone asked for it just now."""
        if key in self._force_at_s:
            return False
        silent = standing.lease_until is not None and standing.lease_until < self._clock.now()
        stale = silent or standing.attempt != key[1] or standing.state is BotState.LOST
        if not stale and standing.state not in TERMINAL:
            self._over_since_s.pop(key, None)  # it was silent and has been heard of again
            if standing.command is not Command.KILL:
                return False
            target.killed = True
            self._signal(key, target, self._grace_s)
            return True
        since_s = self._over_since_s.setdefault(key, self._now_s())
        if self._now_s() - since_s >= (self._stale_grace_s if stale else self._over_grace_s):
            log.warning("a process outlived its bot", bot_id=key[0], attempt=key[1], pid=target.pid)
            self._signal(key, target, min(self._grace_s, STALE_KILL_GRACE_S) if stale else self._grace_s)
        return False

    def _signal(self, key: Key, target: Target, grace_s: float) -> None:
        log.warning("killing a bot", bot_id=key[0], attempt=key[1], pid=target.pid)
        self._force_at_s[key] = self._now_s() + grace_s
        with suppress(ProcessLookupError):
            os.kill(target.pid, signal.SIGUSR1)

    async def _note(self, key: Key, target: Target) -> None:
        """Evidence that the kill was passed on; it has been by now, whatever becomes of the note."""
        told = {"pid": target.pid, "bot_host_pid": os.getpid()}
        try:
            async with asyncio.timeout(ASK_TIMEOUT_S), self._database.write() as session:
                now = self._clock.now()
                await bots.note(session, key[0], attempt=key[1], kind="kill.signalled", data=told, at=now)
        except (BotError, TimeoutError, OSError) as error:
            log.warning("a kill could not be written down", bot_id=key[0], error=type(error).__name__)

    def _force_the_late(self) -> None:
        targets = self._targets()
        for memory in (self._force_at_s, self._over_since_s):
            for key in memory.keys() - targets.keys():
                del memory[key]
        for key, at_s in self._force_at_s.items():
            if self._now_s() >= at_s:
                log.error("a killed bot did not leave and is ended by force", bot_id=key[0], pid=targets[key].pid)
                targets[key].force()

    def _now_s(self) -> float:
        return self._clock.monotonic_s()


async def kill_all(
    database: Database, workspace_id: str, *, scheduled: bool, at: datetime, by: Mapping[str, Any]
) -> list[Bot]:
    """Kill every bot of a workspace that is in a meeting or on its way; with `scheduled`, those whose time has not
    come as well. Each keeps the event with `by` in it. One transaction each, several at a time: what holds one up, or
    fails there, keeps no other from being killed. Raises what the first failed with, once all the others are."""
    async with database.read() as session:
        ids = await leases.to_kill(session, workspace_id, scheduled=scheduled, at=at)
    some = asyncio.Semaphore(KILLS_AT_ONCE)

    async def kill(bot_id: str) -> Bot:
        async with some, database.write() as session:
            return await leases.ask(session, bot_id, command=Command.KILL, at=at, by={**by, "all": True})

    told = await asyncio.gather(*map(kill, ids), return_exceptions=True)
    for bot_id, one in zip(ids, told, strict=True):
        if isinstance(one, BaseException):
            log.error("a bot could not be told to die", bot_id=bot_id, error=type(one).__name__)
    if failed := [one for one in told if isinstance(one, BaseException)]:
        raise failed[0]
    return [one for one in told if isinstance(one, Bot)]


BY_FORCE = "The kill switch was used; the bot fell silent, did not leave in time and was ended by force."
UNTOLD = "The kill switch was used; the bot's process ended without telling more."


async def end_as_killed(
    session: Session, bot_id: str, *, attempt: int, exit_code: int, now: datetime, data: Mapping[str, Any]
) -> None:
    """The end of a killed bot that could not tell it itself. Nothing happens where it has, or is another attempt's."""
    bot = await bots.get(session, bot_id)
    if bot.attempt != attempt or bot.state in TERMINAL:
        return
    if bot.state not in (BotState.LEAVING, BotState.POST_PROCESSING):
        await bots.move(session, bot_id, attempt=attempt, to=BotState.LEAVING, at=now)
    await bots.move(
        session,
        bot_id,
        attempt=attempt,
        to=BotState.ENDED,
        code="killed",
        sub_code="by_force" if exit_code else None,
        detail=BY_FORCE if exit_code else UNTOLD,
        data=data,
        at=now,
    )
