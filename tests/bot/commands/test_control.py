"""The commands of store and control, run as a user runs them, each in a process."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from bot.config import Settings, environment_of


@pytest.fixture
def understudy(tmp_path):
    def run(*words):
        environment = {"PATH": "/usr/bin:/bin", **environment_of(Settings(home=tmp_path / "home"))}
        return subprocess.run(
            [sys.executable, "-m", "bot", *words], env=environment, capture_output=True, text=True, timeout=60
        )

    return run


@pytest.mark.slow
@pytest.mark.parallel
def test_a_database_is_made_checked_and_keyed(understudy):
    assert understudy("db", "check").returncode == 1
    assert [understudy("db", "upgrade").returncode for _ in range(2)] == [0, 0]
    assert understudy("db", "check").returncode == 0
    made = json.loads(understudy("keys", "create", "--json", "--name", "ci").stdout)
    assert made["key"].startswith(f"uk_{made['id']}_")
    assert understudy("keys", "revoke", made["id"]).returncode == 0
    assert understudy("keys", "create", "--role", "viewer").returncode == 0
    listed = understudy("keys", "list").stdout
    assert "revoked" in listed and "(admin)" in listed and "(viewer)" in listed
    token = understudy("keys", "sign-in", "--role", "operator")
    assert token.stdout.count("\n") == 1 and f"/dashboard/#token={token.stdout.strip()}\n" in token.stderr
    trail = [json.loads(line) for line in understudy("audit", "export").stdout.splitlines()]
    assert [one["action"] for one in trail] == ["create_key", "revoke_key", "create_key", "create_setup_token"]
    assert {one["actor"]["by"] for one in trail} == {"command_line"} and trail[2]["details"]["role"] == "viewer"
    unknown = understudy("keys", "revoke", "0" * 16)
    assert (unknown.returncode, "unknown_key" in unknown.stderr) == (1, True)


def test_asking_for_help_loads_nothing_heavy():
    ours = ("api", "worker", "dispatcher", "courier", "bot-host", "db", "keys", "webhooks", "knowledge", "character")
    code = (
        "import argparse, importlib, sys; from bot.cli import COMMANDS\n"
        f"for name in {ours!r}: importlib.import_module(COMMANDS[name][0]).arguments(argparse.ArgumentParser())\n"
        "heavy = {'sqlalchemy', 'celery', 'aiohttp', 'alembic', 'pydantic'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
