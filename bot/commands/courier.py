"""`understudy courier`: brings webhooks to users' servers. Several may run beside each other."""

from __future__ import annotations

import argparse
import asyncio

from bot.config import Settings

HELP = "brings webhooks to users' servers"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "Runs until SIGTERM or Ctrl-C; what was under way is sent again under the same id."
    parser.add_argument("--check", action="store_true", help="start nothing: exit 0 when the database is reached")


def run(args: argparse.Namespace, settings: Settings) -> int:
    asyncio.run(_check(settings) if args.check else _run(settings))
    return 0


async def _check(settings: Settings) -> None:
    """That something is due says nothing: behind a server that is down deliveries wait in order."""
    from datetime import UTC, datetime

    from bot.store import webhook_deliveries
    from bot.store.session import Database

    async with Database.open(settings) as database, database.read() as session:
        await webhook_deliveries.any_due(session, now=datetime.now(UTC))


async def _run(settings: Settings) -> None:
    from bot.clock import RealClock
    from bot.commands.stopping import until_stopped
    from bot.egress.addresses import parse_networks
    from bot.egress.requests import Egress
    from bot.store.session import Database
    from bot.vault import Vault
    from bot.webhooks.courier import Courier

    sender = Egress(allow=parse_networks(settings.egress_allow))
    async with Database.open(settings) as database, asyncio.TaskGroup() as group:
        courier = Courier(database, Vault.of(settings), sender, clock=RealClock())
        serving = group.create_task(courier.run())
        await until_stopped()
        serving.cancel()
