"""`understudy calendar-keeper`: reads calendars and looks after their bots. Several may run beside each other."""

from __future__ import annotations

import argparse
import asyncio
from typing import TYPE_CHECKING, Any

from bot.config import Settings

if TYPE_CHECKING:
    from bot.calendars.google.client import Google
    from bot.calendars.microsoft.client import Microsoft
    from bot.calendars.sources import Source
    from bot.egress.requests import Egress
    from bot.store.session import Database
    from bot.vault import Vault

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
    from bot.calendars.keeper import Keeper
    from bot.clock import RealClock
    from bot.commands.stopping import until_stopped
    from bot.store.session import Database
    from bot.vault import Vault

    async with Database.open(settings) as database, asyncio.TaskGroup() as group:
        vault = Vault.of(settings)
        keeper = Keeper(database, vault, sources_of(settings, database, vault), clock=RealClock())
        serving = group.create_task(keeper.run())
        await until_stopped()
        serving.cancel()


def google_of(settings: Settings) -> Google | None:
    """None: this installation is not registered with Google."""
    from bot.calendars.google.client import App, Google

    app = App.of(settings)
    return Google(_sender(settings), app) if app is not None else None


def microsoft_of(settings: Settings) -> Microsoft | None:
    """None: this installation is not registered with Microsoft."""
    from bot.calendars.microsoft.client import App, Microsoft

    app = App.of(settings)
    return Microsoft(_sender(settings), app) if app is not None else None


def sources_of(settings: Settings, database: Database, vault: Vault) -> dict[str, Source]:
    """Where this installation reads calendars."""
    from bot.calendars.google.source import GoogleSource
    from bot.calendars.ics.source import IcsSource
    from bot.calendars.microsoft.source import MicrosoftSource

    own_hosts = settings.own_meeting_hosts
    sources: dict[str, Source] = {"ics": IcsSource(_sender(settings), own_hosts=own_hosts)}
    given: dict[str, Any] = {"public_url": settings.public_url, "own_hosts": own_hosts}
    google, microsoft = google_of(settings), microsoft_of(settings)
    if google is not None:
        sources["google"] = GoogleSource(google, database, vault, **given)
    if microsoft is not None:
        sources["microsoft"] = MicrosoftSource(microsoft, database, vault, **given)
    return sources


def _sender(settings: Settings) -> Egress:
    from bot.calendars.ics.feed import LIMITS
    from bot.egress.addresses import parse_networks
    from bot.egress.requests import Egress

    return Egress(allow=parse_networks(settings.egress_allow), limits=LIMITS)
