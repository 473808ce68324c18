"""The API under schemathesis: requests made from its own description, right and wrong ones. Nothing it answers is a
fault of the server's, and nothing is missing in the description."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import sys
from pathlib import Path

import pytest

from bot.api.handlers.live import StreamLimits
from bot.store import tables, webhook_deliveries, webhook_endpoints
from tests.bot.api.dashboard_server import dashboard_on
from tests.bot.api.test_live import key_of
from tests.bot.store.test_dashboard import in_call
from tests.bot.stores import NOW, Seeded
from tests.house.sources import ROOT

BRIEF = StreamLimits(heartbeat_s=0.05, longest_s=0.1)
# A schema cannot say which links are a meeting's or which bytes a picture: what only looks right is refused by name.
LEFT_OUT = "positive_data_acceptance"
SHORT = ("--phases", "fuzzing", "--max-examples", "2")
WHOLE = ("--phases", "examples,coverage,fuzzing,stateful", "--max-examples", "60")

pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.skipif(importlib.util.find_spec("schemathesis") is None, reason="the package schemathesis is missing"),
]


async def fuzz(store: Seeded, folder: Path, *words: str) -> tuple[int, str]:
    """How schemathesis ends, and what it says."""
    bot = await in_call(store)
    ids = {"bot_id": bot.id, "character_id": store.character.id, "name": "joining.png"}
    async with store.database.write() as session:
        mine = {"workspace_id": bot.workspace_id, "endpoint_id": tables.new_id(), "now": NOW}
        hook = await webhook_endpoints.create(session, url="https://hooks.example/", sealed_secret="-", **mine)
        told = await webhook_deliveries.add(session, hook, event_type="webhook.test", data={}, now=NOW)
    ids |= {"endpoint_id": hook.id, "delivery_id": told}
    key, other = await key_of(store), await key_of(store)
    ids |= {"own_key_id": key.split("_")[1], "key_id": other.split("_")[1]}
    async with dashboard_on(store, folder, limits=BRIEF) as server:
        argv = ("run", f"{server.origin}/openapi.json", "--header", f"Authorization: Bearer {key}", "--seed", "1")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "schemathesis.cli", *argv, "--exclude-checks", LEFT_OUT, "--no-color", *words),
            cwd=folder,  # it keeps what it has found beside it
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "SCHEMATHESIS_HOOKS": "tests.bot.api.fuzz_hooks",
                "FUZZ_IDS": json.dumps(ids),
            },
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode()


@pytest.mark.slow
@pytest.mark.parallel
async def test_a_few_requests_of_every_kind_are_answered_as_described(sqlite_store: Seeded, tmp_path: Path) -> None:
    code, said = await fuzz(sqlite_store, tmp_path, *SHORT)
    assert code == 0, said


@pytest.mark.acceptance
@pytest.mark.parallel
async def test_whatever_is_asked_is_answered_as_described_on_each_database(store: Seeded, tmp_path: Path) -> None:
    code, said = await fuzz(store, tmp_path, *WHOLE)
    assert code == 0, said
