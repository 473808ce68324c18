"""`understudy calendar`: have bots follow a calendar, and see why one joins a meeting or does not.

It writes to the database, so it works while the API does not; `understudy calendar-keeper`, which `up` runs, reads the
calendars every few minutes.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bot.config import Settings
from bot.errors import BadInput

if TYPE_CHECKING:
    from bot.api.calendar_schemas import EventView
    from bot.calendars.model import Rules
    from bot.store.calendars import Calendar
    from bot.store.session import Database, Session

HELP = "have bots follow a calendar, and see why"
JOIN = ("chosen", "accepted", "all")
PROVIDERS = ("google", "microsoft")


class NotRegistered(BadInput):
    """This installation is not registered with that provider, or UNDERSTUDY_PUBLIC_URL is not set."""

    code = "not_registered"


class NoOwner(BadInput):
    """Say whose calendar it is, by --owner E-MAIL: the account that will agree. Two accounts are told apart by it."""

    code = "no_owner"


class NoCharacter(BadInput):
    """There is no character of this name; `understudy character list` shows them."""

    code = "no_character"


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    connect = actions.add_parser("connect", help="follow this iCalendar feed, or an account's calendar")
    connect.add_argument(
        "url",
        metavar="URL",
        help="https or webcal; a secret address, kept sealed and not shown again. google or microsoft: tells what to"
        " open in the owner's browser",
    )
    connect.add_argument("--join", choices=JOIN, default="chosen", help="chosen: only events you choose one by one")
    connect.add_argument("--character", default="", metavar="NAME", help="who goes; otherwise the first there is")
    connect.add_argument("--name", default="", help="how to call the calendar")
    connect.add_argument(
        "--owner",
        default="",
        metavar="E-MAIL",
        help="whose it is, to tell what they answered; google and microsoft need it",
    )
    connect.add_argument("--external", default="", metavar="DOMAINS", help="only with someone from outside these")
    connect.add_argument("--keywords", default="", metavar="A,B", help="only events with one of these in the title")
    shown = actions.add_parser("list", help="the calendars, and what comes up with the reason for each")
    shown.add_argument("--limit", type=int, default=30, metavar="N")
    sync = actions.add_parser("sync", help="read one calendar now, or all")
    sync.add_argument("calendar", metavar="ID", nargs="?")
    for name, line in {
        "why": "one event: does a bot join, why, and by which of its links",
        "join": "have a bot join this event, whatever the rules say",
        "skip": "have no bot join this event",
        "reset": "let the rules decide for this event again",
    }.items():
        actions.add_parser(name, help=line).add_argument("event", metavar="EVENT")
    actions.add_parser("disconnect", help="forget a calendar; its bots are taken back").add_argument(
        "calendar", metavar="ID"
    )


def run(args: argparse.Namespace, settings: Settings) -> int:
    asyncio.run(_run(args, settings))
    return 0


@dataclass(frozen=True, kw_only=True, slots=True)
class _Work:
    args: Any
    settings: Settings
    database: Database
    session: Session
    workspace_id: str
    now: datetime


async def _run(args: argparse.Namespace, settings: Settings) -> None:
    from bot.store import workspaces
    from bot.store.session import Database

    async with Database.open(settings) as database:
        async with database.write() as session:
            workspace = await workspaces.ensure(session)
            given: dict[str, Any] = {"args": args, "settings": settings, "database": database, "session": session}
            work = _Work(**given, workspace_id=workspace.id, now=datetime.now(UTC))
            lines = await _ACTIONS[args.action](work)
        if args.action == "sync":
            lines += await _read_now(settings, database)
    for line in lines:  # only what is safe in the database is told
        print(line)


async def _connect(work: _Work) -> list[str]:
    from bot.calendars.connect import connect
    from bot.calendars.model import Join, Rules
    from bot.egress.addresses import parse_networks
    from bot.vault import Vault

    args, domains = work.args, _words(work.args.external)
    rules = Rules(join=Join(args.join), external_only=bool(domains), domains=domains, keywords=_words(args.keywords))
    if args.url in PROVIDERS:
        return [await _begin(work, rules)]
    made = await connect(
        work.session,
        Vault.of(work.settings),
        workspace_id=work.workspace_id,
        address=args.url,
        character_id=await _character(work),
        rules=rules,
        name=args.name,
        owner=args.owner,
        allow=parse_networks(work.settings.egress_allow),
        now=work.now,
    )
    return [f"{made.id}  {made.name}  `understudy calendar sync` reads it now; `understudy up` every few minutes"]


async def _begin(work: _Work, rules: Rules) -> str:
    """What the owner opens; the API connects the calendar when they come back. Raises NotRegistered, NoOwner,
    BadOwner."""
    from bot.api.consent import begin_url
    from bot.commands.calendar_keeper import google_of, microsoft_of
    from bot.vault import Vault

    args, settings = work.args, work.settings
    registered = {"google": google_of, "microsoft": microsoft_of}[args.url](settings)
    if registered is None or not settings.public_url:
        raise NotRegistered
    if not args.owner.strip():
        raise NoOwner
    return begin_url(
        Vault.of(settings),
        provider=args.url,
        public_url=settings.public_url,
        workspace_id=work.workspace_id,
        owner=args.owner,
        calendar="primary",
        character_id=await _character(work),
        rules=rules,
        now=work.now,
    )


async def _character(work: _Work) -> str:
    from bot.store import characters

    found = await characters.list_all(work.session, workspace_id=work.workspace_id)
    wanted = work.args.character.casefold()
    chosen = next((one for one in found if not wanted or wanted in (one.name.casefold(), one.slug, one.id)), None)
    if chosen is None:
        raise NoCharacter
    return chosen.id


async def _list(work: _Work) -> list[str]:
    from bot.api.calendar_schemas import EventView
    from bot.store import calendar_events, calendars

    mine = {"workspace_id": work.workspace_id}
    found = await calendars.list_all(work.session, **mine)
    wanted: dict[str, Any] = {"ended_after": work.now, "calendar_id": None, "limit": max(1, work.args.limit)}
    stored = await calendar_events.upcoming(work.session, workspace_id=work.workspace_id, **wanted)
    meetings = {one.id: one for one in await calendar_events.meetings(work.session, of=stored, **mine)}
    views = [EventView.of(one, meetings.get(one.meeting_id or "")) for one in stored]
    return [*(calendar_line(one) for one in found), *(event_line(view) for view in views)]


async def _sync(work: _Work) -> list[str]:
    from bot.store import calendars

    mine = {"workspace_id": work.workspace_id}
    wanted = work.args.calendar
    ids = [wanted] if wanted else [one.id for one in await calendars.list_all(work.session, **mine)]
    for calendar_id in ids:
        await calendars.due_now(work.session, calendar_id, now=work.now, **mine)
    return []


async def _read_now(settings: Settings, database: Database) -> list[str]:
    """What is due, and how it went."""
    from bot.calendars.keeper import Keeper
    from bot.clock import RealClock
    from bot.commands.calendar_keeper import sources_of
    from bot.store import calendars, workspaces
    from bot.vault import Vault

    vault = Vault.of(settings)
    keeper = Keeper(database, vault, sources_of(settings, database, vault), clock=RealClock())
    while await keeper.sync_due():
        pass
    async with database.write() as session:
        workspace = await workspaces.ensure(session)
        return [calendar_line(one) for one in await calendars.list_all(session, workspace_id=workspace.id)]


async def _why(work: _Work) -> list[str]:
    from bot.api.calendar_schemas import EventView
    from bot.store import calendar_events

    mine = {"workspace_id": work.workspace_id}
    stored = await calendar_events.get(work.session, work.args.event, **mine)
    parts = await calendar_events.meetings(work.session, of=[stored], **mine)
    view = EventView.of(stored, parts[0] if parts else None)
    links = [f"  link {one.source}: {_printable(one.url)}" for one in view.links]
    chosen = [f"  taken: {view.chosen_because}"] if view.chosen_link else []
    bot = (
        [f"  meeting {view.meeting}, bot {view.bot_id or 'none'} {view.bot_state or ''}".rstrip()]
        if view.meeting
        else []
    )
    return [event_line(view), *links, *chosen, *bot]


async def _override(work: _Work) -> list[str]:
    from bot.calendars.reconcile import reconcile
    from bot.store import calendar_events, occurrences

    event_id, join = work.args.event, {"join": True, "skip": False, "reset": None}[work.args.action]
    mine = {"workspace_id": work.workspace_id}
    await occurrences.lock_workspace(work.session, work.workspace_id)
    await calendar_events.set_override(work.session, event_id, join=join, now=work.now, **mine)
    await reconcile(work.session, work.workspace_id, now=work.now, insist_on=event_id if join else None)
    return await _why(work)


async def _disconnect(work: _Work) -> list[str]:
    from bot.calendars.reconcile import reconcile
    from bot.store import calendars

    removed = await calendars.remove(work.session, work.args.calendar, workspace_id=work.workspace_id, now=work.now)
    done = await reconcile(work.session, work.workspace_id, now=work.now)
    return [f"disconnected {removed.id}; {done.withdrawn} bots taken back"]


_ACTIONS: dict[str, Callable[[_Work], Awaitable[list[str]]]] = {
    "connect": _connect,
    "list": _list,
    "sync": _sync,
    "why": _why,
    "join": _override,
    "skip": _override,
    "reset": _override,
    "disconnect": _disconnect,
}


def calendar_line(calendar: Calendar) -> str:
    read = f"read {calendar.synced_at:%m-%d %H:%M}" if calendar.synced_at else "not read yet"
    trouble = f"  {calendar.code}: {calendar.detail}" if calendar.code else ""
    return f"{calendar.id}  {calendar.state}  {read}  {_printable(calendar.name)}{trouble}"


def event_line(view: EventView) -> str:
    at = f"{view.starts_at:%m-%d %H:%M}" if view.starts_at else "-----------"
    verdict = {"join": "joins", "stay_away": "stays away", "let_be": "lets be"}.get(view.verdict, "undecided")
    return f"{view.id}  {at}  {verdict:10}  {_printable(view.title)[:60]}  ({view.because})"


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _printable(text: str) -> str:
    """Foreign words without what could command a terminal."""
    return "".join(character if character.isprintable() else " " for character in text)
