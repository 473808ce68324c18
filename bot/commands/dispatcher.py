"""`understudy dispatcher`: claims due bots, relays the outbox, reaps the dead. Several may run beside each other."""

from __future__ import annotations

import argparse
import asyncio

from bot.config import Settings

HELP = "claims due bots, relays the outbox, reaps the dead"
OVERDUE_S = 30.0


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "Runs until SIGTERM or Ctrl-C; another one may take over at any moment."
    parser.add_argument("--check", action="store_true", help="start nothing: exit 0 when no bot waits to be claimed")


def run(args: argparse.Namespace, settings: Settings) -> int:
    if args.check:
        return int(asyncio.run(_overdue(settings)))
    asyncio.run(_run(settings))
    return 0


async def _overdue(settings: Settings) -> bool:
    """Is a bot due that nobody has claimed for a while?"""
    from datetime import UTC, datetime, timedelta

    from bot.store import leases
    from bot.store.session import Database

    async with Database.open(settings) as database, database.read() as session:
        return await leases.any_due(session, due_by=datetime.now(UTC) - timedelta(seconds=OVERDUE_S))


async def _run(settings: Settings) -> None:
    from bot.clock import RealClock
    from bot.commands.stopping import until_stopped
    from bot.scheduling.celery_app import connect_ahead, launch_routes, make_celery
    from bot.scheduling.dispatcher import Dispatcher
    from bot.scheduling.policy import DEFAULT, IN_A_CLUSTER
    from bot.scheduling.retention import Retention
    from bot.store.session import Database

    app = make_celery(settings)
    routes = launch_routes(app)
    async with Database.open(settings) as database, asyncio.TaskGroup() as group:
        clock = RealClock()
        retention = Retention(database, home=settings.home, default_days=settings.retention_days, clock=clock)
        policy = IN_A_CLUSTER if settings.kubernetes_template else DEFAULT
        dispatcher = Dispatcher(database, routes, clock=clock, policy=policy, retention=retention)
        tasks = [group.create_task(dispatcher.run()), group.create_task(connect_ahead(app))]
        await until_stopped()
        for task in tasks:
            task.cancel()
