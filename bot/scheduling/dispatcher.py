"""The dispatcher: claims due bots, relays the outbox, reaps the dead. Several may run beside each other.

It starts nothing itself: a claim leaves an outbox row, which becomes the nudge to launch.
"""

from __future__ import annotations

import asyncio
import os
import platform
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta

from bot.clock import Clock
from bot.errors import Unavailable
from bot.log import get_log
from bot.scheduling import reaper
from bot.scheduling.policy import DEFAULT, Policy
from bot.scheduling.relay import Publish, relay
from bot.store import idempotency, leases, outbox
from bot.store.bots import Bot
from bot.store.session import Database

log = get_log(__name__)


class Dispatcher:
    """Its three loops share a database and nothing else."""

    def __init__(
        self, database: Database, routes: Mapping[str, Publish], *, clock: Clock, policy: Policy = DEFAULT
    ) -> None:
        self._database, self._routes, self._clock, self._policy = database, routes, clock, policy
        self.owner = f"{platform.node()}:{os.getpid()}"

    async def run(self) -> None:
        """Until cancelled. A database or broker that is away is waited for."""
        async with asyncio.TaskGroup() as group:
            for step in (self.dispatch, self.relay, self.reap):
                group.create_task(self._repeat(step, self._policy.poll_s), name=step.__name__)
            group.create_task(self._repeat(self.prune, self._policy.prune_s), name="prune")

    async def dispatch(self) -> None:
        """Claim what is due and hand the launches on at once."""
        if await self.claim():
            await self.relay()

    async def claim(self) -> list[Bot]:
        """Claim what is due."""
        now, policy = self._clock.now(), self._policy
        async with self._database.read() as session:
            if not await leases.any_due(session, due_by=now):
                return []
        async with self._database.write() as session:
            claimed = await leases.claim_due(
                session,
                owner=self.owner,
                data={"dispatcher": self.owner, "dispatcher_pid": os.getpid()},
                due_by=now,
                now=now,
                launch_by=now + timedelta(seconds=policy.launch_ttl_s),
                limit=policy.claim_limit,
            )
        for bot in claimed:
            log.info("bot claimed", bot_id=bot.id, attempt=bot.attempt, late_s=(now - bot.join_at).total_seconds())
        return claimed

    async def relay(self) -> int:
        """Deliver what waits in the outbox."""
        return await relay(self._database, self._routes, clock=self._clock, policy=self._policy)

    async def reap(self) -> int:
        """Deal with expired leases, and with bots whose time went by."""
        now, policy = self._clock.now(), self._policy
        reaped = await reaper.reap(self._database, now=now, policy=policy)
        return reaped + await reaper.give_up(self._database, now=now, policy=policy)

    async def prune(self) -> int:
        """Drop messages sent long ago, and answers kept for repetitions that nobody sends any more."""
        now = self._clock.now()
        async with self._database.write() as session:
            await idempotency.prune(session, now=now)
            return await outbox.prune(session, sent_before=now - timedelta(seconds=self._policy.keep_sent_s))

    async def _repeat(self, step: Callable[[], Awaitable[object]], pause_s: float) -> None:
        while True:
            try:
                await step()
            except Unavailable as error:
                log.warning("a step of the dispatcher has to wait", step=step.__name__, code=error.code)
            await self._clock.sleep(pause_s)
