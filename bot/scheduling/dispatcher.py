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
from bot.errors import BotError, Unavailable
from bot.log import get_log
from bot.scheduling import reaper
from bot.scheduling.policy import DEFAULT, Policy
from bot.scheduling.relay import Publish, hand_over, relay
from bot.scheduling.retention import Retention
from bot.store import idempotency, leases, outbox
from bot.store.bots import Bot
from bot.store.outbox import Message
from bot.store.session import Database, DatabaseNotReady

log = get_log(__name__)


class Dispatcher:
    """Its three loops share a database and nothing else."""

    def __init__(
        self,
        database: Database,
        routes: Mapping[str, Publish],
        *,
        clock: Clock,
        policy: Policy = DEFAULT,
        retention: Retention | None = None,
    ) -> None:
        self._database, self._routes, self._clock, self._policy = database, routes, clock, policy
        self._retention = retention
        self.owner = f"{platform.node()}:{os.getpid()}"

    async def run(self) -> None:
        """Until cancelled. A database or broker that is away is waited for."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._serve(), name="dispatch")
            for step in (self.relay, self.reap):
                group.create_task(self._repeat(step, self._policy.poll_s), name=step.__name__)
            group.create_task(self._repeat(self.prune, self._policy.prune_s), name="prune")

    async def dispatch(self) -> None:
        """Claim what is due, a part at a time, and hand each part's launches on while the next is claimed."""
        handing: asyncio.Task[int] | None = None
        try:
            while True:
                taken: list[Message] = []
                claimed = await self.claim(taken)
                if handing is not None:
                    await handing
                if not taken:
                    return
                handing = asyncio.create_task(hand_over(self._database, taken, self._routes, clock=self._clock))
                if len(claimed) < self._policy.claim_limit:
                    await handing
                    return
        finally:
            if handing is not None and not handing.done():
                handing.cancel()
                await asyncio.gather(handing, return_exceptions=True)

    async def claim(self, taken: list[Message] | None = None) -> list[Bot]:
        """Claim what is due; who gives `taken` hands over what is in it."""
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
                taken=taken,
                hide_s=policy.relay_hide_s if taken is not None else 0.0,
            )
        if claimed:
            late_s = max((now - bot.launch_at).total_seconds() for bot in claimed)
            log.info("bots claimed", bots=len(claimed), first_bot_id=claimed[0].id, late_s=round(late_s, 3))
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
        """Drop messages done with long ago, and answers kept for repetitions that nobody sends any more."""
        now, policy = self._clock.now(), self._policy
        done_before, waiting_since = (now - timedelta(seconds=s) for s in (policy.keep_sent_s, policy.keep_untold_s))
        if self._retention is not None:
            await self._retention.step()
        async with self._database.write() as session:
            await idempotency.prune(session, now=now)
            pruned = await outbox.prune(session, done_before=done_before, waiting_since=waiting_since)
        if pruned.unheard:
            log.error("events that webhook endpoints were never told of were dropped", events=pruned.unheard)
        return pruned.dropped

    async def _serve(self) -> None:
        """Dispatch at each bot's time: a look is due then, and otherwise every `poll_s`."""
        while True:
            pause_s = self._policy.poll_s
            try:
                await self.dispatch()
                now = self._clock.now()
                async with self._database.read() as session:
                    following = await leases.next_launch(session, after=now)
                if following is not None:
                    pause_s = min(pause_s, (following - now).total_seconds())
            except BotError as error:
                _tell("dispatch", error)
            await self._clock.sleep(pause_s)

    async def _repeat(self, step: Callable[[], Awaitable[object]], pause_s: float) -> None:
        while True:
            try:
                await step()
            except BotError as error:
                _tell(step.__name__, error)
            await self._clock.sleep(pause_s)


def _tell(step: str, error: BotError) -> None:
    """A step that fails is made again; what it failed of must not end the others, on which every bot hangs. Without
    tables there is no step: raises DatabaseNotReady."""
    if isinstance(error, DatabaseNotReady):
        raise error
    if isinstance(error, Unavailable):
        log.warning("a step of the dispatcher has to wait", step=step, code=error.code)
    else:
        log.error("a step of the dispatcher has failed", step=step, code=error.code, error=str(error))
