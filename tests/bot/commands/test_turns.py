"""`understudy turns`: for people a line a turn, for programs the records."""

from __future__ import annotations

import argparse
import json
from typing import Any

import pytest

from bot.commands import turns as command
from bot.config import Settings
from bot.store import turns
from bot.store.bots import UnknownBot
from tests.bot.store.test_bots import claimed
from tests.bot.stores import Seeded

ANSWER = {
    "decision": "answer",
    "because": "alone",
    "question": "what about soil",
    "answer_heard": "It is brown.",
    "interrupted": True,
    "latency_device_ms": 1312.4,
    "overhead_ms": 41.2,
    "wait_for_frame_ms": 90.0,
}


async def shown(store: Seeded, bot_id: str, *words: str) -> None:
    parser = argparse.ArgumentParser()
    command.arguments(parser)
    await command._show(parser.parse_args([bot_id, *words]), Settings(database_url=store.url))


@pytest.fixture
async def bot_id(sqlite_store: Seeded) -> str:
    bot = await claimed(sqlite_store)
    ignored = {"decision": "ignore", "because": "not_addressed", "heard": "hello Bob"}
    async with sqlite_store.database.write() as session:
        await turns.record(session, bot.id, attempt=1, epoch=2, record=ANSWER)
        await turns.record(session, bot.id, attempt=1, epoch=None, record=ignored)
    return bot.id


async def test_a_turn_is_a_line_with_its_times_and_words(sqlite_store: Seeded, bot_id: str, capsys: Any) -> None:
    await shown(sqlite_store, bot_id)
    head, answer, ignored = capsys.readouterr().out.splitlines()
    assert answer.split()[:8] == ["2", "answer", "alone", "1312", "ms", "41", "ms", "90"]
    assert answer.endswith("what about soil / It is brown. (cut)")
    assert ignored.split()[:2] == ["ignore", "not_addressed"]
    assert head.index("what") == answer.index("what about")


async def test_as_json_lines_it_is_what_the_api_exports(sqlite_store: Seeded, bot_id: str, capsys: Any) -> None:
    await shown(sqlite_store, bot_id, "--jsonl", "--no-words")
    answer, ignored = map(json.loads, capsys.readouterr().out.splitlines())
    assert answer["record"] == {k: v for k, v in ANSWER.items() if k not in ("question", "answer_heard")}
    assert (ignored["epoch"], ignored["record"]) == (None, {"decision": "ignore", "because": "not_addressed"})


async def test_an_unknown_bot_is_told(sqlite_store: Seeded) -> None:
    with pytest.raises(UnknownBot):
        await shown(sqlite_store, "nobody")
