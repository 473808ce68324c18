"""The Celery tasks: each parses, calls one function, and says when to try again."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery

from bot.errors import BotError
from bot.log import get_log
from bot.scheduling.launchers import Launch, Launcher

log = get_log(__name__)

LAUNCH_BOT, LAUNCH_BOTS = "launch_bot", "launch_bots"
RETRY_S = 2
RETRIES = 8  # then the lease's launch deadline is near, and the reaper schedules the bot again


def add_tasks(app: Celery, launcher: Launcher) -> None:
    @app.task(name=LAUNCH_BOT, bind=True, shared=False, max_retries=RETRIES)  # type: ignore[untyped-decorator]
    def launch_bot(task: Any, bot_id: str, attempt: int) -> None:
        refused = _refused(launcher, task, bot_id, attempt)
        if refused is not None:
            raise task.retry(exc=refused, countdown=RETRY_S)

    @app.task(name=LAUNCH_BOTS, bind=True, shared=False, max_retries=RETRIES)  # type: ignore[untyped-decorator]
    def launch_bots(task: Any, launches: list[tuple[str, int]]) -> None:
        """Some that were due together; those that are refused for now are tried again, the others are started."""
        answers = [(launch, _refused(launcher, task, *launch)) for launch in launches]
        again = [launch for launch, refused in answers if refused is not None]
        if again:
            raise task.retry(args=[again], exc=next(filter(None, (one for _, one in answers))), countdown=RETRY_S)


def _refused(launcher: Launcher, task: Any, bot_id: str, attempt: int) -> BotError | None:
    """Why the launch is to be asked for again; None when it is not."""
    launch = Launch(bot_id=bot_id, attempt=attempt, task_id=task.request.id, worker_pid=os.getpid())
    try:
        launcher.start(launch)
    except BotError as error:
        log.warning("a launch was refused", bot_id=bot_id, attempt=attempt, code=error.code)
        return error if error.retryable else None
    return None
