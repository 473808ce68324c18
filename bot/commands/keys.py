"""`understudy keys`: make, list and revoke API keys."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.config import Settings
from bot.errors import BadInput

HELP = "make API keys"
MOST_DAYS = 3650


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    create = actions.add_parser("create", help="make a key and show it, this once")
    create.add_argument("--name", default="command line", help="what the key is for")
    create.add_argument("--scopes", default="", help="what it may do (bots:read,bots:write); all when left out")
    create.add_argument("--days", type=float, help="it opens nothing after so many days")
    create.add_argument("--json", action="store_true", help="print id and key as JSON")
    actions.add_parser("list", help="the keys there are, without their secrets")
    actions.add_parser("sign-in", help="print a set-up token for the dashboard: good once, for an hour")
    actions.add_parser("sign-out", help="sign every browser out of the dashboard; set-up tokens open nothing any more")
    revoke = actions.add_parser("revoke", help="from now on the key opens nothing")
    revoke.add_argument("key_id", metavar="ID")


def run(args: argparse.Namespace, settings: Settings) -> int:
    asyncio.run(_run(args, settings))
    return 0


async def _run(args: argparse.Namespace, settings: Settings) -> None:
    from bot.store import keys, sign_ins, workspaces
    from bot.store.session import Database

    async with Database.open(settings) as database, database.write() as session:
        workspace = await workspaces.ensure(session)
        if args.action == "create":
            limits: dict[str, Any] = {"scopes": _scopes(args.scopes), "expires_at": _end(args.days)}
            key, text = await keys.create(session, workspace_id=workspace.id, name=args.name, **limits)
            print(json.dumps({"id": key.id, "key": text}) if args.json else text)
        elif args.action == "sign-in":
            token = await sign_ins.issue_token(session, workspace_id=workspace.id, now=datetime.now(UTC))
            page = f"{settings.own_url}/dashboard/"
            print(f"Paste this into {page}, or open {page}#token={token}", file=sys.stderr)
            print("It signs in one browser, once, within an hour.", file=sys.stderr, flush=True)
            print(token)  # alone on standard output, for scripts
        elif args.action == "sign-out":
            print(f"signed out {await sign_ins.end_all(session, workspace_id=workspace.id)}")
        elif args.action == "revoke":
            await keys.revoke(session, args.key_id, workspace_id=workspace.id, now=datetime.now(UTC))
            print(f"revoked {args.key_id}")
        else:
            for key in await keys.list_all(session, workspace_id=workspace.id):
                over = key.expires_at is not None and key.expires_at <= datetime.now(UTC)
                state = "revoked" if key.revoked_at else "expired" if over else "active"
                all_of_them = set(key.scopes) >= set(keys.ALL_SCOPES)
                scopes = "" if all_of_them else f"  ({', '.join(key.scopes)})"
                print(f"{key.id}  {state:7}  made {key.created_at:%Y-%m-%d}  {key.name}{scopes}")


def _scopes(text: str) -> tuple[str, ...]:
    """Raises BadInput."""
    from bot.store.keys import ALL_SCOPES

    wanted = tuple(one.strip() for one in text.split(",") if one.strip())
    unknown = sorted(set(wanted) - set(ALL_SCOPES))
    if unknown:
        raise BadInput(f"There is no scope {', '.join(unknown)}; there are {', '.join(ALL_SCOPES)}.")
    return wanted or ALL_SCOPES


def _end(days: float | None) -> datetime | None:
    """Raises BadInput."""
    if days is None:
        return None
    if not 0 < days <= MOST_DAYS:
        raise BadInput(f"A key lasts for more than 0 and at most {MOST_DAYS} days.")
    return datetime.now(UTC) + timedelta(days=days)
