"""`understudy worker`: a Celery worker alone. It asks for launches; the bots are the bot host's."""

from __future__ import annotations

import argparse

from bot.config import Settings

HELP = "a Celery worker alone"
CONCURRENCY = 2


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "Restarting a worker ends no meeting. SIGTERM lets it finish the tasks it has begun."
    parser.add_argument("--check", action="store_true", help="start nothing: exit 0 when the one here answers, else 1")


def run(args: argparse.Namespace, settings: Settings) -> int:
    from bot.scheduling.celery_app import LAUNCH_QUEUE, make_celery, worker_answers, worker_name

    if args.check:
        return int(not worker_answers(make_celery(settings)))
    worker = make_celery(settings).Worker(
        hostname=worker_name(),
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
