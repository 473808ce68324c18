"""`understudy bot-host`: owns the bot processes of this host."""

from __future__ import annotations

import argparse
import asyncio

from bot.config import Settings

HELP = "owns the bot processes of this host"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "SIGTERM or Ctrl-C: every bot says goodbye and leaves; after 28 s what is left is killed."
    parser.add_argument("--only", metavar="BOT", help="own this one bot until it is over: for a container of its own")
    parser.add_argument("--attempt", type=int, default=1, help="of that bot, as its launch says")
    parser.add_argument("--task-id", default="", help="of what asked for the launch")
    parser.add_argument("--check", action="store_true", help="start nothing: exit 0 when the one here answers, else 1")


def run(args: argparse.Namespace, settings: Settings) -> int:
    from bot.scheduling.launchers.subprocess import host_answers, host_socket

    if args.check:
        return int(not host_answers(host_socket(settings.home)))
    return asyncio.run(_run(args, settings))


async def _run(args: argparse.Namespace, settings: Settings) -> int:
    import os

    from bot.clock import RealClock
    from bot.commands.stopping import stop_event
    from bot.scheduling.host import BotHost
    from bot.scheduling.launchers import Launch
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
        if args.only is None:
            await host.run(stop_event())
            return 0
        only = Launch(bot_id=args.only, attempt=args.attempt, task_id=args.task_id, worker_pid=os.getppid())
        return int(not await host.run_one(only, stop_event()))
