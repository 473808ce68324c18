"""`understudy db`: bring the database to this version, or say whether it is at it."""

from __future__ import annotations

import argparse
import asyncio

from bot.config import Settings

HELP = "bring the database to this version"


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("upgrade", help="bring the database to this version; safe to repeat and beside running parts")
    actions.add_parser("check", help="exit 0 when the database is at this version and equals its tables")
    revision = actions.add_parser("revision", help="for developers: write a migration from what the tables changed")
    revision.add_argument("message")


def run(args: argparse.Namespace, settings: Settings) -> int:
    return asyncio.run(_run(args, settings))


async def _run(args: argparse.Namespace, settings: Settings) -> int:
    from bot.store import schema
    from bot.store.session import Database

    async with Database.open(settings) as database:
        if args.action == "upgrade":
            print(f"the database is at {await schema.upgrade(database)}")
            return 0
        if args.action == "revision":
            print(await schema.revise(database, args.message))
            return 0
        here, needed = await schema.current(database), schema.head()
        schema.refuse_newer(here)
        if here != needed:
            print(f"the database is at {here or 'nothing'}, this version needs {needed}: run `understudy db upgrade`")
            return 1
        differs = await schema.differences(database)
        print(differs or f"the database is at {here}")
        return 1 if differs else 0
