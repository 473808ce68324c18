"""`understudy kill` works on the database, with no API there."""

from __future__ import annotations

import argparse
import asyncio

import pytest

from bot.commands import kill
from bot.config import Settings
from bot.domain.lifecycle import BotState
from bot.errors import BadInput, NotFound
from bot.store import bots
from tests.bot.stores import Seeded


def told(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(exit_on_error=False)
    kill.arguments(parser)
    return parser.parse_args(list(words))


@pytest.mark.parametrize("everyone", [True, False])
async def test_a_bot_on_its_way_is_cancelled_and_the_event_says_who_did_it(
    sqlite_store: Seeded, everyone: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    bot = await sqlite_store.bot()
    args = told("--all" if everyone else bot.id)
    assert await asyncio.to_thread(kill.run, args, Settings(database_url=sqlite_store.url)) == 0
    async with sqlite_store.database.read() as session:
        event = (await bots.events(session, bot.id))[-1]
    assert (event.state, event.code, event.data["by"]) == (BotState.CANCELLED, "killed", "command_line")
    assert event.data["user"] and capsys.readouterr().out.startswith(bot.id)


def test_a_bot_that_is_named_and_a_word_about_all_do_not_go_together() -> None:
    with pytest.raises(BadInput, match="--all"):
        kill.run(told("some-bot", "--scheduled"), Settings())


async def test_a_bot_that_does_not_exist_is_told(sqlite_store: Seeded) -> None:
    with pytest.raises(NotFound):
        await asyncio.to_thread(kill.run, told("nobody"), Settings(database_url=sqlite_store.url))
