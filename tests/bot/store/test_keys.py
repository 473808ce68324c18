"""API keys are shown once and kept as a hash."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from bot.store import keys, tables
from tests.bot.stores import NOW


async def test_the_secret_is_kept_nowhere(store):
    async with store.database.write() as session:
        key, text = await keys.create(session, workspace_id=store.workspace.id, name="ci")
        row = (await session.execute(sa.select(tables.api_keys))).one()
    secret = text.removeprefix(f"uk_{key.id}_")
    assert len(secret) * 6 >= 160  # bits, base64
    assert not [value for value in row if secret in str(value)]


async def test_a_used_key_is_written_down_once_a_minute(store):
    async with store.database.write() as session:
        key, text = await keys.create(session, workspace_id=store.workspace.id, name="ci")
        assert keys.is_stale(key, NOW)
        await keys.touch(session, key.id, now=NOW)
        used = await keys.verify(session, text, now=NOW)
    assert not keys.is_stale(used, NOW + timedelta(seconds=59))
    assert keys.is_stale(used, NOW + timedelta(seconds=60))


async def test_a_key_with_an_end_opens_nothing_from_then_on(store):
    end = NOW + timedelta(days=1)
    async with store.database.write() as session:
        _, text = await keys.create(session, workspace_id=store.workspace.id, name="ci", expires_at=end)
        assert (await keys.verify(session, text, now=end - timedelta(seconds=1))).expires_at == end
        with pytest.raises(keys.BadKey):
            await keys.verify(session, text, now=end)
