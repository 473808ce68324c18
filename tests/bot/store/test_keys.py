"""API keys are shown once and kept as a hash."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from bot.domain import roles
from bot.domain.roles import Role
from bot.store import keys, sign_ins, tables
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


async def test_a_role_is_what_this_version_says_and_scopes_of_ones_own_are_what_they_were(store):
    async with store.database.write() as session:
        mine = {"workspace_id": store.workspace.id, "name": "ci"}
        of_role, text = await keys.create(session, **mine, role=Role.OPERATOR)
        _, own = await keys.create(session, **mine, scopes=("bots:read",))
        change = sa.update(tables.api_keys).where(tables.api_keys.c.id == of_role.id)
        for role, written, expected in (
            ("operator", ["bots:read"], sorted(roles.SCOPES[Role.OPERATOR])),  # made when it could do less
            ("of a later version", ["bots:read"], ["bots:read"]),
        ):
            await session.execute(change.values(role=role, scopes=written))
            assert (await keys.verify(session, text, now=NOW)).scopes == expected
        kept = await keys.verify(session, own, now=NOW)
    assert (kept.role, list(kept.scopes)) == (None, ["bots:read"])


async def test_who_signs_in_has_the_role_of_the_token(store):
    async with store.database.write() as session:
        token = await sign_ins.issue_token(session, workspace_id=store.workspace.id, role=Role.VIEWER, now=NOW)
        made, secret = await sign_ins.exchange(session, token, now=NOW)
        assert made == await sign_ins.verify(session, secret, now=NOW)
        assert (made.role, set(made.scopes)) == (Role.VIEWER, roles.SCOPES[Role.VIEWER])
        await session.execute(sa.update(tables.browser_sessions).values(role="of a later version"))
        assert (await sign_ins.verify(session, secret, now=NOW)).role is Role.VIEWER
