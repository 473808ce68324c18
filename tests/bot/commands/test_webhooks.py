"""`understudy webhooks` and `secrets`: the words a person types, and what becomes of them."""

from __future__ import annotations

import argparse
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from bot.commands import secrets, webhooks
from bot.commands.webhooks import UnknownEvent
from bot.config import Settings
from bot.egress.addresses import AddressRefused
from bot.store import webhook_deliveries, webhook_endpoints
from bot.store.webhook_deliveries import Attempt, DeliveryState, Verdict
from bot.vault import SecretUnreadable, Vault
from tests.bot.stores import NOW, Seeded


@pytest.fixture
def settings(sqlite_store: Seeded, tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, database_url=sqlite_store.url, egress_allow="10.0.0.0/8")


async def typed(settings: Settings, *words: str, command: ModuleType = webhooks) -> None:
    parser = argparse.ArgumentParser()
    command.arguments(parser)
    args = parser.parse_args(words)
    await (command._run(args, settings) if command is webhooks else command._run(args.action, settings))


async def added(settings: Settings, capsys: Any, *words: str) -> tuple[str, str]:
    await typed(settings, "add", "https://hooks.example.com/x", *words)
    endpoint_id, secret = capsys.readouterr().out.split()
    return endpoint_id, secret


async def test_an_endpoint_is_added_listed_disabled_and_removed(settings: Settings, capsys: Any) -> None:
    endpoint_id, secret = await added(settings, capsys, "--events", "bot.ended, bot.failed", "--description", "CRM")
    await typed(settings, "list")
    await typed(settings, "disable", endpoint_id)
    await typed(settings, "enable", endpoint_id)
    listed, disabled, enabled = capsys.readouterr().out.splitlines()
    assert listed == f"{endpoint_id}  active  bot.ended,bot.failed  https://hooks.example.com/x  CRM" == enabled
    assert "disabled (by_user)" in disabled and secret.startswith("whsec_")
    await typed(settings, "remove", endpoint_id)
    await typed(settings, "list")
    assert capsys.readouterr().out == f"removed {endpoint_id}\n"


async def test_what_cannot_be_told_or_reached_is_refused(settings: Settings) -> None:
    with pytest.raises(UnknownEvent, match=r"bot\.exploded"):
        await typed(settings, "add", "https://hooks.example.com/", "--events", "bot.exploded")
    with pytest.raises(AddressRefused):
        await typed(settings, "add", "https://192.168.0.1/")
    await typed(settings, "add", "http://10.1.2.3:8080/")


async def test_a_delivery_is_looked_into_and_sent_again(sqlite_store: Seeded, settings: Settings, capsys: Any) -> None:
    endpoint_id, _ = await added(settings, capsys)
    await typed(settings, "test", endpoint_id)
    delivery_id = capsys.readouterr().out.split()[0]
    async with sqlite_store.database.write() as session:
        [(taken, _)] = await webhook_deliveries.take(
            session, now=NOW.replace(year=2100), hide_s=60, limit=9, per_endpoint=9, per_workspace=9
        )
        failed = Attempt(number=1, at=NOW, status=500, error="receiver_failed", answer="oh", duration_ms=7)
        await webhook_deliveries.conclude(session, taken, failed, Verdict(state=DeliveryState.FAILED), now=NOW)
    await typed(settings, "deliveries", endpoint_id, "--state", "failed")
    await typed(settings, "deliveries", endpoint_id, delivery_id)
    line, same, body, attempt = capsys.readouterr().out.splitlines()
    assert line == same and line.startswith(delivery_id) and line.endswith("webhook.test  receiver_failed")
    assert '"type":"webhook.test"' in body
    assert attempt.split()[-5:] == ["7", "ms", "500", "receiver_failed", "oh"]
    await typed(settings, "replay", endpoint_id, "--delivery", delivery_id)
    await typed(settings, "replay", endpoint_id, "--since", "2020-01-01T00:00", "--state", "failed")
    assert capsys.readouterr().out == "1 sent again\n0 sent again\n"


async def test_keys_change_without_an_unreadable_secret(sqlite_store: Seeded, settings: Settings, capsys: Any) -> None:
    endpoint_id, first = await added(settings, capsys)
    await typed(settings, "rotate", endpoint_id)
    second = capsys.readouterr().out.split()[1]
    old = Vault(settings.home / "old")
    old.file.write_bytes((settings.home / "secret-keys").read_bytes())
    for action in ("rotate", "retire"):
        await typed(settings, action, command=secrets)
    async with sqlite_store.database.read() as session:
        [kept] = await webhook_endpoints.list_all(session, workspace_id=sqlite_store.workspace.id)
    sealed, place = (kept.sealed_secret, kept.sealed_previous), webhook_endpoints.place(endpoint_id)
    assert [Vault.of(settings).open(one, place=place) for one in sealed] == [second, first]
    with pytest.raises(SecretUnreadable):
        old.open(kept.sealed_secret, place=place)
    assert "keys retired: 1; secrets sealed with the one that is left: 2" in capsys.readouterr().out
