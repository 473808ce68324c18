"""`understudy calendar-keeper`: reads calendars and looks after their bots. Several may run beside each other."""

from __future__ import annotations

import argparse
import asyncio

from bot.config import Settings

HELP = "reads calendars and looks after their bots"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "Runs until SIGTERM or Ctrl-C; what was under way is read again by whoever comes next."
    parser.add_argument("--check", action="store_true", help="start nothing: exit 0 when the database is reached")


def run(args: argparse.Namespace, settings: Settings) -> int:
    asyncio.run(_check(settings) if args.check else _run(settings))
    return 0


async def _check(settings: Settings) -> None:
    """That something is due says nothing: a calendar's server may be down."""
    from datetime import UTC, datetime

    from bot.store import calendars
    from bot.store.session import Database

    async with Database.open(settings) as database, database.read() as session:
        await calendars.any_due(session, now=datetime.now(UTC))


async def _run(settings: Settings) -> None:
    from bot.calendars.ics.feed import LIMITS
    from bot.calendars.keeper import Keeper
    from bot.clock import RealClock
    from bot.commands.stopping import until_stopped
    from bot.egress.addresses import parse_networks
    from bot.egress.requests import Egress
    from bot.store.session import Database
    from bot.vault import Vault

    sender = Egress(allow=parse_networks(settings.egress_allow), limits=LIMITS)
    async with Database.open(settings) as database, asyncio.TaskGroup() as group:
        keeper = Keeper(database, Vault.of(settings), sender, clock=RealClock())
        serving = group.create_task(keeper.run())
        await until_stopped()
        serving.cancel()
