"""`understudy up`: the whole installation as one tree, until it is told to stop."""

from __future__ import annotations

import argparse
import asyncio

from bot.config import Settings
from bot.supervision.installation import (
    LOCAL_KEY,
    dashboard_link,
    ensure_shipped_character,
    installation,
    local_key,
    only_one,
    upgrade_database,
)
from bot.supervision.tree import Tree, run_tree

HELP = "API, worker, dispatcher, bot host and broker as one tree"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "Ctrl-C: bots say goodbye and all stops; a second Ctrl-C kills at once."


def run(args: argparse.Namespace, settings: Settings) -> int:
    with only_one(settings.home):
        asyncio.run(up(settings))
    return 0


async def up(settings: Settings) -> None:
    """Runs until SIGINT or SIGTERM. Raises AddressInUse, NoBroker, CommandFailed, ChildFailed, ChildKeepsEnding."""
    settings, specs = installation(settings)
    await upgrade_database(settings)
    await ensure_shipped_character(settings)

    async def serve(tree: Tree) -> None:
        first_time = not (settings.home / LOCAL_KEY).exists()
        await local_key(settings)
        address = settings.own_url
        print(f"page     {await dashboard_link(settings)}   signs in one browser, once, within an hour")
        print(f"API      {address}/api/v1   description: {address}/openapi.json")
        print(f"API key  in {settings.home / LOCAL_KEY}{' (made now)' if first_time else ''}")
        print(f"logs     in {settings.home / 'logs'}")
        print("Ctrl-C stops: bots say goodbye first. A second Ctrl-C kills at once.", flush=True)
        await tree.until_stopped()

    await run_tree(specs, log_folder=settings.home / "logs", body=serve)
    print("stopped")
