"""`understudy bot-host`: owns the bot processes of this host."""

from __future__ import annotations

import argparse
import asyncio

from bot.config import Settings

HELP = "owns the bot processes of this host"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "SIGTERM or Ctrl-C: every bot says goodbye and leaves; after 28 s what is left is killed."
    parser.add_argument("--check", action="store_true", help="start nothing: exit 0 when the one here answers, else 1")


def run(args: argparse.Namespace, settings: Settings) -> int:
    from bot.scheduling.launchers.subprocess import host_answers, host_socket

    if args.check:
        return int(not host_answers(host_socket(settings.home)))
    asyncio.run(_run(settings))
    return 0


async def _run(settings: Settings) -> None:
    from bot.clock import RealClock
    from bot.commands.stopping import stop_event
    from bot.scheduling.host import BotHost
    from bot.scheduling.launchers.subprocess import host_socket
    from bot.store.session import Database

    async with Database.open(settings) as database:
        host = BotHost(
            database,
            socket=host_socket(settings.home),
            logs=settings.home / "logs" / "bots",
            max_bots=settings.max_bots,
            clock=RealClock(),
        )
        await host.run(stop_event())
