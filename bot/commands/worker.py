"""`understudy worker`: a Celery worker alone. It asks for launches; the bots are the bot host's."""

from __future__ import annotations

import argparse

from bot.config import Settings

HELP = "a Celery worker alone"
CONCURRENCY = 2


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "Restarting a worker ends no meeting. SIGTERM lets it finish the tasks it has begun."


def run(args: argparse.Namespace, settings: Settings) -> int:
    import platform

    from bot.scheduling.celery_app import LAUNCH_QUEUE, make_celery

    worker = make_celery(settings).Worker(
        hostname=f"understudy@{platform.node()}",
        queues=[LAUNCH_QUEUE],
        concurrency=CONCURRENCY,
        pool="prefork",
        loglevel=settings.log_level,
        redirect_stdouts=False,
        without_mingle=True,
        without_gossip=True,
    )
    worker.start()
    return int(worker.exitcode or 0)
