"""`understudy courier` as `up` starts it: a real process, a real receiver, and the reference library's word for it."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from bot.config import Settings, child_environment
from bot.domain.lifecycle import BotState
from bot.store import bots
from bot.supervision.installation import ROOT
from tests.bot.clocks import HandClock, until
from tests.bot.stores import NOW, Seeded
from tests.bot.webhooks.receivers import Receiver, post_of, receiving

pytestmark = [pytest.mark.slow, pytest.mark.parallel]

START_TIMEOUT_S = 60.0


async def test_what_happens_reaches_a_receiver_and_the_process_ends_when_told(
    sqlite_store: Seeded, tmp_path: Path
) -> None:
    reference = pytest.importorskip("standardwebhooks", reason="the package standardwebhooks is missing")
    settings = Settings(home=tmp_path, database_url=sqlite_store.url, egress_allow="127.0.0.1")
    receiver = Receiver()
    async with receiving(receiver) as url:
        _, secret = await post_of(sqlite_store, tmp_path, HandClock()).endpoint(url)
        bot = await sqlite_store.bot()
        async with sqlite_store.database.write() as session:
            await bots.move(session, bot.id, attempt=0, to=BotState.CANCELLED, at=NOW)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot", "courier", cwd=ROOT, env=child_environment(settings)
        )
        try:
            await until(lambda: len(receiver.taken) == 2, START_TIMEOUT_S)
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(START_TIMEOUT_S):
                assert await process.wait() == 0
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    told = [reference.Webhook(secret).verify(body, headers) for headers, body in receiver.taken]
    assert [(one["type"], one["sequence"]) for one in told] == [("bot.scheduled", 1), ("bot.cancelled", 2)]
