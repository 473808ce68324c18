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
    import shutil
    import tempfile

    from bot.scheduling.celery_app import LAUNCH_QUEUE, make_celery, worker_answers, worker_name
    from connectors.kit.folders import make_folder

    if args.check:
        return int(not worker_answers(make_celery(settings)))
    folder = make_folder("worker")  # Celery's pool keeps files as long as it runs; swept where it is killed
    tempfile.tempdir = str(folder)
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
    try:
        worker.start()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return int(worker.exitcode or 0)
