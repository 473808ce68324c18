"""`understudy audit`: the trail of who changed what by the API, and whether it is whole."""

from __future__ import annotations

import argparse
import asyncio
import json
from dataclasses import asdict

from bot.config import Settings
from bot.errors import Conflict

HELP = "the trail of who changed what, and whether it is whole"
PAGE = 500


class ChainBroken(Conflict):
    """The audit trail was changed: an entry does not follow from the one before it."""

    code = "audit_chain_broken"


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser(
        "verify", help="exit 0 when no entry was changed or taken out; prints the last hash, to be noted"
    )
    export = actions.add_parser("export", help="every entry as JSON Lines")
    export.add_argument("--after", type=int, default=0, metavar="SEQUENCE")


def run(args: argparse.Namespace, settings: Settings) -> int:
    asyncio.run(_run(args, settings))
    return 0


async def _run(args: argparse.Namespace, settings: Settings) -> None:
    """Raises ChainBroken."""
    from bot.store import audit, workspaces
    from bot.store.session import Database

    async with Database.open(settings) as database:
        async with database.write() as session:
            mine = {"workspace_id": (await workspaces.ensure(session)).id}
        if args.action == "verify":
            async with database.read() as session:
                broken = await audit.broken_at(session, **mine)
                last = await audit.last(session, **mine)
            if broken is not None:
                raise ChainBroken(f"The audit trail does not hold at entry {broken}.")
            print(f"{last.sequence} entries, the last is {last.sha256}" if last else "no entries")
            return
        after = args.after
        while True:
            async with database.read() as session:
                found = await audit.page(session, **mine, after=after, limit=PAGE)
            for entry in found:
                print(json.dumps(asdict(entry) | {"at": entry.at.isoformat()}))
            if len(found) < PAGE:
                return
            after = found[-1].sequence
