"""`understudy secrets`: change the keys that seal secrets in the database, while everything runs."""

from __future__ import annotations

import argparse
import asyncio

from bot.config import Settings

HELP = "change the keys that seal secrets"


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("rotate", help="add a new key and seal everything with it; the old ones still open")
    actions.add_parser("retire", help="drop all but the newest key, once every host has the file that `rotate` wrote")


def run(args: argparse.Namespace, settings: Settings) -> int:
    asyncio.run(_run(args.action, settings))
    return 0


async def _run(action: str, settings: Settings) -> None:
    from bot.store import sealed
    from bot.store.session import Database
    from bot.vault import Vault

    vault = Vault.of(settings)
    async with Database.open(settings) as database:
        if action == "rotate":
            vault.add_key()
            print(
                f"a new key is in {vault.file}; secrets sealed with it: {await sealed.reseal(database, vault.reseal)}"
            )
            return
        count = await sealed.reseal(database, vault.reseal)
        retired = vault.retire_keys()
        await sealed.reseal(database, vault.reseal)  # what another process sealed in between
        print(f"keys retired: {retired}; secrets sealed with the one that is left: {count}")
