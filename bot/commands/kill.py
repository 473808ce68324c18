"""`understudy kill BOT | --all`: the kill switch, for one bot or every bot that is in a meeting or on its way.

It writes to the database, so it works while the API does not; the bot's host acts within a quarter of a second.
"""

from __future__ import annotations

import argparse
import asyncio
from datetime import UTC, datetime

from bot.commands.person import at_the_command_line
from bot.config import Settings
from bot.errors import BadInput

HELP = "kill switch: a bot, or all of them, silent and gone at once"


def arguments(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("bot_id", metavar="BOT", nargs="?", help="the bot's id")
    which.add_argument("--all", action="store_true", help="every bot in a meeting or on its way")
    parser.add_argument("--scheduled", action="store_true", help="with --all: also those whose time has not come")


def run(args: argparse.Namespace, settings: Settings) -> int:
    if args.scheduled and not args.all:
        raise BadInput("--scheduled goes with --all: a bot that is named is cancelled also before its time")
    asyncio.run(_run(args, settings))
    return 0


async def _run(args: argparse.Namespace, settings: Settings) -> None:
    from bot.domain.lifecycle import Command
    from bot.scheduling import kill_switch
    from bot.store import leases, workspaces
    from bot.store.session import Database

    now, by = datetime.now(UTC), at_the_command_line()
    async with Database.open(settings) as database:
        async with database.write() as session:
            if args.all:
                workspace = await workspaces.ensure(session)
            else:
                killed = [await leases.ask(session, args.bot_id, command=Command.KILL, at=now, by=by)]
        if args.all:
            killed = await kill_switch.kill_all(database, workspace.id, scheduled=args.scheduled, at=now, by=by)
    for bot in killed:
        print(f"{bot.id}  {bot.bot_name}  {bot.state}")
    if not killed:
        print("no bot is in a meeting or on its way")
