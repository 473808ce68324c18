"""Webhooks: endpoints, what was sent to them, and sending it again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bot.client.connection import PAGE, Connection, read


@dataclass(frozen=True, kw_only=True, slots=True)
class Endpoint:
    """`events` empty: all. `disabled_reason`: by_user, unreachable or gone."""

    id: str
    url: str
    description: str
    events: list[str]
    enabled: bool
    disabled_reason: str | None
    disabled_at: datetime | None
    failing_since: datetime | None
    last_sequence: int
    previous_secret_until: datetime | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class EndpointWithSecret(Endpoint):
    """`secret` verifies its messages; it is told this once."""

    secret: str = field(repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    id: str
    event_id: str
    type: str
    sequence: int
    state: str
    tries: int
    next_at: datetime | None
    last_status: int | None
    last_error: str | None
    created_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """`status` None: no answer; `error` None: it arrived."""

    number: int
    at: datetime
    status: int | None
    error: str | None
    answer: str
    duration_ms: int


@dataclass(frozen=True, kw_only=True, slots=True)
class DeliveryDetail(Delivery):
    body: dict[str, Any]
    attempts: list[Attempt]


class Webhooks(Connection):
    async def webhooks(self) -> list[Endpoint]:
        return await self._list(Endpoint, "/webhooks")

    async def webhook(self, endpoint_id: str) -> Endpoint:
        return read(Endpoint, await self._ask("GET", f"/webhooks/{endpoint_id}"))

    async def create_webhook(
        self, *, url: str, events: Sequence[str] = (), description: str = ""
    ) -> EndpointWithSecret:
        """None of the `events`: all. Raises ApiError: the address is not https on a public server."""
        wanted = {"url": url, "events": list(events), "description": description}
        return read(EndpointWithSecret, await self._ask("POST", "/webhooks", body=wanted))

    async def change_webhook(
        self,
        endpoint_id: str,
        *,
        url: str | None = None,
        events: Sequence[str] | None = None,
        description: str | None = None,
        enabled: bool | None = None,
    ) -> Endpoint:
        """What is left out stays. `enabled`: what was held meanwhile is sent. Raises ApiError as `create_webhook`."""
        chosen = None if events is None else list(events)
        wanted = {"url": url, "events": chosen, "description": description, "enabled": enabled}
        return read(Endpoint, await self._ask("PATCH", f"/webhooks/{endpoint_id}", body=wanted))

    async def remove_webhook(self, endpoint_id: str) -> Endpoint:
        """What it was."""
        return read(Endpoint, await self._ask("DELETE", f"/webhooks/{endpoint_id}"))

    async def rotate_webhook_secret(self, endpoint_id: str, *, overlap_s: int = 86400) -> EndpointWithSecret:
        """So long messages are signed with the secret before as well."""
        path, body = f"/webhooks/{endpoint_id}/rotate-secret", {"overlap_s": overlap_s}
        return read(EndpointWithSecret, await self._ask("POST", path, body=body))

    async def test_webhook(self, endpoint_id: str) -> Delivery:
        """A message of the type `webhook.test`, on its way. Raises ApiError: the endpoint is disabled."""
        return read(Delivery, await self._ask("POST", f"/webhooks/{endpoint_id}/test", body={}))

    async def deliveries(self, endpoint_id: str, *, state: str | None = None) -> AsyncIterator[Delivery]:
        """What was sent and what waits, newest first, page by page."""
        query: dict[str, Any] = {"limit": PAGE, "state": state}
        while True:
            page = await self._ask("GET", f"/webhooks/{endpoint_id}/deliveries", query=query)
            for one in page["data"]:
                yield read(Delivery, one)
            if not page["has_more"]:
                return
            query["before"] = page["data"][-1]["sequence"]

    async def delivery(self, endpoint_id: str, delivery_id: str) -> DeliveryDetail:
        """With its message, and every attempt with what was answered."""
        return read(DeliveryDetail, await self._ask("GET", f"/webhooks/{endpoint_id}/deliveries/{delivery_id}"))

    async def replay_delivery(self, endpoint_id: str, delivery_id: str) -> Delivery:
        """Sent again under the same id. Raises ApiError: the endpoint is disabled."""
        return read(Delivery, await self._ask("POST", f"/webhooks/{endpoint_id}/deliveries/{delivery_id}/replay"))

    async def replay_webhook(self, endpoint_id: str, *, since: datetime, state: str | None = None) -> int:
        """How many of what happened since then are sent again; `state`: delivered, failed or waiting ones alone.
        Raises ApiError: the endpoint is disabled."""
        body = {"since": since, "state": state}
        return int((await self._ask("POST", f"/webhooks/{endpoint_id}/replay", body=body))["deliveries"])
