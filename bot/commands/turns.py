"""`understudy turns`: what a bot decided, turn by turn, and where the time went; or the records as JSON Lines."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from typing import Any

from bot.config import Settings

HELP = "what a bot decided and said, turn by turn"
PAGE = 500


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bot", metavar="BOT", help="the bot's id")
    parser.add_argument("--jsonl", action="store_true", help="the whole records, one JSON object a line")
    parser.add_argument("--no-words", action="store_true", help="without what people said and what was said to them")


def run(args: argparse.Namespace, settings: Settings) -> int:
    try:
        asyncio.run(_show(args, settings))
        sys.stdout.flush()
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


async def _show(args: argparse.Namespace, settings: Settings) -> None:
    if not args.jsonl:
        print(_HEAD)
    async for turn in _turns(args.bot, settings, words=not args.no_words):
        print(json.dumps(turn, ensure_ascii=False) if args.jsonl else line(turn))


async def _turns(bot_id: str, settings: Settings, *, words: bool) -> AsyncIterator[dict[str, Any]]:
    """As the API exports them. Raises UnknownBot."""
    from bot.domain.turn_record import without_words
    from bot.store import bots, turns, workspaces
    from bot.store.session import Database

    async with Database.open(settings) as database:
        async with database.write() as session:
            workspace = await workspaces.ensure(session)
            bot = await bots.get(session, bot_id, workspace_id=workspace.id)
        after = 0
        while True:
            async with database.read() as session:
                found = await turns.page(session, bot.id, after=after, limit=PAGE)
            for turn in found:
                record = dict(turn.record) if words else without_words(turn.record)
                yield {"sequence": turn.sequence, "attempt": turn.attempt, "epoch": turn.epoch, "record": record}
            if len(found) < PAGE:
                return
            after = found[-1].sequence


_HEAD = f"{'epoch':>5}  {'decision':8} {'because':16} {'latency':>8} {'ours':>7} {'frame':>7}  what"


def line(turn: Mapping[str, Any]) -> str:
    """One turn for people: `ours` is the time outside the models, `frame` the wait for the device's next turn."""
    record = turn["record"]
    times = (record.get("latency_device_ms"), record.get("overhead_ms"), record.get("wait_for_frame_ms"))
    latency, ours, frame = ("" if time is None else f"{time:.0f} ms" for time in times)
    words = " / ".join(filter(None, (record.get("question") or record.get("heard"), record.get("answer_heard"))))
    cut = " (cut)" if record.get("interrupted") else ""
    epoch = "" if turn["epoch"] is None else str(turn["epoch"])
    decision, because = record.get("decision") or "", record.get("because") or record.get("kind") or ""
    return f"{epoch:>5}  {decision:8} {because:16} {latency:>8} {ours:>7} {frame:>7}  {words}{cut}".rstrip()
