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
    import shutil
    import tempfile

    from bot.scheduling.celery_app import LAUNCH_QUEUE, make_celery
    from connectors.kit.folders import make_folder

    folder = make_folder("worker")  # Celery's pool keeps files as long as it runs; swept where it is killed
    tempfile.tempdir = str(folder)
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
    try:
        worker.start()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return int(worker.exitcode or 0)
