"""A calendar of somebody's account as a source of events: opened by a grant, read by window and token, and followed by
a channel through which its provider tells us of changes. How a provider does that is a class beside its client."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from functools import partial
from typing import ClassVar, Generic, Protocol, TypeVar

from bot.calendars import channels, grants, windows
from bot.calendars.grants import Grant
from bot.calendars.model import Event
from bot.calendars.policy import Policy
from bot.calendars.sources import Read
from bot.store import calendar_channels
from bot.store.calendar_channels import Channel
from bot.store.calendars import Calendar
from bot.store.session import Database
from bot.store.tables import new_id
from bot.vault import Vault


class Account(grants.Provider, windows.Listing, Protocol):
    """A provider's API."""


A = TypeVar("A", bound=Account)


class AccountSource(Generic[A]):
    event_of: ClassVar[Callable[..., Event | None]]
    notices_path: ClassVar[str]

    def __init__(
        self, account: A, database: Database, vault: Vault, *, public_url: str = "", own_hosts: Collection[str] = ()
    ) -> None:
        """`public_url`: where the API is reached from outside; empty: the provider cannot tell us, and we ask.
        `own_hosts`: of the operator's own meeting servers."""
        self._account, self._database, self._vault = account, database, vault
        self._address = f"{public_url.rstrip('/')}{self.notices_path}" if public_url else ""
        self._event_of = partial(type(self).event_of, own_hosts=own_hosts)

    async def read(self, calendar: Calendar, secret: str, *, now: datetime, policy: Policy) -> Read:
        grant = await self._open(calendar, secret)
        if self._address:
            await self._keep_told(calendar, grant, now)
        return await windows.read(self._account, self._event_of, calendar, grant, now=now, policy=policy)

    async def close(self, calendar: Calendar, secret: str) -> None:
        """The provider stops telling us of it."""
        opened = [channel for channel in await self._channels(calendar) if channel.resource_id]
        if opened:
            grant = await self._open(calendar, secret)
            for channel in opened:
                await self._end(channel, grant)

    # a provider's own

    async def _keep_told(self, calendar: Calendar, grant: Grant, now: datetime) -> None:
        """See to it that there is a channel that lasts. What fails is tried at the next read: meanwhile the calendar is
        asked every few minutes."""
        raise NotImplementedError

    async def _end(self, channel: Channel, grant: Grant) -> None:
        """Of one that was opened; safe twice."""
        raise NotImplementedError

    # what they share

    async def _open(self, calendar: Calendar, secret: str) -> Grant:
        return await grants.opened(self._account, calendar, secret, database=self._database, vault=self._vault)

    async def _channels(self, calendar: Calendar) -> list[Channel]:
        async with self._database.read() as session:
            return await calendar_channels.of(session, calendar.id)

    async def _write_down(self, calendar: Calendar, now: datetime) -> tuple[str, str]:
        """The id and the secret of a channel that is about to be asked for: its first message may come before the
        answer."""
        token, channel_id = channels.new_token(), new_id()
        mine = {"workspace_id": calendar.workspace_id, "calendar_id": calendar.id}
        async with self._database.write() as session:
            await calendar_channels.create(session, channel_id, token_sha256=channels.hashed(token), now=now, **mine)
        return channel_id, token

    async def _opened(self, channel_id: str, *, resource_id: str, expires_at: datetime) -> None:
        async with self._database.write() as session:
            await calendar_channels.opened(session, channel_id, resource_id=resource_id, expires_at=expires_at)

    async def _forget(self, channel_ids: Sequence[str]) -> None:
        async with self._database.write() as session:
            await calendar_channels.forget(session, list(channel_ids))
