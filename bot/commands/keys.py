"""`understudy keys`: make, list and revoke API keys; set-up tokens for the dashboard. Each is in the audit trail."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from bot.commands.person import write_down
from bot.config import Settings
from bot.domain.roles import ALL_SCOPES, Role
from bot.errors import BadInput

if TYPE_CHECKING:
    from bot.store.session import Session

HELP = "make API keys"
ROLES = [role.value for role in Role]
MAY = "what it may do: a viewer looks, an operator runs bots and calendars, an admin all (when left out)"
MOST_DAYS = 3650


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    create = actions.add_parser("create", help="make a key and show it, this once")
    create.add_argument("--name", default="command line", help="what the key is for")
    may = create.add_mutually_exclusive_group()
    may.add_argument("--role", choices=ROLES, default=Role.ADMIN, help=MAY)
    may.add_argument("--scopes", default="", help="instead of a role: these alone, also later (bots:read,bots:write)")
    create.add_argument("--days", type=float, help="it opens nothing after so many days")
    create.add_argument("--json", action="store_true", help="print id and key as JSON")
    actions.add_parser("list", help="the keys there are, without their secrets")
    sign_in = actions.add_parser("sign-in", help="print a set-up token for the dashboard: good once, for an hour")
    sign_in.add_argument("--role", choices=ROLES, default=Role.ADMIN, help=MAY)
    actions.add_parser("sign-out", help="sign every browser out of the dashboard; set-up tokens open nothing any more")
    revoke = actions.add_parser("revoke", help="from now on the key opens nothing")
    revoke.add_argument("key_id", metavar="ID")


def run(args: argparse.Namespace, settings: Settings) -> int:
    asyncio.run(_run(args, settings))
    return 0


async def _run(args: argparse.Namespace, settings: Settings) -> None:
    from bot.store import workspaces
    from bot.store.session import Database

    async with Database.open(settings) as database, database.write() as session:
        workspace = await workspaces.ensure(session)
        await ACTIONS[args.action](args, settings, session, workspace.id)


async def _create(args: argparse.Namespace, _settings: Settings, session: Session, workspace_id: str) -> None:
    from bot.store import keys

    may: dict[str, Any] = {"scopes": _scopes(args.scopes)} if args.scopes else {"role": Role(args.role)}
    may |= {"name": args.name, "expires_at": _end(args.days)}
    made, text = await keys.create(session, workspace_id=workspace_id, **may)
    await _write_down(session, workspace_id, "create_key", made.id, {"name": made.name, "role": made.role})
    print(json.dumps({"id": made.id, "key": text}) if args.json else text)


async def _sign_in(args: argparse.Namespace, settings: Settings, session: Session, workspace_id: str) -> None:
    from bot.store import sign_ins

    token = await sign_ins.issue_token(session, workspace_id=workspace_id, role=Role(args.role), now=datetime.now(UTC))
    await _write_down(session, workspace_id, "create_setup_token", "", {"role": args.role})
    page = f"{settings.own_url}/dashboard/"
    print(f"Paste this into {page}, or open {page}#token={token}", file=sys.stderr)
    print(f"It signs in one browser as {args.role}, once, within an hour.", file=sys.stderr, flush=True)
    print(token)  # alone on standard output, for scripts


async def _sign_out(_args: argparse.Namespace, _settings: Settings, session: Session, workspace_id: str) -> None:
    from bot.store import sign_ins

    ended = await sign_ins.end_all(session, workspace_id=workspace_id)
    await _write_down(session, workspace_id, "end_all_sessions", "", {"sessions": ended})
    print(f"signed out {ended}")


async def _revoke(args: argparse.Namespace, _settings: Settings, session: Session, workspace_id: str) -> None:
    from bot.store import keys

    await keys.revoke(session, args.key_id, workspace_id=workspace_id, now=datetime.now(UTC))
    await _write_down(session, workspace_id, "revoke_key", args.key_id, {})
    print(f"revoked {args.key_id}")


async def _list(_args: argparse.Namespace, _settings: Settings, session: Session, workspace_id: str) -> None:
    from bot.store import keys

    for key in await keys.list_all(session, workspace_id=workspace_id):
        over = key.expires_at is not None and key.expires_at <= datetime.now(UTC)
        state = "revoked" if key.revoked_at else "expired" if over else "active"
        may = key.role or ", ".join(key.scopes)
        print(f"{key.id}  {state:7}  made {key.created_at:%Y-%m-%d}  {key.name}  ({may})")


ACTIONS = {"create": _create, "sign-in": _sign_in, "sign-out": _sign_out, "revoke": _revoke, "list": _list}


async def _write_down(session: Session, workspace_id: str, action: str, key_id: str, details: dict[str, Any]) -> None:
    whose = f"/keys/{key_id}" if key_id else "/dashboard/session"
    await write_down(session, workspace_id, action=action, object=whose, details=details)


def _scopes(text: str) -> tuple[str, ...]:
    """Raises BadInput."""
    wanted = tuple(one.strip() for one in text.split(",") if one.strip())
    unknown = sorted(set(wanted) - set(ALL_SCOPES))
    if unknown or not wanted:
        raise BadInput(f"There is no scope {', '.join(unknown) or text!r}; there are {', '.join(ALL_SCOPES)}.")
    return wanted


def _end(days: float | None) -> datetime | None:
    """Raises BadInput."""
    if days is None:
        return None
    if not 0 < days <= MOST_DAYS:
        raise BadInput(f"A key lasts for more than 0 and at most {MOST_DAYS} days.")
    return datetime.now(UTC) + timedelta(days=days)
