"""The courier: makes messages of what happened and brings them to users' servers. Several may run beside each other.

It has a process of its own: whatever a user's server or name server does, no bot is launched later for it.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Protocol

from bot.clock import Clock
from bot.egress.addresses import AddressRefused
from bot.egress.requests import Answer, NoAnswer
from bot.egress.resolver import NameUnknown
from bot.errors import Unavailable
from bot.log import get_log
from bot.store import webhook_deliveries, webhook_endpoints
from bot.store.session import Database
from bot.store.webhook_deliveries import Attempt, Delivery
from bot.store.webhook_endpoints import Endpoint
from bot.vault import BadKeyFile, SecretUnreadable, Vault
from bot.webhooks import signing
from bot.webhooks.policy import DEFAULT, Policy, error_of, verdict

log = get_log(__name__)

KEPT_ANSWER_CHARACTERS = 500


class Sender(Protocol):
    async def request(self, method: str, url: str, *, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        """Raises AddressRefused, NameUnknown, NoAnswer."""
        ...


class Courier:
    def __init__(
        self,
        database: Database,
        vault: Vault,
        sender: Sender,
        *,
        clock: Clock,
        policy: Policy = DEFAULT,
        chance: Callable[[], float] = random.random,
        agent: str = "Understudy",
    ) -> None:
        self._database, self._vault, self._sender = database, vault, sender
        self._clock, self._policy, self._chance, self._agent = clock, policy, chance, agent
        self._flying: dict[str, tuple[str, str]] = {}  # requests under way by delivery: workspace, endpoint
        self._ended = asyncio.Event()  # one of them is over: there is room, and its lane may have another

    async def run(self) -> None:
        """Until cancelled. A database that is away is waited for."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._repeat(self.tell, self._policy.poll_s), name="tell")
            group.create_task(
                self._repeat(lambda: self._start(group), self._policy.poll_s, self._ended), name="deliver"
            )
            group.create_task(self._repeat(self.prune, self._policy.prune_s), name="prune")

    async def tell(self) -> int:
        """Make messages of what happened; returns of how many changes."""
        now = self._clock.now()
        async with self._database.read() as session:
            if not await webhook_deliveries.any_untold(session, now=now):
                return 0
        async with self._database.write() as session:
            return await webhook_deliveries.tell(session, now=now, limit=self._policy.tell_limit)

    async def deliver(self) -> int:
        """Send what is due, and what becomes due by that, to the end; returns how many attempts were made."""
        made = 0
        while True:
            async with asyncio.TaskGroup() as group:
                started = await self._start(group)
            if not started:
                return made
            made += started

    async def prune(self) -> int:
        """Drop deliveries of long ago."""
        before = self._clock.now() - timedelta(seconds=self._policy.keep_s)
        async with self._database.write() as session:
            return await webhook_deliveries.prune(session, before=before)

    async def _start(self, group: asyncio.TaskGroup) -> int:
        """Begin to send what is due, as far as there is room."""
        now, policy = self._clock.now(), self._policy
        free = policy.concurrency - len(self._flying)
        if free <= 0:
            return 0
        async with self._database.read() as session:
            if not await webhook_deliveries.any_due(session, now=now):
                return 0
        async with self._database.write() as session:
            taken = await webhook_deliveries.take(
                session,
                now=now,
                hide_s=policy.hide_s,
                limit=free,
                per_endpoint=policy.per_endpoint,
                per_workspace=policy.per_workspace,
                flying=self._flying.values(),
            )
        for delivery, endpoint in taken:
            self._flying[delivery.id] = endpoint.workspace_id, endpoint.id
            group.create_task(self._deliver(delivery, endpoint), name=f"deliver {delivery.id}")
        return len(taken)

    async def _deliver(self, delivery: Delivery, endpoint: Endpoint) -> None:
        try:
            attempt, asked_s = await self._attempt(delivery, endpoint)
            await self._conclude(delivery, attempt, asked_s)
        except Unavailable as error:  # it comes back by itself
            log.warning("an attempt could not be written down", delivery_id=delivery.id, code=error.code)
        finally:
            self._flying.pop(delivery.id, None)
            self._ended.set()

    async def _attempt(self, delivery: Delivery, endpoint: Endpoint) -> tuple[Attempt, float | None]:
        """One request; and how long the receiver asks us to wait."""
        at, began_s = self._clock.now(), self._clock.monotonic_s()
        status, error, said, asked_s = None, None, "", None
        try:
            answer = await self._sender.request(
                "POST", endpoint.url, headers=self._headers(delivery, endpoint, at), body=delivery.body.encode()
            )
            status, error, said = answer.status, error_of(answer.status), _printable(answer.body)
            asked_s = _asked_s(answer)
        except (AddressRefused, NoAnswer) as failed:
            error = failed.reason if isinstance(failed, NoAnswer) else failed.code
        except (NameUnknown, SecretUnreadable, BadKeyFile) as failed:
            error = failed.code
            if not isinstance(failed, NameUnknown):
                log.error("a webhook cannot be signed", endpoint_id=endpoint.id, code=failed.code)
        took_ms = round((self._clock.monotonic_s() - began_s) * 1000)
        log.info("webhook tried", delivery_id=delivery.id, number=delivery.tries, status=status, error=error)
        made = Attempt(number=delivery.tries, at=at, status=status, error=error, answer=said, duration_ms=took_ms)
        return made, asked_s

    def _headers(self, delivery: Delivery, endpoint: Endpoint, at: datetime) -> dict[str, str]:
        """Raises SecretUnreadable, BadKeyFile."""
        sealed = [endpoint.sealed_secret]
        if endpoint.sealed_previous and endpoint.previous_until and at < endpoint.previous_until:
            sealed.append(endpoint.sealed_previous)
        place = webhook_endpoints.place(endpoint.id)
        secrets = [self._vault.open(one, place=place) for one in sealed]
        signed = signing.headers(delivery.event_id, int(at.timestamp()), delivery.body.encode(), secrets=secrets)
        return {"Content-Type": "application/json", "User-Agent": self._agent, **signed}

    async def _conclude(self, delivery: Delivery, attempt: Attempt, asked_s: float | None) -> None:
        now = self._clock.now()
        ruled = verdict(
            status=attempt.status,
            arrived=attempt.error is None,
            tries=delivery.tries - delivery.tries_before,
            now=now,
            policy=self._policy,
            random=self._chance(),
            asked_s=asked_s,
        )
        async with self._database.write() as session:
            disabled = await webhook_deliveries.conclude(session, delivery, attempt, ruled, now=now)
        if disabled:
            log.warning("a webhook endpoint was disabled", endpoint_id=delivery.endpoint_id, reason=ruled.disable)

    async def _repeat(
        self, step: Callable[[], Awaitable[object]], pause_s: float, sooner: asyncio.Event | None = None
    ) -> None:
        """Each `pause_s`, or as soon as `sooner` is set: a backlog is not worked off at the pace of looking for one."""
        while True:
            if sooner is not None:
                sooner.clear()
            try:
                await step()
            except Unavailable as error:
                log.warning("the courier has to wait", code=error.code)
            waiting: set[asyncio.Task[object]] = {asyncio.create_task(self._clock.sleep(pause_s))}
            if sooner is not None:
                waiting.add(asyncio.create_task(sooner.wait()))
            try:
                await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for one in waiting:
                    one.cancel()


def _asked_s(answer: Answer) -> float | None:
    """Retry-After in seconds; a date, which would trust another clock, is not heeded."""
    text = next((value for name, value in answer.headers.items() if name.lower() == "retry-after"), "")
    return float(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _printable(said: bytes) -> str:
    """The beginning of an answer, without what could command a terminal."""
    text = said.decode(errors="replace")[:KEPT_ANSWER_CHARACTERS]
    return "".join(character if character.isprintable() else " " for character in text)
