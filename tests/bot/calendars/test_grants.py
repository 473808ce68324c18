"""Refresh tokens on each database: kept whenever they change, whatever else is done to their row meanwhile."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from bot.calendars import grants
from bot.calendars.connect import connect_granted
from bot.calendars.grants import Grant
from bot.calendars.model import Rules
from bot.store import calendars, sealed
from bot.vault import Vault
from tests.bot.stores import NOW, Seeded


class TakesEachTokenOnce:
    """Gives another at every use; `meanwhile` is done while it answers."""

    def __init__(self, meanwhile: Callable[[], Awaitable[object]]) -> None:
        self.good, self._meanwhile = "first", meanwhile

    async def access(self, refresh_token: str) -> Grant:
        if refresh_token != self.good:
            raise grants.GrantRevoked
        self.good += "+"
        await self._meanwhile()
        return Grant(access_token="for an hour", refresh_token=self.good)

    def consent_url(self, *, redirect_uri: str, state: str, challenge: str) -> str:
        raise NotImplementedError

    async def exchange(self, code: str, *, redirect_uri: str, verifier: str) -> Grant:
        raise NotImplementedError


@pytest.mark.slow
@pytest.mark.parallel
async def test_keys_that_are_changed_during_a_refresh_cost_no_grant(store: Seeded, tmp_path: Path) -> None:
    vault = Vault(tmp_path / "secret-keys")
    mine: dict[str, Any] = {"workspace_id": store.workspace.id, "character_id": store.character.id, "rules": Rules()}
    mine |= {"provider": "microsoft", "owner": "ann@own.org", "calendar": "primary", "now": NOW}
    async with store.database.write() as session:
        made = await connect_granted(session, vault, refresh_token="first", **mine)

    async def rotate() -> None:
        vault.add_key()
        assert await sealed.reseal(store.database, vault.reseal) == 1

    async def stored() -> calendars.Calendar:
        async with store.database.read() as session:
            return await calendars.get(session, made.id, workspace_id=made.workspace_id)

    provider = TakesEachTokenOnce(rotate)
    for _ in range(2):
        before = await stored()
        token = vault.open(before.sealed_secret, place=calendars.place(made.id))
        await grants.opened(provider, before, token, database=store.database, vault=vault)
        assert vault.open((await stored()).sealed_secret, place=calendars.place(made.id)) == provider.good

    async def connect_again() -> None:
        another = vault.seal("of another consent", place=calendars.place(made.id))
        async with store.database.write() as session:
            await calendars.opened_by(session, made.id, sealed_secret=another, now=NOW)
        await rotate()

    provider, before = TakesEachTokenOnce(connect_again), await stored()
    await grants.opened(provider, before, "first", database=store.database, vault=vault)
    theirs = vault.open((await stored()).sealed_secret, place=calendars.place(made.id))
    assert theirs == "of another consent", "whoever connects it again has the last word"
